"""`onehub logs`: of a service, or of a person's server."""

from __future__ import annotations

import click

from onehub.core.errors import OneHubError
from onehub.host.runner import follow

from .deployment import Deployment, pass_deployment


@click.command()
@click.argument("whose", default="hub")
@click.option("-f", "--follow", "following", is_flag=True, help="Keep printing.")
@click.option("--tail", default=100, show_default=True, help="How many lines from the end.")
@pass_deployment
def logs(deployment: Deployment, whose: str, following: bool, tail: int) -> None:
    """Print the log of WHOSE: `hub`, `proxy`, `directory`, or a person's name for their server."""
    facts = deployment.running_facts(deployment.settings_anyway())
    containers = {server.person: server.container for server in facts.servers}
    containers |= {name: service.name for name, service in facts.services.items()}
    if whose not in containers:
        known = ", ".join(sorted(containers)) or "nothing is running"
        raise OneHubError(f"there is no service and no running server of {whose!r}", f"known: {known}")
    flags = ["--follow"] if following else []
    raise click.exceptions.Exit(
        follow(["docker", "logs", "--tail", str(tail), *flags, containers[whose]], deployment.directory)
    )
