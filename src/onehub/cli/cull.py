"""`onehub cull`: who is idle, and since when."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import click
from rich.markup import escape
from rich.table import Table

from onehub.core.culling import Report, Server
from onehub.host.culling import ask_hub

from .console import data, show_json, talk
from .deployment import Deployment, json_option, pass_deployment


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say who would be stopped, when and why.")
@json_option
@pass_deployment
def cull(deployment: Deployment, dry_run: bool, as_json: bool) -> None:
    """Stop the servers whose time has come now, as the hub does by itself every `culling.every`.

    Says of each server that runs when it stops if nothing happens in it, and why. Files stay. The hub must run.
    """
    settings = deployment.settings_anyway()
    deployment.running_facts(settings)
    report = ask_hub(settings, deployment.directory, stop=not dry_run)
    if as_json:
        show_json([dataclasses.asdict(server) | {"stops": outcome(server)} for server in report.servers])
    elif report.servers:
        show_report(report)
    else:
        talk.print("no server runs")


def show_report(report: Report) -> None:
    """One line each."""
    table = Table("person", "profile", "stops", "when (UTC)", "why", box=None, pad_edge=False)
    for server in report.servers:
        stops_at = server.verdict.stops_at
        when = f"{stops_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if stops_at else ""
        unanswered = "" if server.answered else " (it does not answer)"
        cells = (_who(server), server.profile, outcome(server), when, server.verdict.why + unanswered)
        table.add_row(*map(escape, cells))
    data.print(table)


def outcome(server: Server, now: datetime | None = None) -> str:
    """In a word or two: `stopped`, `now`, `in 12 min`, `never`."""
    stops_at = server.verdict.stops_at
    if server.stopped:
        return "stopped"
    if stops_at is None:
        return "never"
    if server.verdict.due:
        return "now"
    left = (stops_at - (now or datetime.now(UTC))).total_seconds()
    return (
        f"in {left:.0f} s" if left < 120 else f"in {left / 60:.0f} min" if left < 7200 else f"in {left / 3600:.0f} h"
    )


def _who(server: Server) -> str:
    return f"{server.person}, server {server.name!r}" if server.name else server.person
