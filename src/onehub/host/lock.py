"""One operation at a time on a deployment; the kernel lets go of the lock when we die."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from onehub.core.errors import Busy, HostNotReady

LOCK_FILE = ".onehub.lock"


@contextmanager
def operation(directory: Path) -> Iterator[None]:
    """Hold the deployment. Raises Busy at once if another operation does."""
    lock = FileLock(directory / LOCK_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise Busy(
            f"another onehub command is at work in {directory}", "wait until it has ended, then repeat"
        ) from error
    except PermissionError as error:
        raise HostNotReady(
            f"{directory} is not writable for you", "run onehub as the owner of that folder, or as root"
        ) from error
    try:
        yield
    finally:
        lock.release()
