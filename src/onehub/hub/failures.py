"""Records of starts that failed: the whole evidence, for the operator, for a while."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

from onehub.core.causes import Cause, Evidence
from onehub.core.failures import Failure

_UNSAFE = re.compile(r"[^a-z0-9_.-]")
_LONGEST_NAME = 100
"""Characters of a person's name in a file's name, which may have 255 bytes."""
_MOST = 20
"""Records of one person."""
_LONGEST_LINE = 1000
_LONGEST_LOG = 64_000


def bounded(log: bytes) -> tuple[str, ...]:
    """The end of a container's log, as lines; whoever writes it decides how long they are."""
    lines = log[-_LONGEST_LOG:].decode("utf-8", "replace").splitlines()
    return tuple(line[:_LONGEST_LINE] for line in lines)


class Failures:
    """A folder with a file for each failed start. `keep` is in seconds."""

    def __init__(self, folder: Path, keep: float = float("inf")) -> None:
        self._folder = folder
        self._keep = keep

    def record(self, reference: str, name: str, server: str, cause: Cause, seen: Evidence) -> None:
        """Write one down, and forget those that are too old. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._forget()
        when = datetime.now(UTC)
        failure = Failure(reference, when.isoformat(timespec="seconds"), name, server, cause, seen)
        safe = _UNSAFE.sub("_", name)[:_LONGEST_NAME]
        # By its name alone, a listing is in the order in which they happened.
        file = self._folder / f"{when:%Y%m%dT%H%M%S%f}-{safe}-{reference}.json"
        temporary = file.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(failure.to_json(), encoding="utf-8")
        temporary.replace(file)
        self._keep_few(safe)

    def kept(self) -> tuple[tuple[Failure, ...], tuple[str, ...]]:
        """Every record, newest first, and the names of files that hold none."""
        failures, unreadable = [], []
        for file in sorted(self._folder.glob("*.json"), reverse=True):
            try:
                failures.append(Failure.from_json(file.read_text(encoding="utf-8")))
            except FileNotFoundError:
                continue  # the hub forgot it a moment ago
            except ValueError:
                unreadable.append(file.name)
        return tuple(failures), tuple(unreadable)

    def _keep_few(self, safe: str) -> None:
        theirs = re.compile(rf"\d+T\d+-{re.escape(safe)}-[^-]+\.json")
        for old in sorted(file for file in self._folder.iterdir() if theirs.fullmatch(file.name))[:-_MOST]:
            old.unlink(missing_ok=True)

    def _forget(self) -> None:
        for old in self._folder.iterdir():
            if time.time() - old.stat().st_mtime > self._keep:
                old.unlink(missing_ok=True)
