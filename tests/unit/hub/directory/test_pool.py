from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from onehub.core.logins import Login
from onehub.hub.directory import pool as module
from onehub.hub.directory.pool import Busy, DirectoryPool
from onehub.hub.directory.session import DirectoryDown
from tests.doubles import Account, FakeDirectory

SOON = 0.1


def directory(**changes: object) -> FakeDirectory:
    return FakeDirectory("dc=example,dc=test", (Account("alice", "a"),), **changes)


class Questions:
    """Questions that the directory leaves unanswered until it is let go."""

    def __init__(self) -> None:
        self.open = 0
        self.most = 0
        self._lock = threading.Lock()
        self._go = threading.Event()

    def __call__(self, session: object) -> str:
        with self._lock:
            self.open += 1
            self.most = max(self.most, self.open)
        self._go.wait(10)
        with self._lock:
            self.open -= 1
        return "answer"

    def let_go(self) -> None:
        self._go.set()


@asynccontextmanager
async def stuck(pool: DirectoryPool, times: int) -> AsyncIterator[tuple[Questions, list[asyncio.Task]]]:
    """So many questions on their way that nobody answers yet."""
    questions = Questions()
    tasks = [asyncio.ensure_future(pool.ask("stuck", questions)) for _ in range(times)]
    try:
        await until(lambda: questions.open > 0)
        yield questions, tasks
    finally:
        questions.let_go()
        await asyncio.gather(*tasks, return_exceptions=True)
        await until(lambda: questions.open == 0)


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_the_answer_comes_back():
    pool = DirectoryPool(directory(), 2, 5)
    entry = await pool.ask("find", lambda session: session.find(Login("Alice")))
    assert entry.login == "alice"
    assert await pool.ask("find", lambda session: session.find(Login("bob"))) is None


async def test_never_more_questions_at_the_same_time_than_workers():
    pool = DirectoryPool(directory(), 3, 5)
    async with stuck(pool, 8) as (questions, tasks):
        await until(lambda: questions.open == 3)
        await asyncio.sleep(SOON)
        assert questions.most == 3
        questions.let_go()
        assert await asyncio.gather(*tasks) == ["answer"] * 8
    assert questions.most == 3


async def test_who_waits_for_a_worker_until_the_deadline_is_told_that_all_are_busy():
    pool = DirectoryPool(directory(), 1, SOON)
    async with stuck(pool, 1):
        begun = time.monotonic()
        with pytest.raises(Busy):
            await pool.ask("find", lambda session: None)
        assert time.monotonic() - begun >= SOON * 0.9


async def test_a_directory_that_is_down_is_told_as_it_is():
    pool = DirectoryPool(directory(down=True), 1, 5)
    for _ in range(2):
        with pytest.raises(DirectoryDown, match=r"^the directory does not answer$"):
            await pool.ask("find", lambda session: None)


async def test_a_question_that_breaks_gives_its_worker_back():
    pool = DirectoryPool(directory(), 1, 5)

    def broken(session: object) -> None:
        raise KeyError("sAMAccountName")

    for _ in range(2):
        with pytest.raises(KeyError, match="sAMAccountName"):
            await pool.ask("find", broken)


async def test_the_hub_goes_on_while_the_directory_thinks():
    pool = DirectoryPool(directory(), 1, 5)
    ticks = 0
    async with stuck(pool, 1) as (questions, tasks):
        while ticks < 20:
            await asyncio.sleep(0.001)
            ticks += 1
        assert questions.open == 1
        assert not tasks[0].done()


async def test_nobody_waits_longer_than_the_deadline_for_an_answer(monkeypatch):
    monkeypatch.setattr(module, "_GRACE", 0.0)
    pool = DirectoryPool(directory(), 1, SOON)
    async with stuck(pool, 1) as (_, tasks):
        with pytest.raises(DirectoryDown, match=r"^the directory took longer than 0 s$") as caught:
            await tasks[0]
        assert caught.value.kind == "silent"


async def test_a_worker_is_free_again_when_its_thread_is_and_not_when_nobody_waits_for_it():
    pool = DirectoryPool(directory(), 1, 3 * SOON)
    async with stuck(pool, 1) as (questions, tasks):
        tasks[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        with pytest.raises(Busy):
            await pool.ask("find", lambda session: None)
        questions.let_go()
        assert await pool.ask("find", lambda session: "free") == "free"


async def test_who_gave_up_waiting_takes_no_worker():
    pool = DirectoryPool(directory(), 1, 5)
    async with stuck(pool, 1) as (questions, _):
        waiting = asyncio.ensure_future(pool.ask("find", lambda session: None))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        questions.let_go()
        assert await pool.ask("find", lambda session: "free") == "free"


async def test_a_failure_that_nobody_waits_for_is_not_an_error_of_the_loop():
    pool = DirectoryPool(directory(), 1, 5)
    told: list[dict] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    go = threading.Event()

    def late(session: object) -> None:
        go.wait(10)
        raise DirectoryDown("too late", "silent")

    task = asyncio.ensure_future(pool.ask("find", late))
    await asyncio.sleep(SOON)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    assert await pool.ask("find", lambda session: "free") == "free"
    assert told == []
