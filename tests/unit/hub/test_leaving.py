"""Whoever lost access: their servers stop, whatever is in the way."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace

import pytest

from onehub.hub import leaving


class Proxy:
    async def delete_user(self, user, name) -> None:
        """The route is gone."""


class User:
    """With servers, of which some cannot be stopped at the moment."""

    def __init__(self, *servers: str, stuck: str | None = None) -> None:
        self.name = "alice"
        self.spawners = {name: SimpleNamespace(active=True) for name in servers}
        self.settings = {"proxy": Proxy()}
        self.stuck = stuck

    async def stop(self, name: str) -> None:
        if name == self.stuck:
            raise OSError("Docker is busy")
        self.spawners[name].active = False

    @property
    def running(self) -> list[str]:
        return [name for name, spawner in self.spawners.items() if spawner.active]


@pytest.fixture
def gone(monkeypatch):
    monkeypatch.setattr(leaving, "sign_out", lambda user: None)
    return leaving.Leaving(0, logging.getLogger("leaving"))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_that_cannot_be_stopped_keeps_no_other_from_it_and_is_stopped_at_the_next_review(gone):
    alice = User("", "two", "three", stuck="")
    gone.expel(alice, "disabled")
    stop = gone._stops["alice"]
    await settle()
    assert alice.running == [""]
    assert isinstance(stop.exception(), OSError)
    alice.stuck = None
    gone.expel(alice, "disabled")
    await settle()
    assert alice.running == []


async def test_a_server_that_came_later_is_stopped_too(gone):
    alice = User()
    gone.expel(alice, "disabled")
    await settle()
    alice.spawners["late"] = SimpleNamespace(active=True)
    gone.expel(alice, "disabled")
    await settle()
    assert alice.running == []


async def test_who_gets_access_back_in_time_keeps_the_server(gone):
    gone._notice = 60
    alice = User("")
    gone.expel(alice, "disabled")
    gone.expel(alice, "disabled")
    gone.stays("alice")
    await settle()
    assert alice.running == [""]
