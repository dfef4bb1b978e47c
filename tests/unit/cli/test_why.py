"""What `onehub why` says about records; reading them needs Docker."""

from __future__ import annotations

import dataclasses

import pytest

from onehub.cli.main import main
from onehub.cli.why import require_some, show_list, show_records
from onehub.core.causes import SILENT, Evidence
from onehub.core.errors import OneHubError
from onehub.core.failures import Answer
from tests.unit.core.test_failures import NEWEST, OTHER
from tests.unit.examples import FILES, lay_out

RUNNING = dataclasses.replace(
    OTHER, server="[gpu]", cause=SILENT, evidence=Evidence(image="own:1", command="start.sh --x", seconds=12.04)
)


def lines(capsys) -> list[str]:
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_record_has_everything_that_was_seen(capsys):
    seen = dataclasses.replace(
        NEWEST.evidence,
        error="exec failed",
        command="the image's own",
        mounts=("home-of-alice:/home/jovyan/work", "data:/data"),
        seconds=1.2,
        oom_killed=True,
        log=("\x1b[31mred\x1b[0m [bold]", "\x1b]0;title\x07 rung\x07", "\ttab"),
    )
    show_records([dataclasses.replace(NEWEST, evidence=seen)])
    assert lines(capsys) == [
        "person         alice",
        "when           2026-11-23 09:12:01 UTC, after 1.2 s",
        "cause          exited",
        "they read      The server ended while it started. Please tell the people who run this service. "
        "Until then, a rescue server gets you to your files. Reference: 2222cccc",
        "fix            the record has its last lines",
        "exit code      3",
        "out of memory  yes",
        "image          jupyterhub-user",
        "command        the image's own",
        "mounts         home-of-alice:/home/jovyan/work",
        "               data:/data",
        "Docker said    exec failed",
        "",
        "last lines",
        "  red [bold]",
        "  0;title rung",
        "        tab",
    ]


def test_what_is_not_there_is_said(capsys):
    show_records([NEWEST, RUNNING])
    shown = lines(capsys)
    second = shown.index("", shown.index("last lines")) + 1
    assert shown[second:] == [
        "person         bob, server '[gpu]'",
        "when           2026-11-23 09:12:01 UTC, after 12.04 s",
        "cause          silent",
        f"they read      {RUNNING.sentence}",
        f"fix            {SILENT.fix}",
        "exit code      none",
        "out of memory  no",
        "image          own:1",
        "command        start.sh --x",
        "mounts         none",
        "",
        "last lines (it said nothing)",
    ]


def test_a_list_has_a_line_each(capsys):
    show_list([NEWEST, RUNNING])
    assert lines(capsys) == [
        "when (UTC)           person               cause   reference",
        "2026-11-23 09:12:01  alice                exited  2222cccc",
        "2026-11-23 09:12:01  bob, server '[gpu]'  silent  1111bbbb",
    ]


@pytest.mark.parametrize(
    ("whose", "message", "hint"),
    [
        ("", "no start has failed, as far as records are kept", ""),
        (
            "alice",
            "there is no record of a failed start of 'alice'",
            "`onehub why` lists all that are kept (hub.keep_failures in onehub.toml)",
        ),
    ],
)
def test_no_record_is_said_and_ends_with_1(whose, message, hint):
    with pytest.raises(OneHubError) as error:
        require_some(Answer(), whose)
    assert (error.value.exit_code, str(error.value), error.value.hint) == (1, message, hint)


def test_without_docker_there_is_nothing_to_read(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["-C", str(lay_out(tmp_path, FILES)), "why", "alice"])
    assert ended.value.code == 4
    assert capsys.readouterr() == (
        "",
        "error: Docker does not answer\n\nhint: `systemctl start docker`, or `make demo` installs it\n",
    )
