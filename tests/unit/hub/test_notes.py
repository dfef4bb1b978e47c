from __future__ import annotations

import itertools

import pytest

from onehub.core.rehearsal import Stage
from onehub.hub.directory.session import DirectoryDown
from onehub.hub.notes import Ended, Notes


@pytest.fixture
def notes() -> Notes:
    """By its clock everything takes a quarter of a second."""
    clock = itertools.count(step=0.25)
    return Notes(clock=lambda: next(clock))


def test_a_stage_has_its_time(notes):
    with notes.stage("search") as draft:
        draft.text = "found"
    assert notes.stages == [Stage("search", "ok", "found", milliseconds=250)]


def test_a_directory_that_fails_ends_the_stage_with_its_words(notes):
    with pytest.raises(Ended), notes.stage("tls", "dc1:636", fix="directory.ca_file"):
        raise DirectoryDown("no TLS here", "tls")
    assert notes.stages == [Stage("tls", "failed", "no TLS here", "dc1:636", 250, fix="directory.ca_file")]


def test_a_refusal_carries_its_reason(notes):
    with pytest.raises(Ended) as ended, notes.stage("account") as draft:
        raise draft.refuse("disabled", fix="enable it")
    assert ended.value.because == "disabled"
    assert notes.stages == [Stage("account", "failed", "disabled", milliseconds=250, fix="enable it")]


def test_a_stage_in_which_the_connection_breaks_can_be_ended_from_outside(notes):
    with pytest.raises(OSError, match="cut"), notes.stage("search"):
        raise OSError("cut")
    notes.fail("lookup account", "the directory dc1 does not answer: cut")
    assert notes.stages == [Stage("search", "failed", "the directory dc1 does not answer: cut", milliseconds=250)]


def test_a_failure_before_any_stage_has_a_name_of_its_own(notes):
    notes.fail("lookup account", "no answer", "onehub doctor")
    assert notes.stages == [Stage("lookup account", "failed", "no answer", milliseconds=250, fix="onehub doctor")]


def test_a_failed_server_is_a_warning_where_another_answers(notes):
    with pytest.raises(Ended), notes.stage("connect", "dc1:636") as draft:
        raise draft.fail("refused")
    notes.skip("tls", subject="dc1:636")
    notes.soften()
    assert notes.stages == [
        Stage("connect", "warning", "refused; another server answers", "dc1:636", 250),
        Stage("tls", "not reached", subject="dc1:636"),
    ]
