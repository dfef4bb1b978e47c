"""`onehub build`: the images, the network and the data volume."""

from __future__ import annotations

import click

from onehub.core import images, names

from .console import talk
from .deployment import Deployment, dry_run_option, pass_deployment


@click.command()
@click.argument("what", type=click.Choice(["services", "notebook"]), default="services")
@click.option(
    "--flavour",
    type=click.Choice(names.FLAVOURS),
    default="tensorflow",
    show_default=True,
    help="Which notebook image; `tensorflow` is what DOCKER_NOTEBOOK_IMAGE names.",
)
@dry_run_option
@pass_deployment
def build(deployment: Deployment, what: str, flavour: str, dry_run: bool) -> None:
    """Build the images of the hub and its proxy (`services`), or the image that servers run (`notebook`).

    What a registry offers is pulled; the rest is made from Debian's and Python's packages. Only what changed is
    built again.
    """
    settings = deployment.settings()
    deployment.running_facts(settings)
    with deployment.operation(dry_run):
        if what == "services":
            facts = deployment.facts(settings, [names.BASE_IMAGE])
            plan = images.plan_services(settings, facts, deployment.contexts(settings))
        else:
            upstream = images.upstream_of(settings, flavour)
            facts = deployment.facts(settings, [names.BASE_IMAGE, upstream])
            plan = images.plan_notebook(settings, facts, deployment.contexts(settings), flavour)
        deployment.apply(plan, dry_run=dry_run)
    if not plan and not dry_run:
        talk.print("everything is built already")
