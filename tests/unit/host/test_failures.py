from __future__ import annotations

from pathlib import Path

import pytest

from onehub.core.errors import HostNotReady
from onehub.core.failures import Answer, Question
from onehub.host.failures import read_failures
from tests.unit.core.test_failures import NEWEST
from tests.unit.examples import OWN, make_host


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A program called `docker` that does what the test says, and remembers what it was asked."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")

    def does(script: str) -> Path:
        (programs / "docker").write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/argv\ncat >{tmp_path}/stdin\n{script}\n')
        (programs / "docker").chmod(0o755)
        return tmp_path

    return does


def test_the_question_goes_in_by_stdin_and_the_answer_comes_back(docker):
    answer = Answer((NEWEST,))
    folder = docker(f"cat <<'END'\n{answer.to_json()}\nEND")
    assert read_failures(OWN, make_host(), folder, Question("alice")) == answer
    assert Question.from_json((folder / "stdin").read_text()) == Question("alice")
    assert "alice" not in (folder / "argv").read_text()


def test_without_a_data_volume_there_is_no_record_and_docker_makes_none(docker):
    folder = docker("exit 1")
    assert read_failures(OWN, make_host(volumes=frozenset()), folder, Question()) == Answer()
    assert not (folder / "argv").exists()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'No module named onehub.hub.records' >&2; exit 1", "exit code 1: No module named onehub.hub.records"),
        ("echo nonsense", "its answer cannot be read"),
    ],
)
def test_a_container_that_fails_is_a_host_that_is_not_ready(docker, script, why):
    with pytest.raises(HostNotReady) as error:
        read_failures(OWN, make_host(), docker(script), Question())
    assert str(error.value) == f"the hub's image could not read the records: {why}"
    assert error.value.hint == "`make build`, if onehub is newer than the image"


def test_without_the_hubs_image_nobody_can_be_asked(tmp_path):
    with pytest.raises(HostNotReady) as error:
        read_failures(OWN, make_host(images={}), tmp_path, Question())
    assert (str(error.value), error.value.hint) == (
        "the image localhost/onehub/hub:0.1.0 is not on this host",
        "`make build`",
    )
