"""`onehub directory`: try what a sign-in does, stage by stage."""

from __future__ import annotations

import dataclasses
import sys

import click
from pydantic import SecretStr
from rich.markup import escape
from rich.table import Table

from onehub.core.errors import HostNotReady, OneHubError
from onehub.core.rehearsal import Rehearsal
from onehub.host.rehearsal import rehearse

from .console import data, show_json
from .deployment import Deployment, json_option, pass_deployment

_MARKS = {
    "ok": "[green]ok[/]",
    "warning": "[yellow]warning[/]",
    "failed": "[bold red]FAILED[/]",
    "not reached": "[dim]not reached[/]",
}
_AGAIN = "docs/how-to/test-the-directory.md explains each line"


@click.group("directory")
def group() -> None:
    """Try the directory as a sign-in would."""


@group.command()
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Prove the password, too: one line of stdin, or asked for.")
@json_option
@pass_deployment
def test(deployment: Deployment, name: str, password_stdin: bool, as_json: bool) -> None:
    """Go through NAME's sign-in from where the hub runs: each stage with its time, then the decision.

    Works before the first `onehub up` and changes nothing. Without --password-stdin no password is tried; with it,
    once. Exit code 1 if NAME may not sign in, 4 if the directory cannot be asked.
    """
    settings = deployment.settings()
    password = _password(name) if password_stdin else None
    facts = deployment.running_facts(settings)
    rehearsal = rehearse(settings, facts, deployment.directory, name, password)
    if as_json:
        show_json(dataclasses.asdict(rehearsal))
    else:
        _show(rehearsal)
    require_admission(rehearsal, name)


def require_admission(rehearsal: Rehearsal, name: str) -> None:
    """Raises HostNotReady where the directory could not tell, OneHubError where the person may not sign in."""
    failed, decision = rehearsal.failed, rehearsal.decision
    if decision is None:
        require_decision(rehearsal, name)
    elif not decision.allowed:
        raise OneHubError(str(decision), failed.fix if failed and failed.fix else _AGAIN)


def require_decision(rehearsal: Rehearsal, name: str) -> None:
    """Raises where there is none, saying why: HostNotReady if it is the directory's fault."""
    failed = rehearsal.failed
    if rehearsal.decision is None and failed:
        raise HostNotReady(f"{failed.about}: {failed.text}", failed.fix or _AGAIN)
    if rehearsal.decision is None:
        message = f"without a lookup account nobody can tell about {name} without their password"
        raise OneHubError(message, f"`onehub directory test {name} --password-stdin`")


def _password(name: str) -> SecretStr:
    """Never an argument: those are seen by everybody on this host."""
    if sys.stdin.isatty():
        typed = str(click.prompt(f"Password of {name}", hide_input=True, err=True))
    else:
        typed = sys.stdin.readline().rstrip("\r\n")
    if not typed:
        raise click.UsageError("--password-stdin: there is no password on stdin")
    return SecretStr(typed)


def _show(rehearsal: Rehearsal) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for stage in rehearsal.stages:
        took = "" if stage.milliseconds is None else f"{stage.milliseconds} ms"
        told = stage.subject not in stage.text
        words = ": ".join(filter(None, (stage.subject if told else "", stage.text)))
        table.add_row(_MARKS[stage.level], took, stage.about, escape(words))
        for line in stage.details:
            table.add_row("", "", "", f"  {escape(line)}")
        if stage.fix:
            table.add_row("", "", "", f"[dim]→[/] {escape(stage.fix)}")
    data.print(table)
