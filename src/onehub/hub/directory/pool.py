"""Asks the directory from the event loop: in threads of its own, a bounded number, each with an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from onehub.hub.metrics import DIRECTORY_FAILURES, DIRECTORY_SECONDS

from .session import DirectoryDown, Session

Result = TypeVar("Result")

_LONGEST_QUEUE = 300
"""Who would wait longer than a class signing in at once is told so at once."""
_GRACE = 2.0
"""Seconds beyond the deadline: a conversation ends itself there, but a look into DNS cannot be cut short."""


class Opener(Protocol):
    """A directory: opens conversations."""

    def session(self) -> AbstractContextManager[Session]:
        """One conversation. Raises DirectoryDown."""


class Busy(Exception):
    """Every worker was taken until the deadline, or too many wait for one already."""


class DirectoryPool:
    """At most `workers` conversations at the same time, none waited for longer than `deadline` seconds."""

    def __init__(self, directory: Opener, workers: int, deadline: float) -> None:
        self.directory = directory
        self._deadline = deadline
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="directory")
        self._free = asyncio.Semaphore(workers)
        self._waiting = 0

    async def ask(self, name: str, question: Callable[[Session], Result]) -> Result:
        """What `question` finds out. Raises Busy and DirectoryDown."""
        try:
            await self._wait()
        except Busy:
            DIRECTORY_FAILURES.labels(kind="busy").inc()
            raise
        call = asyncio.get_running_loop().run_in_executor(self._threads, self._converse, name, question)
        # A worker is free when its thread is, not when somebody stops waiting for it.
        call.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(call), self._deadline + _GRACE)
        except TimeoutError as error:
            DIRECTORY_FAILURES.labels(kind="silent").inc()
            raise DirectoryDown(f"the directory took longer than {self._deadline:.0f} s", "silent") from error
        except DirectoryDown as error:
            DIRECTORY_FAILURES.labels(kind=error.kind).inc()
            raise

    async def _wait(self) -> None:
        """Until a worker is free. Raises Busy."""
        if self._waiting >= _LONGEST_QUEUE:
            raise Busy
        self._waiting += 1
        try:
            async with asyncio.timeout(self._deadline):
                await self._free.acquire()
        except TimeoutError as error:
            raise Busy from error
        finally:
            self._waiting -= 1

    def _converse(self, name: str, question: Callable[[Session], Result]) -> Result:
        with DIRECTORY_SECONDS.labels(question=name).time(), self.directory.session() as session:
            return question(session)

    def _done(self, call: asyncio.Future) -> None:
        self._free.release()
        if not call.cancelled():
            call.exception()  # nobody may be waiting for it any more
