"""The rescue server: a way to the files where the home is full or the image does not start."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from onehub.core.names import RESCUE_IMAGE
from onehub.core.settings import Settings

from .launch import Launch
from .ownership import Account

if TYPE_CHECKING:
    import docker

CHOICE = "rescue"
"""The user option that asks for one, as `true`."""
NOBODYS = Account(1000, 100)
"""Who it runs as where the home belongs to root: the user of Jupyter's own images."""

_MIB = 1024**2
_MEMORY = 384 * _MIB
"""JupyterLab without kernels, a few terminals, and all that it writes."""
_PROMISE = 128 * _MIB
_PROCESSES = 256
_SCRATCH = {"/rescue": 64, "/tmp": 64}  # noqa: S108 - the container's own
"""Folders in memory and their size in MiB; the home of the image's user is the first."""
_HEADERS = 64 * 1024
"""Bytes that hold the first entry of an archive, its long names and large numbers included."""


def wants_rescue(options: Mapping[str, Any]) -> bool:
    """Whether these user options ask for a rescue server."""
    return options.get(CHOICE) is True


def plan_rescue(settings: Settings) -> Launch:
    """The same for everybody, whatever profiles and folders they have; it has the home and nothing else."""
    return Launch(
        profile=CHOICE,
        image=RESCUE_IMAGE,
        memory=_MEMORY,
        promise=_PROMISE,
        cpu=min(1.0, settings.limits.cpu),
        environment={},
        mounts=(),
        host_config={
            "memswap_limit": _MEMORY,
            "mem_reservation": _PROMISE,
            "pids_limit": _PROCESSES,
            "read_only": True,
            "tmpfs": {path: f"size={size}m,mode=1777,nosuid,nodev" for path, size in _SCRATCH.items()},
            "cap_drop": ["ALL"],
        },
    )


def read_owner(client: docker.APIClient, container: str, home: str) -> Account:
    """Whose the home is, by the first header of an archive of it; the rest, which may be large, is not read.

    Runs in a thread. `container` need not have been started.
    """
    chunks, _ = client.get_archive(container, home, chunk_size=tarfile.BLOCKSIZE)
    head, owner = b"", None
    try:
        for chunk in chunks:
            head += chunk
            if (owner := first_owner(head)) or len(head) > _HEADERS:
                break
    finally:
        chunks.close()
    if owner is None:
        raise ValueError(f"Docker's archive of {home} does not begin with a folder")
    return owner


def first_owner(head: bytes) -> Account | None:
    """Whose the first entry of an archive is, of which these are the first bytes; None: it takes more of them."""
    try:
        with tarfile.open(fileobj=io.BytesIO(head), mode="r:") as archive:
            entry = archive.next()
    except tarfile.ReadError:
        return None
    return Account(entry.uid, entry.gid) if entry else None


def run_as(owner: Account) -> Account:
    """Never root: a home of root's can be looked at as far as everybody may."""
    return owner if owner.uid else NOBODYS
