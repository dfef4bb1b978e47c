"""One answer for many who ask."""

from __future__ import annotations

import asyncio

import pytest

from onehub.hub.shared import Shared


class Oracle:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = asyncio.Event()

    async def about(self, name: str) -> int:
        self.asked.append(name)
        await self.answers.wait()
        if name == "nothing":
            raise ValueError(name)
        return len(self.asked)


async def test_who_asks_meanwhile_gets_the_same_answer_and_who_asks_later_a_new_one():
    shared, oracle = Shared[int](), Oracle()
    asking = [
        asyncio.ensure_future(shared.get(name, lambda n=name: oracle.about(n))) for name in ("a", "a", "b", "a")
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert oracle.asked == ["a", "b"]
    oracle.answers.set()
    assert await asyncio.gather(*asking) == [2, 2, 2, 2]
    assert await shared.get("a", lambda: oracle.about("a")) == 3


async def test_who_gives_up_takes_the_answer_from_nobody():
    shared, oracle = Shared[int](), Oracle()
    first, second = (asyncio.ensure_future(shared.get("a", lambda: oracle.about("a"))) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    oracle.answers.set()
    assert await second == 1


async def test_an_error_is_everybodys():
    shared, oracle = Shared[int](), Oracle()
    oracle.answers.set()
    for _ in range(2):
        with pytest.raises(ValueError, match="nothing"):
            await shared.get("nothing", lambda: oracle.about("nothing"))
    assert oracle.asked == ["nothing", "nothing"]
