"""`onehub up` and `onehub down`."""

from __future__ import annotations

import os
from contextlib import suppress

import click
from rich.markup import escape

from onehub.core import names, sources
from onehub.core.catalogue import catalogue
from onehub.core.errors import HostNotReady
from onehub.core.facts import Facts
from onehub.core.lifecycle import LOOKUP_PASSWORD, plan_down, plan_exported, plan_up
from onehub.core.rehearsal import require_groups
from onehub.core.settings import Settings
from onehub.host.rehearsal import rehearse
from onehub.host.trials import kept_trials

from .console import talk
from .deployment import Deployment, dry_run_option, pass_deployment


@click.command()
@dry_run_option
@pass_deployment
def up(deployment: Deployment, dry_run: bool) -> None:
    """Start what is not running and apply changed settings. People's servers keep running."""
    settings = deployment.settings()
    deployment.running_facts(settings)
    with deployment.operation(dry_run):
        kept = deployment.directory / sources.EXPORTED
        plan = plan_exported(
            deployment.directory,
            os.environ.get(LOOKUP_PASSWORD, ""),
            kept.read_text(encoding="utf-8") if kept.exists() else "",
        )
        facts = deployment.facts(settings)
        plan += deployment.site(settings, facts) + plan_up(settings, facts)
        _require_groups(deployment, settings, facts)
        deployment.apply(plan, dry_run=dry_run)
    if not dry_run:
        talk.print("the hub is up" if plan else "the hub is up already; nothing to do")
        _warn_of_directory(deployment, settings)
        _warn_of_images(deployment, settings)
        talk.print(f"  {settings.address}")
        if settings.site.certificate:
            talk.print(f"  http://127.0.0.1:{settings.names.port} (behind it; on this host alone)")
        elif settings.address.startswith("https:"):
            talk.print(f"  http://127.0.0.1:{settings.names.port} (for Apache httpd on this host: `onehub httpd`)")


def _require_groups(deployment: Deployment, settings: Settings, facts: Facts) -> None:
    """Raises SettingsError. A silent directory is no reason not to start: running servers need the hub."""
    access = settings.access
    if settings.is_demo or names.HUB_IMAGE not in facts.images or not (access.allowed_groups or access.admin_groups):
        return
    with suppress(HostNotReady):
        require_groups(rehearse(settings, facts, deployment.directory), access, deployment.directory)


def _warn_of_directory(deployment: Deployment, settings: Settings) -> None:
    """A hub that is up is no use while the directory cannot be asked."""
    try:
        failed = rehearse(settings, deployment.facts(settings), deployment.directory).failed
        answer = failed.text if failed else ""
    except HostNotReady as error:
        answer = str(error)
    if answer:
        talk.print(f"[yellow]warning:[/] nobody can sign in: {escape(answer)}\n  `onehub doctor` says more")


def _warn_of_images(deployment: Deployment, settings: Settings) -> None:
    """Of profiles, too: what nobody could start."""
    for entry in catalogue(settings, deployment.facts(settings).images, kept_trials(deployment.directory)):
        if entry.obstacle:
            users = escape(", ".join(entry.used_by))
            talk.print(f"[yellow]warning:[/] not offered: {users}; {escape(entry.obstacle)}\n  `onehub images list`")


@click.command()
@dry_run_option
@pass_deployment
def down(deployment: Deployment, dry_run: bool) -> None:
    """Stop people's servers and the services. Deletes no data: homes, database and volumes stay."""
    settings = deployment.settings_anyway()
    deployment.running_facts(settings)
    with deployment.operation(dry_run):
        plan = plan_down(settings, deployment.facts(settings))
        deployment.apply(plan, dry_run=dry_run)
    if not dry_run:
        talk.print("the hub is down; homes and the hub's data are kept" if plan else "nothing is running")
