"""Stops asking the directory about wrong passwords before the directory locks the account.

Not a library's: the one at hand (limits 5.8) loses counts when a name is forgiven while its timer runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class _Attempt:
    at: float
    address: str
    counts_in_all: bool = True


class Throttle:
    """Counts attempts for each person, and for each person and address; thread-safe, forgotten at a restart.

    An attempt counts before it is made, so that many at once are not more than the limit. From one address one less
    is allowed than in all: a stranger cannot use up the last one.
    """

    def __init__(self, wrong_passwords: int, within: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._in_all = wrong_passwords
        self._from_one = max(1, wrong_passwords - 1)
        self._within = within
        self._clock = clock
        self._attempts: dict[str, list[_Attempt]] = {}
        self._lock = threading.Lock()
        self._swept = clock()

    def may_try(self, person: str, address: str) -> bool:
        """Whether one more password may be tried; counts it."""
        now = self._clock()
        with self._lock:
            self._forget_old(now)
            attempts = [attempt for attempt in self._attempts.get(person, ()) if now - attempt.at < self._within]
            self._attempts[person] = attempts
            if sum(attempt.counts_in_all for attempt in attempts) >= self._in_all:
                return False
            if sum(attempt.address == address for attempt in attempts) >= self._from_one:
                return False
            attempts.append(_Attempt(now, address))
            return True

    def forgive(self, person: str, address: str) -> None:
        """The password was right: the directory counts anew, and so do we; but not for who guesses elsewhere."""
        with self._lock:
            others = [attempt for attempt in self._attempts.pop(person, ()) if attempt.address != address]
            if others:
                self._attempts[person] = [replace(attempt, counts_in_all=False) for attempt in others]

    def _forget_old(self, now: float) -> None:
        """Names that nobody tries any more must not pile up."""
        if now - self._swept < self._within:
            return
        self._swept = now
        self._attempts = {
            person: attempts
            for person, attempts in self._attempts.items()
            if attempts and now - attempts[-1].at < self._within
        }
