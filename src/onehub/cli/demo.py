"""`onehub demo`: from nothing to a hub that people can sign in to. What `make demo` runs."""

from __future__ import annotations

import os
import secrets

import click
from rich.markup import escape
from rich.table import Table

from onehub.core import images, names, sources
from onehub.core.front import SELF_SIGNED_CA
from onehub.core.lifecycle import (
    DEMO_PEOPLE_FILE,
    plan_demo_files,
    plan_engine,
    plan_up,
    require_demo_or_nothing,
    require_own_project,
)
from onehub.core.settings import Settings
from onehub.host.observe import observe_engine

from .console import data, talk
from .deployment import Deployment, dry_run_option, pass_deployment

_DEMO_FILES = (DEMO_PEOPLE_FILE, sources.AD_ENV, sources.USERLIST, sources.ALLOWED_GROUPS)
_WHO = {
    "ada": "admin: sees the admin page",
    "alice": "named in userlist",
    "bob": "in a group that is in an allowed group",
    "carol": "likewise",
    "mallory": "is in the directory, but may not sign in",
}


@click.command()
@dry_run_option
@pass_deployment
def demo(deployment: Deployment, dry_run: bool) -> None:
    """Install Docker if it is missing, build everything, start a hub with a directory of sample people."""
    directory = deployment.directory
    with deployment.operation(dry_run):
        engine = plan_engine(observe_engine(directory))
        existing = frozenset(name for name in _DEMO_FILES if (directory / name).exists())
        files = plan_demo_files(directory, existing, lambda: secrets.token_urlsafe(12))
        require_demo_or_nothing(sources.read(directory, os.environ))
        deployment.apply((*engine, *files), dry_run=dry_run)
        if dry_run and (engine or files):
            talk.print("the images and services are planned once these are done")
            return
        settings = deployment.settings()
        facts = deployment.facts(settings)
        if settings.servers.image not in facts.images:
            facts = deployment.facts(settings, [names.BASE_IMAGE, images.upstream_of(settings, "minimal")])
        require_own_project(settings, facts)
        contexts = deployment.contexts(settings)
        plan = images.plan_services(settings, facts, contexts)
        notebook = images.plan_demo_notebook(settings, facts, contexts)
        plan += tuple(step for step in notebook if step not in plan)  # both begin with the base image
        deployment.apply(plan, dry_run=dry_run)
        if dry_run and plan:
            talk.print("the services are planned once these are done")
            return
        facts = deployment.facts(settings)
        start = deployment.site(settings, facts) + plan_up(settings, facts)
        deployment.apply(start, dry_run=dry_run)
    if not dry_run:
        _show_result(deployment, settings)


def _show_result(deployment: Deployment, settings: Settings) -> None:
    lines = (deployment.directory / DEMO_PEOPLE_FILE).read_text(encoding="utf-8").splitlines()
    table = Table("name", "password", "who", box=None, pad_edge=False)
    for name, _, password in (line.partition(" ") for line in lines if line.strip()):
        table.add_row(escape(name), escape(password), _WHO.get(name, ""))
    data.print(f"\nThe hub is up:  {settings.address}\n")
    if settings.site.certificate == "self-signed":
        copy = f"docker cp {settings.names.hub_container}-httpd:{SELF_SIGNED_CA} onehub-ca.pem"
        data.print("Your browser will warn of the certificate, which this demo made for itself. To trust its CA:")
        data.print(f"  {copy}")
        data.print(f"Without TLS, from this host alone:  http://127.0.0.1:{settings.names.port}\n")
    data.print(table)
    data.print("\nNext: sign in as alice, or `make status`; `make down` stops it and keeps all work.")
