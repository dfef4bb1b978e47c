"""The access rules as they are now: the files are read again at each decision, so an edit needs no restart."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from onehub.core import sources
from onehub.core.settings import Access, load_access

_FILES = (sources.TOML, sources.USERLIST, sources.ALLOWED_GROUPS)


_SETTLES = 3.0
"""Seconds after its last change until a file counts as written."""


class LiveRules:
    """`[access]`, `userlist` and `ad_allowed_groups`; the last good state holds while a file is broken."""

    def __init__(self, access: Access, deployment: Path, log: logging.Logger) -> None:
        self._access = access
        self._deployment = deployment
        self._log = log
        self._marks: tuple[object, ...] = ()

    def current(self) -> Access:
        """The rules to decide by."""
        marks = tuple(_mark(self._deployment / file) for file in _FILES)
        if marks != self._marks:
            self._read(marks)
        return self._access

    def settled(self) -> Access:
        """The rules to show somebody out by: a file that is being written may lack half its lines."""
        now = time.time()
        if any(now - changed < _SETTLES for changed in self._changes()):
            return self._access
        return self.current()

    def _changes(self) -> Iterator[float]:
        for file in _FILES:
            with suppress(OSError):
                yield (self._deployment / file).stat().st_mtime

    def _read(self, marks: tuple[object, ...]) -> None:
        try:
            access, problems = load_access(self._deployment)
        except PermissionError as error:
            self._log.warning(
                "%s is not readable for the hub: edits take effect with `docker restart` of the hub",
                error.filename,
            )
            return
        if problems:
            told = "; ".join(str(problem) for problem in problems)
            self._log.error("the access rules have errors, the last good ones hold: %s", told)
            return
        self._access, self._marks = access, marks


def _mark(file: Path) -> object:
    """Changes when the file does."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
