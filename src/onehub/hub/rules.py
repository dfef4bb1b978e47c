"""The access rules as they are now: the files are read again at each decision, so an edit needs no restart."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from onehub.core import sources
from onehub.core.settings import Access, load_access

_FILES = (sources.TOML, sources.USERLIST, sources.ALLOWED_GROUPS)


_SETTLES = 3.0
"""Seconds after its last change until a file counts as written."""
_MISSING = 60.0
"""Seconds until a file that was there counts as removed: some editors take it away for a moment."""


class LiveRules:
    """`[access]`, `userlist` and `ad_allowed_groups`; the last good state holds while a file is broken."""

    def __init__(
        self,
        access: Access,
        deployment: Path,
        log: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = self._settled = access
        self._deployment = deployment
        self._log = log
        self._clock = clock
        self._marks: tuple[object, ...] = ()
        self._gone = False
        self._changed = clock()

    def current(self) -> Access:
        """The rules to let somebody in by."""
        marks = tuple(mark(self._deployment / file) for file in _FILES)
        if marks != self._marks:
            self._gone = any(before and not now for before, now in zip(self._marks, marks, strict=False))
            self._changed, self._marks = self._clock(), marks
            if not self._gone:
                self._read()
        elif self._gone and self._clock() - self._changed >= _MISSING:
            self._gone = False
            self._read()
        return self._access

    def settled(self) -> Access:
        """The rules to show somebody out by: a file that is being written may lack half its lines."""
        access = self.current()
        if not self._gone and self._clock() - self._changed >= _SETTLES:
            self._settled = access
        return self._settled

    def _read(self) -> None:
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
        self._access = access


def mark(file: Path) -> object:
    """Changes when the file does."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
