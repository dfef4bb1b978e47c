"""Records are written whole, readable to the hub alone, and forgotten in time."""

from __future__ import annotations

import os
import time

import pytest

from onehub.core.causes import EXITED, SILENT, Evidence
from onehub.core.failures import Answer, Failure, Question
from onehub.hub.failures import Failures, bounded
from onehub.hub.records import answer

SEEN = Evidence(
    image="jupyterhub-user", exit_code=3, log=("größer",), mounts=("home:/home/jovyan/work",), seconds=1.5
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "failures"


def test_a_record_is_read_as_it_was_written(folder):
    Failures(folder, 60).record("0000aaaa", "alice", "", EXITED, SEEN)
    (kept,), unreadable = Failures(folder).kept()
    assert kept == Failure("0000aaaa", kept.when, "alice", "", EXITED, SEEN)
    assert kept.when.endswith("+00:00")
    assert unreadable == ()


def test_only_the_hub_reads_it_and_nothing_else_is_left(folder):
    Failures(folder, 60).record("0000aaaa", "../Łukasz" + "x" * 300, "", EXITED, SEEN)
    (file,) = folder.iterdir()
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert file.name.endswith("-..__ukasz" + "x" * 91 + "-0000aaaa.json")


def test_the_newest_comes_first_within_a_second(folder):
    records = Failures(folder, 60)
    for name in ("zoe", "alice", "mia"):
        records.record("0000aaaa", name, "", SILENT, SEEN)
    assert [failure.person for failure in records.kept()[0]] == ["mia", "alice", "zoe"]


def test_what_is_too_old_goes_with_the_next_one_halves_included(folder):
    records = Failures(folder, 3600)
    records.record("0000aaaa", "alice", "", EXITED, SEEN)
    (folder / "half.new").touch()
    for file in folder.iterdir():
        os.utime(file, (time.time() - 3601,) * 2)
    records.record("1111bbbb", "bob", "", EXITED, SEEN)
    assert [failure.person for failure in records.kept()[0]] == ["bob"]
    assert len(list(folder.iterdir())) == 1


def test_a_question_is_answered_from_the_folder(folder):
    assert answer(Question("alice"), folder) == Answer()
    Failures(folder, 60).record("0000aaaa", "alice", "", EXITED, SEEN)
    (folder / "20261123T000000-bob-1111bbbb.json").write_text('{"reference": "1111bbbb"}')
    found = answer(Question("alice"), folder)
    assert [failure.reference for failure in found.failures] == ["0000aaaa"]
    assert found.unreadable == ("20261123T000000-bob-1111bbbb.json",)


def test_of_one_person_only_the_latest_are_kept(folder):
    records = Failures(folder)
    for number in range(25):
        records.record(f"{number:08x}", "alice", "", EXITED, SEEN)
    for name in ("x-alice", "alice-x"):
        records.record("ffffffff", name, "", EXITED, SEEN)
    kept = [failure for failure in records.kept()[0] if failure.person == "alice"]
    assert [failure.reference for failure in kept] == [f"{number:08x}" for number in range(24, 4, -1)]
    assert len(list(folder.iterdir())) == 22


def test_of_a_log_without_measure_the_end_is_kept():
    lines = bounded(b"first\n" + b"/site-packages/jupyterhub/" * 100_000 + b"\n" + b"x" * 5_000 + b"\nlast\n")
    assert "first" not in lines
    assert lines[-1] == "last"
    assert max(map(len, lines)) == 1000
