"""One answer for everybody who asks the same question while it is being answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")


class Shared(Generic[Answer]):
    """What is under way, by what it is about. Nobody can have more of it done than one thing at a time."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[Answer]] = {}

    async def get(self, about: Hashable, begin: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """The answer of what is under way, else of what `begin` makes; it goes on when the one who asked has gone."""
        task = self._under_way.get(about)
        if task is None:
            task = self._under_way[about] = asyncio.ensure_future(begin())
            task.add_done_callback(lambda _: self._under_way.pop(about, None))
        return await asyncio.shield(task)
