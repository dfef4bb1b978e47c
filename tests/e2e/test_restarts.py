"""A restart of the hub is nobody's business: kernels run, websockets stay open, nobody signs in again."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from .deployment import inspect, run
from .person import wait_until

_TICKS = 200
_TICKING = f"""
import time
for number in range({_TICKS}):
    print(number, flush=True)
    time.sleep(0.1)
"""


def healthy(deployment) -> bool:
    try:
        return httpx.get(f"{deployment.base}/hub/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def restart_container(deployment) -> None:
    run("docker", "restart", deployment.hub)


def kill_container(deployment) -> None:
    run("docker", "kill", deployment.hub)
    run("docker", "start", deployment.hub)


def change_settings(deployment) -> None:
    deployment.write_toml('[limits]\nmemory = "1G"\n')
    deployment.onehub("up")


@pytest.mark.parametrize("disturb", [restart_container, kill_container, change_settings])
async def test_an_open_websocket_misses_no_message(deployment, person, disturb):
    alice = person("alice")
    alice.start()
    server = inspect("container", deployment.server("alice"))["Id"]
    hub = inspect("container", deployment.hub)["State"]["StartedAt"]
    try:
        async with alice.kernel() as kernel:
            request = await kernel.submit(_TICKING)
            disturbance = asyncio.create_task(asyncio.to_thread(disturb, deployment))
            printed = await kernel.output(request)
            await disturbance
            assert printed.split() == [str(number) for number in range(_TICKS)]
            wait_until(lambda: healthy(deployment), "the hub answers again")
            assert await kernel.run("number + 1") == str(_TICKS)
        assert inspect("container", deployment.hub)["State"]["StartedAt"] != hub, "the hub was restarted"
        assert inspect("container", deployment.server("alice"))["Id"] == server
        assert alice.is_signed_in()
        assert alice.server("GET", "/api/status").status_code == 200
    finally:
        deployment.write_toml()
        deployment.onehub("up")


def test_services_end_in_order(deployment):
    """Not by the kill that Docker sends after ten seconds, nor by an init that may not pass the signal on."""
    for name in (deployment.hub, f"{deployment.hub}-proxy", f"{deployment.hub}-directory"):
        run("docker", "stop", name)
        assert inspect("container", name)["State"]["ExitCode"] != 137, name
        run("docker", "start", name)
    wait_until(lambda: healthy(deployment), "the hub answers again")
    assert "FATAL" not in deployment.logs()


def test_the_proxy_finds_its_routes_again(deployment, person):
    alice = person("alice")
    alice.start()
    run("docker", "stop", deployment.hub)
    try:
        run("docker", "restart", f"{deployment.hub}-proxy")
        wait_until(lambda: reachable(alice), "alice's server is reachable without any hub")
    finally:
        run("docker", "start", deployment.hub)
        wait_until(lambda: healthy(deployment), "the hub answers again")
    assert alice.is_signed_in()


def test_a_broken_rules_file_is_written_anew(deployment, person):
    alice = person("alice")
    alice.start()
    run("docker", "stop", deployment.hub)
    spoil = ("sh", "-c", "printf '[http.routers.' > /srv/routes/rules.toml")
    volume = f"{deployment.project}_routes:/srv/routes"
    run("docker", "run", "--rm", "--volume", volume, "debian:trixie-slim", *spoil)
    run("docker", "start", deployment.hub)
    wait_until(lambda: healthy(deployment), "the hub answers again")
    wait_until(lambda: reachable(alice), "alice's server is reachable again")


def reachable(somebody) -> bool:
    """The one page of a server that asks the hub nothing."""
    try:
        return httpx.get(f"{somebody.base}/user/{somebody.name}/api", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_up_again_plans_nothing(deployment):
    deployment.onehub("up")
    done = deployment.onehub("up", "--dry-run")
    assert done.stdout == ""
    assert "nothing to do" in done.stderr


def test_demo_again_changes_nothing_and_is_quick(deployment):
    begun = time.monotonic()
    before = {service["name"]: service for service in deployment.status()["services"].values()}
    done = deployment.onehub("demo")
    assert time.monotonic() - begun < 60
    assert "[1/" not in done.stderr
    after = {service["name"]: service for service in deployment.status()["services"].values()}
    assert after == before
