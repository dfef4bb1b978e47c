"""The queue of starts."""

from __future__ import annotations

import asyncio

import pytest

from onehub.core.capacity import Capacity
from onehub.hub.starts import Left, NoRoom, Place, StartQueue


class Host:
    """People who start servers, in the order of their numbers."""

    def __init__(self, at_once: int, memory: int = 100) -> None:
        self.promised: list[int] = []
        self.queue = StartQueue(Capacity(at_once, memory), lambda: self.promised)
        self.places: dict[int, Place] = {}
        self.order: list[int] = []
        self.done: dict[int, asyncio.Event] = {}

    def start(self, number: int) -> asyncio.Task[None]:
        self.done[number] = asyncio.Event()
        return asyncio.create_task(self._start(number))

    async def _start(self, number: int) -> None:
        async with self.queue.turn(1, joined=lambda place: self.places.update({number: place})):
            self.order.append(number)
            await self.done[number].wait()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_turns_come_in_the_order_of_arrival_and_no_more_than_the_host_can_do():
    host = Host(at_once=2)
    starts = [host.start(number) for number in range(5)]
    await settle()
    assert host.order == [0, 1]
    assert [host.places[number].position for number in range(5)] == [0, 0, 1, 2, 3]
    host.done[1].set()
    await settle()
    assert host.order == [0, 1, 2]
    for event in host.done.values():
        event.set()
    await asyncio.gather(*starts)
    assert host.order == [0, 1, 2, 3, 4]


async def test_who_leaves_frees_the_place():
    host = Host(at_once=1)
    first, second, third = (host.start(number) for number in range(3))
    await settle()
    host.places[1].leave()
    with pytest.raises(Left):
        await second
    assert host.places[2].position == 1
    host.done[0].set()
    await settle()
    assert host.order == [0, 2]
    host.done[2].set()
    await asyncio.gather(first, third)


async def test_who_is_cancelled_at_the_moment_of_their_turn_passes_it_on():
    host = Host(at_once=1)
    first, second, third = (host.start(number) for number in range(3))
    await settle()
    host.done[0].set()
    await first
    second.cancel()
    await settle()
    assert host.order[-1] == 2
    host.done[2].set()
    await third
    last = host.start(3)
    await settle()
    assert host.order[-1] == 3
    host.done[3].set()
    await last


async def test_a_start_that_fails_frees_the_place_and_says_nothing_of_how_long_starts_take():
    host = Host(at_once=1)
    with pytest.raises(RuntimeError, match="broken"):
        async with host.queue.turn(1):
            raise RuntimeError("broken")
    later = host.start(1)
    await settle()
    assert host.order == [1]
    host.done[1].set()
    await later


async def test_a_full_host_says_so_at_once():
    host = Host(at_once=1, memory=3)
    host.promised = [1, 1, 1]
    with pytest.raises(
        NoRoom, match=r"^The memory of this machine is given away: 3 to 3 servers, and yours needs 1\."
    ):
        async with host.queue.turn(1):
            pass


async def test_who_waits_hears_of_every_change():
    host = Host(at_once=1)
    first, second = host.start(0), host.start(1)
    await settle()
    news = asyncio.create_task(host.queue.changed(60))
    await settle()
    host.done[0].set()
    await asyncio.wait_for(news, 5)
    host.done[1].set()
    await asyncio.gather(first, second)
