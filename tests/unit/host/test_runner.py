from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from onehub.core.errors import StepFailed
from onehub.core.plan import Run, Step, Write
from onehub.host.files import write_atomically
from onehub.host.runner import Runner, capture, follow

AGAIN = "mend the cause and repeat; done steps stay done"


@dataclass
class Recorder:
    """Remembers what the runner told."""

    events: list[str] = field(default_factory=list)

    def started(self, number: int, total: int, step: Step) -> None:
        self.events.append(f"{number}/{total} {step}")

    def line(self, text: str) -> None:
        self.events.append(text)

    def finished(self, step: Step, seconds: float) -> None:
        self.events.append("done")


def sh(script: str) -> Run:
    return Run(("sh", "-c", script), "a test")


def apply(directory: Path, *plan: Step) -> list[str]:
    recorder = Recorder()
    Runner(directory, recorder).apply(plan)
    return recorder.events


def failure_of(directory: Path, *plan: Step) -> tuple[str, str]:
    with pytest.raises(StepFailed) as caught:
        apply(directory, *plan)
    assert caught.value.exit_code == 5
    return str(caught.value), caught.value.hint


# --- plans


def test_steps_are_told_and_run_in_the_directory(tmp_path):
    assert apply(tmp_path, sh("pwd; echo on stderr >&2"), Write(tmp_path / "a", "text", 0o600, "")) == [
        "1/2 sh -c 'pwd; echo on stderr >&2'",
        str(tmp_path),
        "on stderr",
        "done",
        f"2/2 write {tmp_path}/a (mode 0600)",
        "done",
    ]


def test_an_empty_plan_does_nothing(tmp_path):
    assert apply(tmp_path) == []


def test_programs_cannot_ask_questions(tmp_path):
    assert apply(tmp_path, sh("read answer || echo $DEBIAN_FRONTEND"))[1] == "noninteractive"


def test_output_that_is_not_text_is_shown_all_the_same(tmp_path):
    assert apply(tmp_path, sh(r"printf 'a\377b'"))[1] == "a\ufffdb"


def test_the_first_failure_stops_the_plan(tmp_path):
    message, hint = failure_of(tmp_path, sh("touch first"), sh("exit 3"), sh("touch third"))
    assert message == "step 2 of 3 failed: sh -c 'exit 3'\n  exit code 3"
    assert hint == AGAIN
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


def test_a_failure_repeats_the_last_lines(tmp_path):
    message, _ = failure_of(tmp_path, sh("seq 100; exit 1"))
    last = "".join(f"    {number}\n" for number in range(71, 101))
    assert message == f"step 1 of 1 failed: sh -c 'seq 100; exit 1'\n{last}  exit code 1"


def test_a_killed_program_is_a_failure(tmp_path):
    message, hint = failure_of(tmp_path, sh("kill -TERM $$"))
    assert message == "step 1 of 1 failed: sh -c 'kill -TERM $$'\n  ended by signal 15"
    assert hint == AGAIN


def test_a_missing_program_is_a_failure(tmp_path):
    message, _ = failure_of(tmp_path, Run(("no-such-program", "x"), ""))
    assert message == "step 1 of 1 failed: no-such-program x\n  the program no-such-program is not installed"


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path):
    (tmp_path / "secrets").touch()
    target = tmp_path / "secrets" / "ad.env"
    message, _ = failure_of(tmp_path, Write(target, "hunter2", 0o600, ""))
    assert message == f"step 1 of 1 failed: write {target} (mode 0600)\n  File exists: {tmp_path}/secrets"


# --- files


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400])
def test_a_file_has_its_mode_whatever_the_umask(tmp_path, mode):
    before = os.umask(0o777)
    try:
        write_atomically(tmp_path / "a", "text\n", mode)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o7777 == mode
    assert (tmp_path / "a").read_text() == "text\n"


def test_a_new_file_replaces_the_old_one_and_its_mode(tmp_path):
    path = tmp_path / "secrets" / "ad.env"
    write_atomically(path, "old", 0o644)
    with path.open() as reader:
        write_atomically(path, "new", 0o600)
        assert reader.read() == "old"
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)


def test_the_old_content_survives_a_failure(tmp_path):
    path = tmp_path / "userlist"
    write_atomically(path, "old", 0o644)
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \udcff", 0o644)
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("userlist", "old")]


def test_nothing_is_left_where_the_place_is_taken(tmp_path):
    (tmp_path / "userlist").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "userlist", "new", 0o644)
    assert [entry.name for entry in tmp_path.iterdir()] == ["userlist"]


# --- looking


@pytest.mark.parametrize(
    ("argv", "answer"),
    [(("echo", "yes"), "yes\n"), (("false",), None), (("no-such-program",), None), (("sleep", "9"), None)],
)
def test_looking_gives_an_answer_or_none(tmp_path, argv, answer):
    assert capture(argv, tmp_path, timeout=0.1 if argv[0] == "sleep" else 5) == answer


def test_following_gives_the_exit_code(tmp_path):
    assert follow((sys.executable, "-Sc", "raise SystemExit(7)"), tmp_path) == 7
