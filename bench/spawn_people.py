"""The people who start and stop their servers, as far as HTTP goes, and somebody else who only looks at the hub."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

import httpx
from spawn_hubs import PASSWORD, Hub

_POLL = 0.020
_LOOK = 0.050
"""How often the engine is asked for what is left: each question is work for it."""
_HEALTH_EVERY = 0.050
_PATIENCE = 300
"""Seconds until something that should happen counts as never happening."""


@dataclass(frozen=True)
class People:
    """Everybody, signed in at one hub."""

    hub: Hub
    tokens: dict[str, str]

    async def start(self, names: Iterable[str]) -> list[float]:
        """Their servers, at once; for each the seconds from asking for it until it answers."""
        async with _client(self.hub.base) as client:
            return await asyncio.gather(*(self._start(client, name) for name in names))

    async def stop(self, names: Iterable[str]) -> float:
        """Their servers, at once; seconds until no container of them is left."""
        async with _client(self.hub.base) as client:
            begun = time.monotonic()
            asked = asyncio.gather(*(self._ask_to_stop(client, name) for name in names))
            while await asyncio.to_thread(self.hub.servers):
                _check(begun, "the servers are gone")
                await asyncio.sleep(_LOOK)
            took = time.monotonic() - begun
            await asked
            # The hub may need a moment more; what follows must not begin before.
            for name in names:
                while (await self._get(client, name, f"/hub/api/users/{name}")).json()["servers"]:
                    _check(begun, f"the hub knows that the server of {name} is gone")
                    await asyncio.sleep(_POLL)
        return took

    async def _start(self, client: httpx.AsyncClient, name: str) -> float:
        begun = time.monotonic()
        answer = await client.post(f"/hub/api/users/{name}/server", headers=self._headers(name))
        # 201: it is ready; 202: the hub answers before it is. Then wait as the page in the browser does.
        if answer.status_code == 202:
            await self._follow_progress(client, name)
        elif answer.status_code != 201:
            raise RuntimeError(f"{self.hub.name}: {name} got {answer.status_code}: {answer.text}")
        while (await self._get(client, name, f"/user/{name}/api/status")).status_code != 200:
            _check(begun, f"the server of {name} answers")
            await asyncio.sleep(_POLL)
        return time.monotonic() - begun

    async def _follow_progress(self, client: httpx.AsyncClient, name: str) -> None:
        url = f"/hub/api/users/{name}/server/progress"
        async with client.stream("GET", url, headers=self._headers(name)) as answer:
            async for line in answer.aiter_lines():
                event = json.loads(line.removeprefix("data:")) if line.startswith("data:") else {}
                if event.get("failed"):
                    raise RuntimeError(f"{self.hub.name}: the server of {name} failed: {event}")
                if event.get("ready"):
                    return

    async def _ask_to_stop(self, client: httpx.AsyncClient, name: str) -> None:
        answer = await client.delete(f"/hub/api/users/{name}/server", headers=self._headers(name))
        if answer.status_code not in (202, 204):
            raise RuntimeError(f"{self.hub.name}: stopping {name}: {answer.status_code}: {answer.text}")

    async def _get(self, client: httpx.AsyncClient, name: str, path: str) -> httpx.Response:
        return await client.get(path, headers=self._headers(name))

    def _headers(self, name: str) -> dict[str, str]:
        return {"Authorization": f"token {self.tokens[name]}"}


def sign_in(hub: Hub, names: Iterable[str]) -> People:
    """By the form, one after the other, each with a token for what follows."""
    return People(hub, {name: _sign_in(hub, name) for name in names})


def _sign_in(hub: Hub, name: str) -> str:
    with httpx.Client(base_url=hub.base, follow_redirects=True, timeout=60, trust_env=False, verify=False) as client:
        page = client.get("/hub/login")
        form = {"username": name, "password": PASSWORD, "_xsrf": _xsrf(client)}
        answer = client.post("/hub/login", data=form, headers={"Referer": str(page.url)}, follow_redirects=False)
        if answer.status_code != 302:
            raise RuntimeError(f"{hub.name}: {name} cannot sign in: {answer.status_code}\n{answer.text}")
        client.get("/hub/home")
        headers = {"X-XSRFToken": _xsrf(client), "Referer": f"{hub.base}/hub/home"}
        wish = {"note": "benchmark", "expires_in": 24 * 3600}
        made = client.post(f"/hub/api/users/{name}/tokens", json=wish, headers=headers)
        made.raise_for_status()
        return made.json()["token"]


def _xsrf(client: httpx.Client) -> str:
    return next(cookie.value or "" for cookie in client.cookies.jar if cookie.name == "_xsrf")


@contextmanager
def watching_health(hub: Hub) -> Iterator[list[float]]:
    """Ask `/hub/health` all the while; afterwards the list holds milliseconds, one per question."""
    # A process of its own: nothing that the crowd's client does may count as a delay of the hub.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_watch, args=(hub.base, there))
    process.start()
    taken: list[float] = []
    try:
        here.recv()
        yield taken
        here.send("enough")
        taken += here.recv()
    finally:
        process.terminate()
        process.join()


def _watch(base: str, pipe: Connection) -> None:
    hurry()
    pipe.send(asyncio.run(_ask_health(base, pipe)))


async def _ask_health(base: str, pipe: Connection) -> list[float]:
    async with _client(base) as client:

        async def ask() -> float:
            begun = time.monotonic()
            # A proxy that drops the question under load has not answered; the time counts all the same.
            with suppress(httpx.TransportError, httpx.HTTPStatusError):
                (await client.get("/hub/health")).raise_for_status()
            return 1000 * (time.monotonic() - begun)

        await ask()
        pipe.send("ready")
        asked, due = [], time.monotonic()
        while not pipe.poll():
            # At fixed times, answered or not: a hub that stands still is seen by every question of that time.
            asked.append(asyncio.create_task(ask()))
            due += _HEALTH_EVERY
            await asyncio.sleep(max(0, due - time.monotonic()))
        return await asyncio.gather(*asked)


def hurry() -> None:
    """Whoever holds the clock must not wait for the processor behind those whom it times."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)


def _client(base: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncClient(base_url=base, timeout=_PATIENCE, limits=limits, trust_env=False, verify=False)


def _check(begun: float, what: str) -> None:
    if time.monotonic() - begun > _PATIENCE:
        raise TimeoutError(f"after {_PATIENCE} s it is not so that {what}")
