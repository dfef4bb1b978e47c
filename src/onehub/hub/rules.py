"""The access rules as they are now: the lists are read again at each sign-in, so an edit needs no restart."""

from __future__ import annotations

import logging
from pathlib import Path

from onehub.core import sources
from onehub.core.people import Rules
from onehub.core.settings import Settings


class LiveRules:
    """`userlist` and `ad_allowed_groups`; the last good state holds while a file is broken or not readable."""

    def __init__(self, settings: Settings, deployment: Path, log: logging.Logger) -> None:
        access = settings.access
        self._rules = Rules(access.people, access.groups, access.require)
        self._deployment = deployment
        self._log = log

    def current(self) -> Rules:
        """The rules to decide by."""
        try:
            lists = sources.read_lists(self._deployment)
        except PermissionError as error:
            self._log.warning(
                "%s is not readable for the hub: edits take effect with `docker restart` of the hub",
                error.filename,
            )
            return self._rules
        if lists.problems:
            told = "; ".join(str(problem) for problem in lists.problems)
            self._log.error("the access lists have errors, the last good ones hold: %s", told)
            return self._rules
        self._rules = Rules(lists.people, lists.groups, self._rules.require)
        return self._rules
