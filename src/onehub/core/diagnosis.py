"""Judges facts: what is in order, what will bite, and what to type about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from . import names
from .catalogue import catalogue
from .facts import Facts
from .quantities import format_size
from .references import may_be_pulled
from .rehearsal import CONNECT, DNS, LOOKUP, RULE, SETTINGS, TLS, Rehearsal, Stage
from .settings import Settings
from .trials import Trials

Level = Literal["ok", "warning", "problem"]

_OLDEST_ENGINE = (20, 10)
_OLDEST_COMPOSE = (1, 29)
_LEAST_DISK = 10 * 1024**3
_LEAST_MEMORY = 2 * 1024**3
_ASK_AGAIN = "mend secrets/ad.env, or [directory] in onehub.toml; then onehub up"
_ABOUT = {CONNECT: "directory server", TLS: "certificate", RULE: "groups"}
"""What the doctor calls the stages of a rehearsal, where that is not their own name."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `fix` is what to type; empty where all is well."""

    about: str
    level: Level
    message: str
    fix: str = ""


@dataclass(frozen=True)
class Checkup:
    """What only `doctor` looks at, besides the facts."""

    free_disk: int
    memory: int
    secret_modes: Mapping[str, int]
    exported_password: bool
    unreadable_lists: tuple[str, ...]
    rehearsal: Rehearsal
    """What asking the directory from where the hub runs gave."""
    image_version: str | None
    """`jupyterhub-singleuser --version` of the servers' image, None if that could not be run."""
    trials: Trials = field(default_factory=dict)


def examine(settings: Settings, facts: Facts, checkup: Checkup) -> tuple[Finding, ...]:
    """Every finding, in the order in which an operator would mend them."""
    return (
        *_engine(facts),
        *_images(settings, facts, checkup),
        *_catalogue(settings, facts, checkup.trials),
        *_services(settings, facts),
        *_machine(settings, facts, checkup),
        *_directory(settings, checkup.rehearsal),
        *_files(checkup),
    )


def worst(findings: Iterable[Finding]) -> Level:
    """The gravest level among them."""
    levels = {finding.level for finding in findings}
    return "problem" if "problem" in levels else "warning" if "warning" in levels else "ok"


def _engine(facts: Facts) -> Iterable[Finding]:
    if facts.engine is None:
        yield Finding("docker", "problem", "no engine answers", "systemctl start docker")
    elif _version(facts.engine) < _OLDEST_ENGINE:
        yield Finding("docker", "problem", f"{facts.engine} is older than 20.10", "upgrade Docker Engine")
    else:
        yield Finding("docker", "ok", facts.engine)
    if facts.compose is None:
        yield Finding("compose", "problem", "is not installed", "apt-get install docker-compose")
    elif _version(facts.compose.version) < _OLDEST_COMPOSE:
        yield Finding("compose", "problem", f"{facts.compose.version} is older than 1.29", "upgrade Compose")
    else:
        yield Finding("compose", "ok", f"{' '.join(facts.compose.argv)} {facts.compose.version}")


def _images(settings: Settings, facts: Facts, checkup: Checkup) -> Iterable[Finding]:
    services = [names.SERVICE_IMAGES[service] for service in settings.services]
    missing = [image for image in services if image not in facts.images]
    if missing:
        yield Finding("images", "problem", f"not on this host: {', '.join(missing)}", "make build")
    else:
        yield Finding("images", "ok", "hub and proxy are on this host")
    wanted, image = names.JUPYTERHUB_VERSION, settings.servers.image
    if image not in facts.images and may_be_pulled(image):
        message = f"{image} is not on this host; it is pulled when somebody needs it"
        yield Finding("server image", "warning", message, f"onehub images pull {image}")
    elif image not in facts.images:
        yield Finding("server image", "problem", f"{image} is not on this host", "make notebook_image")
    elif checkup.image_version is None:
        yield Finding(
            "server image", "problem", f"{image} has no working jupyterhub-singleuser", "make notebook_image"
        )
    elif _version(checkup.image_version)[:1] != _version(wanted)[:1]:
        message = f"{image} has JupyterHub {checkup.image_version}, the hub {wanted}"
        yield Finding("server image", "problem", message, "make notebook_image")
    elif checkup.image_version != wanted:
        message = f"{image} has JupyterHub {checkup.image_version}, the hub {wanted}; they get along"
        yield Finding("server image", "warning", message, "make notebook_image")
    else:
        yield Finding("server image", "ok", f"{image} with JupyterHub {checkup.image_version}, the hub's version")


def _catalogue(settings: Settings, facts: Facts, trials: Trials) -> Iterable[Finding]:
    """The images of profiles, and every trial."""
    entries = catalogue(settings, facts.images, trials)
    for entry in entries:
        if entry.here is None and entry.image != settings.servers.image:
            fix = "onehub images list"
            if may_be_pulled(entry.image):
                message = f"{entry.image} is not on this host; it is pulled when somebody needs it"
                yield Finding("profile image", "warning", message, f"onehub images pull {entry.image}")
            else:
                users = ", ".join(entry.used_by)
                message = f"{entry.image} is not on this host, so it is not offered ({users})"
                yield Finding("profile image", "problem", message, fix)
        elif entry.here and entry.trial and not entry.trial.passed:
            message = f"{entry.image} is not offered: {entry.trial.problem}"
            yield Finding("trial", "problem", message, f"onehub images check {entry.image}, once it is mended")
    untried = [entry.image for entry in entries if entry.here and not entry.trial]
    if untried:
        yield Finding("trial", "ok", f"not tried yet: {', '.join(untried)}", "onehub images check")


def _services(settings: Settings, facts: Facts) -> Iterable[Finding]:
    for service in settings.services:
        container = facts.services.get(service)
        if container is None:
            yield Finding(service, "warning", "is not up", "onehub up")
        elif container.state == "paused":
            yield Finding(service, "problem", "is paused", f"docker unpause {container.name}")
        elif container.state != "running":
            fix = f"onehub up; if it ends again, docker logs --tail 30 {container.name}"
            yield Finding(service, "problem", f"is {container.state}", fix)
        elif container.health != "healthy":
            state = container.health or container.state
            yield Finding(service, "problem", f"is {state}", f"docker logs --tail 30 {container.name}")
        else:
            yield Finding(service, "ok", "is up and healthy")
    if "hub" in facts.services and facts.hub_digest not in (None, settings.digest()):
        yield Finding("settings", "warning", "the hub runs with older ones", "onehub up")
    if facts.port_owner:
        message = f"{settings.names.port} on 127.0.0.1 is in use by {facts.port_owner}"
        yield Finding("port", "problem", message, "stop it, or set HUB_PORT in .env")
    if facts.front_port_owner:
        fix = "stop it, or set HTTPS_PORT and HTTP_PORT in .env"
        yield Finding("front door", "problem", f"port {facts.front_port_owner}", fix)


def _machine(settings: Settings, facts: Facts, checkup: Checkup) -> Iterable[Finding]:
    free = checkup.free_disk
    if free < _LEAST_DISK:
        yield Finding("disk", "warning", f"{_gib(free)} free where Docker keeps images and homes", "docker system df")
    else:
        yield Finding("disk", "ok", f"{_gib(free)} free")
    each, count = settings.limits.memory, len(facts.servers)
    if checkup.memory < _LEAST_MEMORY:
        yield Finding(
            "memory",
            "warning",
            f"{_gib(checkup.memory)} in all; the hub alone wants 1 GiB",
            "a larger machine",
        )
    elif each * max(1, count) > checkup.memory:
        message = (
            f"{format_size(each)} for each server ({count} now) is more than the {_gib(checkup.memory)} there are"
        )
        yield Finding("memory", "warning", message, "lower limits.memory in onehub.toml, or stop servers")
    else:
        yield Finding("memory", "ok", f"{_gib(checkup.memory)} in all")


def _directory(settings: Settings, rehearsal: Rehearsal) -> Iterable[Finding]:
    """Of the stages that are well, only those that an operator looks for."""
    stages = rehearsal.stages
    for stage in stages:
        if stage.level in ("warning", "failed"):
            yield _of_stage(stage)
        elif stage.about == DNS and stage.level == "ok" and not settings.is_demo:
            yield Finding("dns", "ok", f"{stage.subject} is {stage.text}")
        elif stage.about == LOOKUP and stage.level == "ok":
            protected = "without TLS" if settings.directory.insecure else "over verified TLS"
            account = " and takes the lookup account" if settings.directory.lookup_user else ""
            yield Finding(LOOKUP, "ok", f"{settings.directory.server} answers {protected}{account}")
    rules = [stage for stage in stages if stage.about == RULE]
    if rules and all(stage.level == "ok" for stage in rules):
        yield Finding("groups", "ok", "all groups of the access rules exist")


def _of_stage(stage: Stage) -> Finding:
    """A missing group is a problem here: somebody who should get in does not."""
    level: Level = "problem" if stage.level == "failed" or stage.about == RULE else "warning"
    about = stage.subject if stage.about == SETTINGS else _ABOUT.get(stage.about, stage.about)
    return Finding(about, level, stage.text, stage.fix or _ASK_AGAIN)


def _files(checkup: Checkup) -> Iterable[Finding]:
    loose = {file: mode for file, mode in checkup.secret_modes.items() if mode & 0o077}
    for file, mode in loose.items():
        yield Finding(
            "file modes", "problem", f"{file} is readable for others (mode {mode:04o})", f"chmod 600 {file}"
        )
    if not loose:
        yield Finding("file modes", "ok", "the secrets are readable for their owner alone")
    if checkup.exported_password:
        message = "AD_LOOKUP_SEARCH_PASSWORD is exported: plain `docker compose` shows it in `docker inspect`"
        yield Finding("exports", "warning", message, "put it into secrets/ad.env (mode 0600) and unset it")
    for file in checkup.unreadable_lists:
        message = f"{file} is not readable for the hub, so edits wait for a restart"
        yield Finding("file modes", "warning", message, f"chmod a+rX {file}")


def _version(text: str) -> tuple[int, ...]:
    parts = text.split("+")[0].split("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit())


def _gib(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB"
