"""Many who come at once, and the event loop between them."""

from __future__ import annotations

import asyncio
import itertools
import time

from onehub.hub.turnstile import Turnstile


async def test_between_two_people_everybody_else_gets_a_turn_too():
    turnstile, told = Turnstile(), []

    async def person(name: str) -> None:
        await turnstile.turn()
        told.append(name)
        time.sleep(0.03)  # what the event loop is busy with

    async def bystander() -> None:
        while True:
            await asyncio.sleep(0)
            if told and told[-1] != ".":
                told.append(".")

    other = asyncio.create_task(bystander())
    await asyncio.gather(person("ada"), person("bob"), person("eve"))
    other.cancel()
    assert [name for name in told if name != "."] == ["ada", "bob", "eve"]
    assert all("." in pair for pair in itertools.pairwise(told))


async def test_a_loop_that_never_catches_up_stops_nobody():
    late = itertools.count()
    await asyncio.wait_for(Turnstile(clock=lambda: float(next(late))).turn(), timeout=10)


async def test_who_gives_up_at_the_head_lets_the_next_one_through():
    turnstile = Turnstile()
    first = asyncio.create_task(turnstile.turn())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait_for(turnstile.turn(), timeout=10)
