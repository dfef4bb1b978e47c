"""How far a pull is: the engine's events → bytes done and in all, and words for whoever waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MB = 1_000_000
_DOWNLOADED = ("Verifying Checksum", "Download complete", "Extracting", "Pull complete", "Already exists")


class PullFailed(Exception):
    """The image could not be had; the text is the registry's or the engine's."""


class Download:
    """One pull. The engine names the size of a part when it begins with it, so `total` grows."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._waiting: set[str] = set()
        self._unpacking = False

    def take(self, event: Mapping[str, Any]) -> None:
        """The engine's next event. Raises PullFailed."""
        if "error" in event:
            raise PullFailed(str(event["error"]))
        part, status = event.get("id", ""), event.get("status", "")
        detail = event.get("progressDetail") or {}
        if status in ("Pulling fs layer", "Waiting"):
            self._waiting.add(part)
        elif status == "Downloading":
            self._waiting.discard(part)
            self._sizes[part] = max(detail.get("total", 0), detail.get("current", 0))
            self._done[part] = detail.get("current", 0)
        elif status in _DOWNLOADED:
            self._waiting.discard(part)
            self._done[part] = self._sizes.setdefault(part, 0)
            self._unpacking = self._unpacking or status == "Extracting"

    @property
    def done(self) -> int:
        """Bytes that have come."""
        return sum(self._done.values())

    @property
    def total(self) -> int:
        """Bytes in all, as far as is known."""
        return sum(self._sizes.values())

    @property
    def share(self) -> float:
        """From 0 to 1, as far as is known."""
        return self.done / self.total if self.total else 0.0

    @property
    def is_unpacking(self) -> bool:
        """Whether everything has come, and the host unpacks it."""
        return self._unpacking and not self._waiting and self.done == self.total

    @property
    def words(self) -> str:
        """`12 of 840 MB`; `at least` while there are parts of unknown size."""
        if self.is_unpacking:
            return "unpacking"
        if not self.total:
            return "asking the registry"
        least = "at least " if self._waiting else ""
        return f"{_megabytes(self.done)} of {least}{_megabytes(self.total)} MB"


def _megabytes(count: int) -> str:
    return f"{count / _MB:.0f}" if count >= 10 * _MB else f"{count / _MB:.1f}"
