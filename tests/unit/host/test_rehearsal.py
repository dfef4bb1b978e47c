from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from onehub.core.errors import HostNotReady, StepFailed
from onehub.core.rehearsal import Decision, Rehearsal, Stage
from onehub.host import checkup
from onehub.host.rehearsal import rehearse
from onehub.host.runner import converse
from tests.unit.examples import DEMO, OWN, make_container, make_host

ANSWER = Rehearsal((Stage("search", "ok", "uid=alice"),), Decision("alice", True, "named in userlist"))


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A program called `docker` that does what the test says, and remembers how it was called."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")

    def does(script: str) -> Path:
        (programs / "docker").write_text(
            f'#!/bin/sh\necho "$@" >{tmp_path}/argv; env >>{tmp_path}/argv\ncat >{tmp_path}/stdin\n{script}\n'
        )
        (programs / "docker").chmod(0o755)
        return tmp_path

    return does


# --- the program


def test_a_program_hears_what_is_said_and_its_answer_comes_back(tmp_path):
    assert converse(("/bin/sh", "-c", "read line; echo heard $line"), tmp_path, "opensesame\n", 10) == (
        "heard opensesame\n"
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("/bin/sh", "-c", "echo first >&2; echo last words >&2; exit 3"), "exit code 3: last words"),
        (("/bin/sh", "-c", "exit 3"), "exit code 3"),
        (("/bin/sh", "-c", "kill -KILL $$"), "ended by signal 9"),
        (("/nonexistent",), "the program /nonexistent is not installed"),
    ],
)
def test_a_program_that_fails_says_how(tmp_path, argv, message):
    with pytest.raises(StepFailed) as failure:
        converse(argv, tmp_path, "", 10)
    assert str(failure.value) == message


def test_a_program_that_never_answers_is_ended(tmp_path):
    with pytest.raises(StepFailed, match="no answer within 0 s"):
        converse(("/bin/sh", "-c", "exec sleep 60"), tmp_path, "", 0.2)


# --- the container


def test_the_passwords_go_in_by_stdin_alone(docker, monkeypatch):
    folder = docker(f"cat <<'END'\n{ANSWER.to_json()}\nEND")
    monkeypatch.setenv("AD_LOOKUP_SEARCH_PASSWORD", "hunter2")
    assert rehearse(OWN, make_host(), folder, "alice", SecretStr("opensesame")) == ANSWER
    seen, said = (folder / "argv").read_text(), (folder / "stdin").read_text()
    for secret in ("opensesame", "hunter2"):
        assert secret in said
        assert secret not in seen


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'docker: no such network' >&2; exit 125", "exit code 125: docker: no such network"),
        ("echo nonsense", "its answer cannot be read"),
        ("""echo '{"stages": [{"about": "x", "level": "purple"}]}'""", "its answer cannot be read"),
    ],
)
def test_a_container_that_fails_is_a_host_that_is_not_ready(docker, script, why):
    folder = docker(script)
    with pytest.raises(HostNotReady) as error:
        rehearse(OWN, make_host(), folder)
    assert str(error.value) == f"the hub's image could not ask the directory: {why}"
    assert error.value.hint == "`make build`, if onehub is newer than the image"


def test_without_the_hubs_image_nobody_can_be_asked(tmp_path):
    with pytest.raises(HostNotReady) as error:
        rehearse(OWN, make_host(images={}), tmp_path)
    assert str(error.value) == "the image localhost/onehub/hub:0.1.0 is not on this host"
    assert error.value.hint == "`make build`"


# --- what the doctor is told


def told(settings, facts, folder) -> Stage:
    return checkup.observe_checkup(settings, facts, folder).rehearsal.stages[-1]


def test_the_doctor_says_why_the_directory_was_not_asked(docker):
    folder = docker("echo broken >&2; exit 1")
    assert told(OWN, make_host(images={}), folder) == Stage(
        "lookup account", "warning", "not asked, as the hub's image is not on this host", fix="make build"
    )
    assert told(DEMO, make_host(DEMO, services={}), folder) == Stage(
        "lookup account", "warning", "not asked, as the demo's directory is not up", fix="onehub up"
    )
    assert told(OWN, make_host(services={"hub": make_container("hub")}), folder) == Stage(
        "lookup account",
        "failed",
        "the hub's image could not ask the directory: exit code 1: broken",
        fix="make build, if onehub is newer than the image",
    )
