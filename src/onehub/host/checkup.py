"""The slower looks that only `doctor` takes: disk, memory, names, the directory, the servers' image."""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
from pathlib import Path

from onehub.core import names, sources
from onehub.core.diagnosis import Checkup
from onehub.core.facts import Facts
from onehub.core.lifecycle import DEMO_PEOPLE_FILE, LOOKUP_PASSWORD
from onehub.core.settings import Settings

from .runner import capture

_DOCKER_ROOT = Path("/var/lib/docker")
_LONGEST_ANSWER = 30
"""Seconds for the directory's and the image's answers."""


def observe_checkup(settings: Settings, facts: Facts, directory: Path) -> Checkup:
    """Look closely; changes nothing."""
    return Checkup(
        free_disk=shutil.disk_usage(_DOCKER_ROOT if _DOCKER_ROOT.is_dir() else "/").free,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        secret_modes=_secret_modes(directory),
        exported_password=LOOKUP_PASSWORD in os.environ,
        unreadable_lists=_unreadable_lists(directory),
        directory_addresses=() if settings.is_demo else _addresses(settings.directory.server),
        directory_answer=ask_directory(facts, directory),
        image_version=_image_version(settings, facts, directory),
    )


def _secret_modes(directory: Path) -> dict[str, int]:
    files = (sources.AD_ENV, sources.EXPORTED, DEMO_PEOPLE_FILE)
    return {file: stat.S_IMODE((directory / file).stat().st_mode) for file in files if (directory / file).exists()}


def _unreadable_lists(directory: Path) -> tuple[str, ...]:
    if not directory.stat().st_mode & stat.S_IXOTH:
        return (str(directory),)
    lists = (sources.USERLIST, sources.ALLOWED_GROUPS)
    return tuple(
        file for file in lists if (directory / file).exists() and not (directory / file).stat().st_mode & stat.S_IROTH
    )


def _addresses(server: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(server, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(sorted({str(entry[4][0]) for entry in found}))


def ask_directory(facts: Facts, directory: Path) -> str | None:
    """What the directory is like from inside the hub: empty if all is well, None if the hub is not up."""
    hub = facts.services.get("hub")
    if hub is None or hub.state != "running":
        return None
    answer = capture(
        ("docker", "exec", "--user", "65532:65532", hub.name, "python", "-m", "onehub.hub.probe"),
        directory,
        timeout=_LONGEST_ANSWER,
    )
    return "the hub could not ask it" if answer is None else answer.strip()


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
