"""The slower looks that only `doctor` takes: disk, memory, names, the directory, the servers' image."""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path

from onehub.core import names, sources
from onehub.core.diagnosis import Checkup
from onehub.core.errors import HostNotReady
from onehub.core.facts import Facts
from onehub.core.lifecycle import DEMO_PEOPLE_FILE, LOOKUP_PASSWORD
from onehub.core.rehearsal import LOOKUP, Rehearsal, Stage, settings_stages
from onehub.core.settings import Settings

from .rehearsal import rehearse
from .runner import capture
from .trials import kept_trials

_DOCKER_ROOT = Path("/var/lib/docker")
_LONGEST_ANSWER = 30
"""Seconds for the image's answer."""


def observe_checkup(settings: Settings, facts: Facts, directory: Path) -> Checkup:
    """Look closely; changes nothing."""
    return Checkup(
        free_disk=shutil.disk_usage(_DOCKER_ROOT if _DOCKER_ROOT.is_dir() else "/").free,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        secret_modes=_secret_modes(directory),
        exported_password=LOOKUP_PASSWORD in os.environ,
        unreadable_lists=_unreadable_lists(directory, settings.page.logo),
        rehearsal=_rehearsal(settings, facts, directory),
        image_version=_image_version(settings, facts, directory),
        trials=kept_trials(directory),
    )


def _secret_modes(directory: Path) -> dict[str, int]:
    files = (sources.AD_ENV, sources.EXPORTED, DEMO_PEOPLE_FILE)
    return {file: stat.S_IMODE((directory / file).stat().st_mode) for file in files if (directory / file).exists()}


def _unreadable_lists(directory: Path, logo: str) -> tuple[str, ...]:
    if not directory.stat().st_mode & stat.S_IXOTH:
        return (str(directory),)
    lists = (sources.USERLIST, sources.ALLOWED_GROUPS, sources.TOML, *([logo] if logo else []))
    return tuple(
        file for file in lists if (directory / file).exists() and not (directory / file).stat().st_mode & stat.S_IROTH
    )


def _rehearsal(settings: Settings, facts: Facts, directory: Path) -> Rehearsal:
    """The directory as the hub sees it; or the one stage that says why it was not asked."""
    demo = facts.services.get("directory")
    if settings.is_demo and (demo is None or demo.state not in ("running", "paused")):
        untold = Stage(LOOKUP, "warning", "not asked, as the demo's directory is not up", fix="onehub up")
    elif names.HUB_IMAGE not in facts.images:
        untold = Stage(LOOKUP, "warning", "not asked, as the hub's image is not on this host", fix="make build")
    else:
        try:
            return rehearse(settings, facts, directory)
        except HostNotReady as error:
            untold = Stage(LOOKUP, "failed", str(error), fix=error.hint.replace("`", ""))
    return Rehearsal((*settings_stages(settings.directory), untold))


def _image_version(settings: Settings, facts: Facts, directory: Path) -> str | None:
    if settings.servers.image not in facts.images:
        return None
    label = f"{names.LABEL_KIND}=probe"
    run = (
        "docker",
        "run",
        "--rm",
        "--network",
        "none",
        "--label",
        label,
        "--entrypoint",
        "jupyterhub-singleuser",
    )
    answer = capture((*run, settings.servers.image, "--version"), directory, timeout=_LONGEST_ANSWER)
    match = re.search(r"\d+(\.\d+)+", answer or "")
    return match[0] if match else None
