"""The queue of starts: in order of arrival, as many at once as the host can do."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from onehub.core.capacity import Capacity, estimate, room_for

_REMEMBERED = 20
"""Starts that the estimate is made from."""


class NoRoom(Exception):
    """The host cannot hold another server; the text is for the person."""


class Left(Exception):
    """Whoever waited has gone: the page was left, or the start was called off."""


class Place:
    """Somebody's place in the queue."""

    def __init__(self, queue: StartQueue) -> None:
        self._queue = queue
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def position(self) -> int:
        """1 is next, 0 is no longer waiting."""
        return self._queue.position(self)

    @property
    def seconds(self) -> float:
        """Until the server is there, by what starts took lately."""
        return self._queue.seconds(self)

    def leave(self) -> None:
        """Give the place up. Whoever has their turn keeps it."""
        if not self.turn.done():
            self.turn.set_exception(Left())


class StartQueue:
    """First come, first served. `promised` tells the memory of every server that runs or is being started."""

    def __init__(
        self,
        capacity: Capacity,
        promised: Callable[[], list[int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.capacity = capacity
        self.promised = promised
        self._clock = clock
        self._waiting: deque[Place] = deque()
        self._starting = 0
        self._took: deque[float] = deque(maxlen=_REMEMBERED)
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def turn(self, memory: int, joined: Callable[[Place], None] = lambda place: None) -> AsyncIterator[None]:
        """Waits for a turn, and holds it. Raises NoRoom at once, Left for one who gave their place up."""
        if full := room_for(self.capacity, memory, self.promised()):
            raise NoRoom(full.words)
        place = Place(self)
        self._waiting.append(place)
        joined(place)
        self._call()
        try:
            await place.turn
        except BaseException:
            self._drop(place)
            raise
        begun = self._clock()
        try:
            yield
            self._took.append(self._clock() - begun)
        finally:
            self._starting -= 1
            self._call()

    async def changed(self, seconds: float) -> None:
        """Until somebody's position may have changed, or the time is over."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait()
        except TimeoutError:
            return

    def position(self, place: Place) -> int:
        """1 is next, 0 is no longer waiting."""
        return self._waiting.index(place) + 1 if place in self._waiting else 0

    def seconds(self, place: Place) -> float:
        """Until the server is there."""
        return estimate(self.position(place), self.capacity.at_once, self._took)

    def _call(self) -> None:
        """Give turns to those who are next."""
        while self._waiting and self._starting < self.capacity.at_once:
            place = self._waiting.popleft()
            if not place.turn.done():
                self._starting += 1
                place.turn.set_result(None)
        self._telling = asyncio.ensure_future(self._tell())

    def _drop(self, place: Place) -> None:
        if place in self._waiting:
            self._waiting.remove(place)
        elif place.turn.done() and not place.turn.cancelled() and place.turn.exception() is None:
            self._starting -= 1  # its turn came at the moment when it left
        self._call()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
