"""What the commands say about a rehearsal; the rehearsal itself needs Docker."""

from __future__ import annotations

import io
import sys

import pytest

from onehub.cli.directory import _show, require_admission, require_decision
from onehub.cli.main import main
from onehub.core.errors import HostNotReady, OneHubError
from onehub.core.rehearsal import Decision, Rehearsal, Stage
from tests.unit.examples import FILES, lay_out

ADMITTED = Rehearsal((Stage("decision", "ok", "alice may sign in"),), Decision("alice", True, "named in userlist"))
REFUSED = Rehearsal(
    (Stage("password", "failed", "wrong password", fix="try again"), Stage("decision", "failed", "…")),
    Decision("alice", False, "wrong password"),
)
DOWN = Rehearsal(
    (
        Stage("settings", "ok", "directory at dc1, LDAPS, port 636"),
        Stage("dns", "ok", "10.0.0.1", "dc1", 1),
        Stage(
            "connect", "failed", "dc1:636 does not answer: Connection refused", "dc1:636", 12, ("[x]",), "AD_SERVER"
        ),
        Stage("tls", "not reached", "", "dc1:636"),
        Stage("search", "not reached"),
    )
)
UNTOLD = Rehearsal((Stage("lookup account", "ok", "there is none"), Stage("search", "not reached")))


def test_every_stage_has_a_line_and_a_mark_in_words(capsys):
    _show(DOWN)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "ok                  settings  directory at dc1, LDAPS, port 636",
        "ok            1 ms  dns       dc1: 10.0.0.1",
        "FAILED       12 ms  connect   dc1:636 does not answer: Connection refused",
        "                                [x]",
        "                              → AD_SERVER",
        "not reached         tls       dc1:636",
        "not reached         search",
    ]


def test_who_may_sign_in_ends_well():
    require_admission(ADMITTED, "alice")


@pytest.mark.parametrize(
    ("rehearsal", "kind", "code", "message", "hint"),
    [
        (REFUSED, OneHubError, 1, "alice may not sign in: wrong password", "try again"),
        (DOWN, HostNotReady, 4, "connect: dc1:636 does not answer: Connection refused", "AD_SERVER"),
        (
            UNTOLD,
            OneHubError,
            1,
            "without a lookup account nobody can tell about alice without their password",
            "`onehub directory test alice --password-stdin`",
        ),
    ],
)
def test_everything_else_ends_with_its_code(rehearsal, kind, code, message, hint):
    with pytest.raises(kind) as error:
        require_admission(rehearsal, "alice")
    assert (error.value.exit_code, str(error.value), error.value.hint) == (code, message, hint)


def test_a_refusal_is_a_decision():
    require_decision(REFUSED, "alice")


@pytest.fixture
def folder(tmp_path):
    return lay_out(tmp_path, FILES)


def test_a_password_that_is_not_there_is_a_usage_error(folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with pytest.raises(SystemExit) as ended:
        main(["-C", str(folder), "directory", "test", "alice", "--password-stdin"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("Error: --password-stdin: there is no password on stdin\n")


@pytest.mark.parametrize("words", [["directory", "test", "alice"], ["access", "explain", "alice"]])
def test_without_docker_nobody_can_be_asked(folder, capsys, words):
    with pytest.raises(SystemExit) as ended:
        main(["-C", str(folder), *words])
    assert ended.value.code == 4
    assert capsys.readouterr() == (
        "",
        "error: Docker does not answer\n\nhint: `systemctl start docker`, or `make demo` installs it\n",
    )
