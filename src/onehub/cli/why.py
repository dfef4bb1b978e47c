"""`onehub why`: why a server did not start."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime

import click
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from onehub.core.errors import OneHubError
from onehub.core.failures import Answer, Failure, Question
from onehub.host.failures import read_failures

from .console import data, show_json, talk
from .deployment import Deployment, json_option, pass_deployment


@click.command()
@click.argument("whose", metavar="[NAME|REFERENCE]", default="")
@click.option("--all", "every", is_flag=True, help="Every kept record in full, not only the latest.")
@json_option
@pass_deployment
def why(deployment: Deployment, whose: str, every: bool, as_json: bool) -> None:
    """Say why a person's server did not start the last time, or the start of a REFERENCE that somebody read.

    Without either: a list of all that is kept, newest first. The hub need not run. Exit code 1 if there is no record.
    """
    settings = deployment.settings_anyway()
    facts = deployment.running_facts(settings)
    answer = read_failures(settings, facts, deployment.directory, Question(whose, every))
    for name in answer.unreadable:
        talk.print(f"warning: {escape(name)} in the hub's records cannot be read")
    require_some(answer, whose)
    full = bool(whose or every)
    if as_json:
        records = [dataclasses.asdict(failure) for failure in answer.failures]
        show_json(records[0] if full and not every else records)
    elif full:
        show_records(answer.failures)
    else:
        show_list(answer.failures)


def require_some(answer: Answer, whose: str) -> None:
    """Raises OneHubError where there is no record."""
    if answer.failures:
        return
    if whose:
        message = f"there is no record of a failed start of {whose!r}"
        raise OneHubError(message, "`onehub why` lists all that are kept (hub.keep_failures in onehub.toml)")
    raise OneHubError("no start has failed, as far as records are kept")


def show_list(failures: Sequence[Failure]) -> None:
    """One line each."""
    table = Table("when (UTC)", "person", "cause", "reference", box=None, pad_edge=False)
    for failure in failures:
        table.add_row(_when(failure), _shown(_who(failure)), failure.cause.kind, failure.reference)
    data.print(table)


def show_records(failures: Sequence[Failure]) -> None:
    """Everything about each."""
    for number, failure in enumerate(failures):
        if number:
            data.print()
        _show_record(failure)


def _show_record(failure: Failure) -> None:
    seen = failure.evidence
    table = Table(box=None, show_header=False, pad_edge=False)
    rows = [
        ("person", _who(failure)),
        ("when", f"{_when(failure)} UTC, after {seen.seconds:g} s"),
        ("cause", failure.cause.kind),
        ("they read", failure.sentence),
        ("fix", failure.cause.fix),
        ("exit code", "none" if seen.exit_code is None else str(seen.exit_code)),
        ("out of memory", "yes" if seen.oom_killed else "no"),
        ("image", seen.image),
        ("command", seen.command),
        ("mounts", "\n".join(seen.mounts) or "none"),
    ]
    if seen.error:
        rows.append(("Docker said", seen.error))
    for name, value in rows:
        table.add_row(f"[bold]{name}[/]", _shown(value))
    data.print(table)
    data.print(f"\n[bold]last lines[/] {'' if seen.log else '(it said nothing)'}".rstrip())
    for line in seen.log:
        data.print(f"  {_shown(line)}")


def _when(failure: Failure) -> str:
    return f"{datetime.fromisoformat(failure.when):%Y-%m-%d %H:%M:%S}"


def _who(failure: Failure) -> str:
    return f"{failure.person}, server {failure.server!r}" if failure.server else failure.person


def _shown(text: str) -> str:
    """What a container wrote must not steer the operator's terminal."""
    plain = "\n".join(Text.from_ansi(line).plain for line in text.split("\n"))
    return escape("".join(letter if letter.isprintable() or letter in "\t\n" else "?" for letter in plain))
