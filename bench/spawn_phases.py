"""Where the time of a start goes: its container is made, runs, the server in it answers, the person can use it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import docker
import httpx
from spawn_hubs import LABEL, RUN, STOCK_NOTEBOOK, Hub
from spawn_people import People

_POLL = 0.020
_PORT = 8888
_PATIENCE = 300
_RAW = f"{RUN}-raw"


@dataclass
class Milestones:
    """Seconds since the beginning, by person."""

    begun: float
    created: dict[str, float] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)


@contextmanager
def milestones(hub: Hub) -> Iterator[Milestones]:
    """Note what the engine says about the hub's servers."""
    events = hub.engine.api.events(decode=True, filters={"type": "container", "label": list(hub.labels)})
    seen = Milestones(time.monotonic())

    def listen() -> None:
        notes = {"create": seen.created, "start": seen.started}
        for event in events:
            name = event["Actor"]["Attributes"]["name"].rpartition("-server-")[2]
            if event["Action"] in notes:
                notes[event["Action"]][name] = time.monotonic() - seen.begun

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield seen
    finally:
        events.close()
        listener.join(timeout=5)


async def one_start(people: People, name: str) -> dict[str, float]:
    """Milliseconds from asking for a server to each step, in their order."""
    with milestones(people.hub) as seen:
        starting = asyncio.create_task(people.start([name]))
        answers = await _answers(people.hub, name, seen)
        usable = (await starting)[0]
    steps = {"created": seen.created[name], "started": seen.started[name], "answers": answers, "usable": usable}
    return {step: 1000 * seconds for step, seconds in steps.items()}


async def _answers(hub: Hub, name: str, seen: Milestones) -> float:
    """When the server itself first answers, asked past hub and proxy."""
    while name not in seen.started:
        await asyncio.sleep(_POLL / 2)
    containers = await asyncio.to_thread(hub.servers)
    await _until_http(_address(hub.engine, containers[0]), f"/user/{name}/api/status")
    return time.monotonic() - seen.begun


async def raw(engine: docker.DockerClient, count: int) -> list[float]:
    """The limit: stock's image by plain `docker run`, so many at once; for each the seconds until HTTP answers."""
    try:
        return await asyncio.gather(*(_raw(engine) for _ in range(count)))
    finally:
        for container in engine.containers.list(all=True, filters={"label": f"{LABEL}={_RAW}"}):
            await asyncio.to_thread(container.remove, force=True)


async def _raw(engine: docker.DockerClient) -> float:
    begun = time.monotonic()
    server = ("jupyter", "lab", "--ServerApp.ip=0.0.0.0", "--no-browser", "--IdentityProvider.token=")
    argv = ("docker", "run", "--detach", f"--label={LABEL}={_RAW}", STOCK_NOTEBOOK, *server)
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{argv} ended with {process.returncode}")
    address = await asyncio.to_thread(_address, engine, told.decode().strip())
    await _until_http(address, "/api/status")
    return time.monotonic() - begun


def _address(engine: docker.DockerClient, container: str) -> str:
    networks = engine.api.inspect_container(container)["NetworkSettings"]["Networks"]
    return next(network["IPAddress"] for network in networks.values())


async def _until_http(address: str, path: str) -> None:
    """Whatever it answers: then it is there."""
    deadline = time.monotonic() + _PATIENCE
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=_PATIENCE) as client:
        while time.monotonic() < deadline:
            try:
                await client.get(f"http://{address}:{_PORT}{path}")
            except httpx.TransportError:
                await asyncio.sleep(_POLL)
            else:
                return
    raise TimeoutError(f"{address} does not answer")
