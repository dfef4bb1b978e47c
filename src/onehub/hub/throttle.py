"""Stops asking the directory about wrong passwords before the directory locks the account."""

from __future__ import annotations

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


class Throttle:
    """Counts attempts for each person, and for each person and address; thread-safe, forgotten at a restart.

    An attempt counts before it is made, so that many at once are not more than the limit; a right password takes
    all of it back. From one address one less is allowed than in all: a stranger cannot use up the last one.
    """

    def __init__(self, wrong_passwords: int, within: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._in_all = RateLimitItemPerSecond(wrong_passwords, within)
        self._from_one = RateLimitItemPerSecond(max(1, wrong_passwords - 1), within)

    def may_try(self, person: str, address: str) -> bool:
        """Whether one more password may be tried; counts it."""
        if not self._limiter.test(self._in_all, person):
            return False
        return self._limiter.hit(self._from_one, person, address) and self._limiter.hit(self._in_all, person)

    def forgive(self, person: str, address: str) -> None:
        """The password was right: the directory starts anew, and so do we."""
        self._limiter.clear(self._in_all, person)
        self._limiter.clear(self._from_one, person, address)
