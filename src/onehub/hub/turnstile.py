"""One after the other, as the event loop has time for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_TICK = 0.005
"""Seconds; a loop that wakes somebody within twice as much has caught up."""
_MOST = 0.1
"""Seconds that one may wait at the head: the loop may be busy for other reasons, for long."""


class Turnstile:
    """Lets one through at a time, and the next when the loop has dealt with the last; who comes alone goes through.

    What each sets off takes the loop 20 to 50 ms. Fifty at once would keep everybody else waiting for all of it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._head = asyncio.Lock()

    async def turn(self) -> None:
        """Wait for it."""
        async with self._head:
            begun = now = self._clock()
            while now - begun < _MOST:
                before = now
                await asyncio.sleep(_TICK)
                now = self._clock()
                if now - before < 2 * _TICK:
                    return
