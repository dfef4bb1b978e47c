"""`onehub access`: who may sign in, and why."""

from __future__ import annotations

import dataclasses

import click
from rich.markup import escape

from onehub.host.rehearsal import rehearse

from .console import data, show_json
from .deployment import Deployment, json_option, pass_deployment
from .directory import require_decision


@click.group("access")
def group() -> None:
    """Explain the access rules."""


@group.command()
@click.argument("name")
@json_option
@pass_deployment
def explain(deployment: Deployment, name: str, as_json: bool) -> None:
    """Say whether NAME may sign in, by which rule, and whether as an admin. No password is needed.

    Exit code 0 if they may, 1 if not, 4 if the directory cannot be asked.
    """
    settings = deployment.settings()
    facts = deployment.running_facts(settings)
    rehearsal = rehearse(settings, facts, deployment.directory, name)
    require_decision(rehearsal, name)
    if decision := rehearsal.decision:
        if as_json:
            show_json(dataclasses.asdict(decision))
        else:
            data.print(escape(str(decision)))
        click.get_current_context().exit(0 if decision.allowed else 1)
