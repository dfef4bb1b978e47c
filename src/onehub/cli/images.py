"""`onehub images`: what servers run, pulled and tried before people get it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime

import click
import docker
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from onehub.core import trials
from onehub.core.catalogue import Entry, catalogue, memory_of, missing, uses
from onehub.core.downloads import Download
from onehub.core.errors import HostNotReady, OneHubError, StepFailed
from onehub.core.plan import Adopt
from onehub.core.references import may_be_pulled
from onehub.core.settings import Settings
from onehub.host.downloads import pull
from onehub.host.engine import connect
from onehub.host.shelf import adopt, check, prune, roll_back
from onehub.host.trials import kept_trials

from .console import data, show_json, talk
from .deployment import Deployment, json_option, pass_deployment

_MB = 1_000_000
_WHY = "people get it if it passes its trial"


@click.group()
def images() -> None:
    """Pull the images that servers run, try them, go back to the one before."""


@images.command("list")
@json_option
@pass_deployment
def list_images(deployment: Deployment, as_json: bool) -> None:
    """Each image of the deployment: who uses it, whether it is here, and what its trial said."""
    settings = deployment.settings_anyway()
    facts = deployment.running_facts(settings)
    entries = catalogue(settings, facts.images, kept_trials(deployment.directory))
    if as_json:
        show_json([dataclasses.asdict(entry) | {"obstacle": entry.obstacle} for entry in entries])
        return
    table = Table("image", "used by", "size", "age", "tried", "rollback", box=None, pad_edge=False)
    for entry in entries:
        size = f"{entry.here.size / _MB:.0f} MB" if entry.here else "not here"
        age = _age(entry.here.created) if entry.here else ""
        row = (entry.image, ", ".join(entry.used_by), size, age, _tried(entry), "kept" if entry.previous else "none")
        table.add_row(*map(escape, row))
    data.print(table)
    for entry in missing(entries):
        fix = f"`onehub images pull {entry.image}`" if may_be_pulled(entry.image) else "`make notebook_image`"
        if entry.image != settings.servers.image and not may_be_pulled(entry.image):
            fix = "`docker build` or `docker load` it"
        talk.print(escape(f"{entry.image} is not on this host: {fix}"))


@images.command("pull")
@click.argument("names", metavar="[IMAGE]…", nargs=-1)
@pass_deployment
def pull_images(deployment: Deployment, names: tuple[str, ...]) -> None:
    """Get what the registries have now, try it, and only then let people have it.

    Without an IMAGE: all whose name says a registry. The one before is kept for `onehub images rollback`. Servers
    that run keep the image that they were started with.
    """
    settings = deployment.settings()
    deployment.running_facts(settings)
    wanted = [name for name in uses(settings) if may_be_pulled(name)]
    if names:
        wanted = _chosen(settings, names)
    if not wanted:
        talk.print("no image of this deployment comes from a registry; `make notebook_image` builds the one for all")
    failed = [error for name in wanted if (error := _pull_one(deployment, settings, name))]
    _require_none(failed)


@images.command("check")
@click.argument("names", metavar="[IMAGE]…", nargs=-1)
@pass_deployment
def check_images(deployment: Deployment, names: tuple[str, ...]) -> None:
    """Try the images that are here and write down what came of it; one that fails is no longer offered."""
    settings = deployment.settings()
    facts = deployment.running_facts(settings)
    client = _client()
    failed = []
    with deployment.operation(dry_run=False):
        for entry in catalogue(settings, facts.images, {}):
            if entry.image not in (_chosen(settings, names) if names else uses(settings)):
                continue
            if entry.here is None:
                failed.append(StepFailed(f"{entry.image}: it is not on this host", "`onehub images list`"))
                continue
            with talk.status(escape(f"trying {entry.image}")):
                box = trials.container(settings, memory_of(settings, entry.image))
                trial = check(client, deployment.directory, box, entry.image, entry.here.id)
            if trial.passed:
                data.print(escape(f"{entry.image}: passed, with JupyterHub {trial.jupyterhub}"))
            else:
                hint = "mend it, or `onehub images rollback` if one was kept"
                failed.append(StepFailed(f"{entry.image}: {trial.problem}", hint))
    _require_none(failed)


@images.command("rollback")
@click.argument("name", metavar="IMAGE")
@pass_deployment
def rollback(deployment: Deployment, name: str) -> None:
    """Let people have the image that this one replaced; the same again undoes it."""
    settings = deployment.settings()
    deployment.running_facts(settings)
    (image,) = _chosen(settings, (name,))
    with deployment.operation(dry_run=False):
        now, before = roll_back(_client(), image)
    talk.print(
        escape(f"{image} is {_short(now)} now, and was {_short(before) or 'none'}; servers get it as they start")
    )


@images.command("prune")
@pass_deployment
def prune_images(deployment: Deployment) -> None:
    """Remove what was kept longer than for one rollback and is not in use; nothing that onehub did not name so."""
    deployment.running_facts(deployment.settings())
    with deployment.operation(dry_run=False):
        gone = prune(_client())
    talk.print(f"{len(gone) or 'none'} removed")


def _pull_one(deployment: Deployment, settings: Settings, name: str) -> StepFailed | None:
    """The pull needs no lock, as it changes no name; the rest does."""
    try:
        with _bar() as bar:
            task = bar.add_task(escape(name), total=None, doing="")
            id = pull(name, settings.servers.pull_patience, lambda download: _show(bar, task, download))
        with deployment.operation(dry_run=False), talk.status(escape(f"trying {name}")):
            box = trials.container(settings, memory_of(settings, name))
            trial = adopt(_client(), deployment.directory, Adopt(id, name, box, _WHY))
    except StepFailed as failure:
        return failure
    talk.print(escape(f"{name}: passed its trial, with JupyterHub {trial.jupyterhub}; servers get it as they start"))
    return None


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, TextColumn("{task.fields[doing]}"), console=talk)


def _show(bar: Progress, task: TaskID, download: Download) -> None:
    doing = "unpacking" if download.is_unpacking else ""
    bar.update(task, completed=download.done, total=download.total or None, doing=doing)


def _chosen(settings: Settings, names: Sequence[str]) -> list[str]:
    """Raises OneHubError for an image that nobody would run."""
    known = uses(settings)
    if unknown := [name for name in names if name not in known]:
        raise OneHubError(
            f"no profile and no setting names the image {unknown[0]}", f"`onehub images list`: {', '.join(known)}"
        )
    return list(names)


def _require_none(failed: Sequence[StepFailed]) -> None:
    if failed:
        raise StepFailed("\n".join(str(failure).strip() for failure in failed), failed[0].hint)


def _client() -> docker.APIClient:
    client = connect()
    if client is None:
        raise HostNotReady("Docker does not answer", "`systemctl start docker`")
    return client


def _tried(entry: Entry) -> str:
    if entry.trial is None:
        return "not yet"
    return "passed" if entry.trial.passed else f"failed: {entry.trial.problem}"


def _age(created: int) -> str:
    days = (datetime.now(UTC) - datetime.fromtimestamp(created, UTC)).days
    return f"{days} days" if days > 1 else "today" if not days else "a day"


def _short(id: str) -> str:
    return id.removeprefix("sha256:")[:12]
