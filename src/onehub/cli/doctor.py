"""`onehub doctor`: look, judge, say what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import click
from rich.markup import escape
from rich.table import Table

from onehub.core.diagnosis import Finding, examine, worst
from onehub.core.doorstep import certificate_findings
from onehub.core.errors import HostNotReady
from onehub.host.checkup import observe_checkup
from onehub.host.doorstep import served

from .console import data, show_json
from .deployment import Deployment, json_option, pass_deployment

_MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "problem": "[bold red]PROBLEM[/]"}


@click.command()
@json_option
@pass_deployment
def doctor(deployment: Deployment, as_json: bool) -> None:
    """Check Docker, images, services, port, disk, memory, DNS, the directory and file modes. Changes nothing.

    Exit code 4 if there is a problem; warnings do not count.
    """
    settings, problems = deployment.settings_and_problems()
    facts = deployment.facts(settings)
    findings = (
        *(Finding("settings", "problem", str(problem), "edit it, then onehub config check") for problem in problems),
        *examine(settings, facts, observe_checkup(settings, facts, deployment.directory)),
        *certificate_findings(settings.site, served(settings)),
    )
    if as_json:
        show_json([dataclasses.asdict(finding) for finding in findings])
    else:
        show_findings(findings)
    if worst(findings) == "problem":
        raise HostNotReady("doctor found problems", "mend them from the top; each names its fix")


def show_findings(findings: Iterable[Finding]) -> None:
    """One line each, with its fix below it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        table.add_row(_MARKS[finding.level], finding.about, escape(finding.message))
        if finding.fix:
            table.add_row("", "", f"[dim]→[/] {escape(finding.fix)}")
    data.print(table)
