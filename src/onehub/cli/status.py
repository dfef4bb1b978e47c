"""`onehub status`: what runs, in one look."""

from __future__ import annotations

import dataclasses

import click
from rich.markup import escape
from rich.table import Table

from onehub.core.doorstep import certificate_findings
from onehub.host.doorstep import served

from .console import data, show_json
from .deployment import Deployment, json_option, pass_deployment


@click.command()
@json_option
@pass_deployment
def status(deployment: Deployment, as_json: bool) -> None:
    """Services, people's servers, and whether the hub runs with the current settings."""
    settings = deployment.settings_anyway()
    facts = deployment.running_facts(settings)
    current = facts.hub_digest == settings.digest()
    if as_json:
        show_json(
            {
                "address": settings.address.rstrip("/"),
                "services": {name: dataclasses.asdict(service) for name, service in facts.services.items()},
                "servers": [dataclasses.asdict(server) for server in facts.servers],
                "settings_current": current if facts.hub_digest else None,
                "insecure_directory": settings.directory.insecure,
            }
        )
        return
    data.print(f"deployment {settings.names.project} in {escape(str(deployment.directory))}")
    data.print(f"address    {settings.address}\n")
    table = Table("service", "state", "container", box=None, pad_edge=False)
    for name in settings.services:
        service = facts.services.get(name)
        table.add_row(name, service.condition if service else "down", service.name if service else "")
    data.print(table)
    if settings.directory.insecure:
        where = escape(settings.directory.server)
        data.print(f"\nwarning: passwords travel to {where} without encryption (directory.insecure in onehub.toml)")
    for finding in certificate_findings(settings.site, served(settings)):
        if finding.level != "ok":
            data.print(f"\n{finding.level}: {escape(finding.message)}; {escape(finding.fix)}")
    data.print(f"\nservers: {len(facts.servers) or 'none'}")
    for server in facts.servers:
        data.print(escape(f"  {server.person}  {server.state}  {server.container}"))
    if facts.hub_digest and not current:
        data.print("\nThe settings changed since the hub started: `onehub up` applies them; servers keep running.")
