"""A profile and folders → what Docker is told. Values in, values out; the spawner applies them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from docker.types import DeviceRequest

from onehub.core.profiles import Gpus, Mount, NotOffered, Profile, choose, folders_of
from onehub.core.settings import Settings

from .ownership import Account

FOLDER_OWNER = Account(0, 100)
"""Root, so that nobody can lock the others out of a folder; `users`, the group of everybody in Jupyter's images."""
FOLDER_MODE = 0o2775
"""The group writes, and what is made in the folder belongs to the group as well."""


@dataclass(frozen=True)
class Launch:
    """What one server is started with; sizes in bytes."""

    profile: str
    image: str
    memory: int
    promise: int
    cpu: float
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    host_config: Mapping[str, Any]

    @property
    def volumes(self) -> dict[str, dict[str, str]]:
        """As dockerspawner takes them."""
        return {
            mount.volume: {"bind": mount.path, "mode": "ro" if mount.read_only else "rw"} for mount in self.mounts
        }


def plan_launch(settings: Settings, groups: Iterable[str], options: Mapping[str, Any]) -> Launch | NotOffered:
    """What the server of somebody in these groups (DNs) gets, if what was asked for is theirs.

    `options` are JupyterHub's user options, as little to be trusted as whoever sent them.
    """
    if "image" in options:
        return NotOffered("An image cannot be chosen by itself. Please choose a profile, or none.")
    mine = tuple(groups)
    profile = choose(settings.profile, mine, options.get("profile"))
    if isinstance(profile, NotOffered):
        return profile
    memory = settings.limits.memory if profile.memory is None else profile.memory
    # The promise for all is meant for larger servers than a small profile may have.
    promise = min(settings.limits.promise, memory) if profile.promise is None else profile.promise
    volumes = tuple(Mount(wanted.volume, wanted.mount, wanted.read_only) for wanted in profile.volumes)
    folders = folders_of(settings.folder, mine, settings.surroundings)
    return Launch(
        profile=profile.name,
        image=profile.image or settings.servers.image,
        memory=memory,
        promise=promise,
        cpu=settings.limits.cpu if profile.cpu is None else profile.cpu,
        environment=profile.environment,
        mounts=volumes + folders,
        host_config={
            "memswap_limit": memory,
            "mem_reservation": promise,
            "pids_limit": settings.limits.processes if profile.processes is None else profile.processes,
            "device_requests": device_requests(profile.gpus),
            # Whatever user an image runs as: it is in the group that folders belong to.
            "group_add": [str(FOLDER_OWNER.gid)] if volumes or folders else [],
        },
    )


def device_requests(gpus: Gpus) -> list[DeviceRequest]:
    """Docker's words for GPUs: a number, all, or those with these ids."""
    if not gpus:
        return []
    which = {"device_ids": list(gpus)} if isinstance(gpus, tuple) else {"count": -1 if gpus == "all" else gpus}
    return [DeviceRequest(capabilities=[["gpu"]], **which)]


def describe(settings: Settings, profile: Profile) -> str:
    """The line on a card: `4G memory · 2 cores · 1 GPU`."""
    memory = settings.limits.memory if profile.memory is None else profile.memory
    cpu = settings.limits.cpu if profile.cpu is None else profile.cpu
    parts = [f"{_in_words(memory)} memory", f"{cpu:g} {'core' if cpu == 1 else 'cores'}"]
    if profile.gpus == "all":
        parts.append("all GPUs")
    elif profile.gpus:
        count = len(profile.gpus) if isinstance(profile.gpus, tuple) else profile.gpus
        parts.append(f"{count} {'GPU' if count == 1 else 'GPUs'}")
    return " · ".join(parts)


def _in_words(size: int) -> str:
    """As people read it, not exact: `1.5 GB`."""
    return f"{size / 1024**3:.3g} GB" if size >= 1024**3 else f"{size / 1024**2:.0f} MB"
