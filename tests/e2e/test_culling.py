"""Idle servers are stopped, those at work are spared for a while, and people are told before."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest
import websockets

from .deployment import run
from .person import wait_until

_PATIENCE = 300
"""Seconds for a start where everything else starts as well."""
_PROFILES = """
[[profile]]
name = "Usual"

[[profile]]
name = "Patient"
culling = { idle = "2h" }
"""
_SHORT = """
[culling]
idle = "30s"
busy = "100s"
warn = "15s"
every = "5s"

[page]
announcement = "Maintenance on Friday"
"""


@pytest.fixture
def profiles(deployment):
    deployment.write_toml(_PROFILES)
    deployment.onehub("up")
    yield deployment
    deployment.write_toml()
    deployment.onehub("up")


def test_who_is_idle_is_stopped_and_who_works_is_spared(profiles, person):
    alice, bob, carol, ada = (person(name) for name in ("alice", "bob", "carol", "ada"))
    for somebody in (alice, bob, carol):
        somebody.start(_PATIENCE, "Usual")
    ada.start(_PATIENCE, "Patient")
    asyncio.run(begin_to_compute(bob))
    asyncio.run(run_in_a_terminal(carol, "sleep 1000"))
    # The hub that comes back finds what each server is.
    profiles.write_toml(_SHORT + _PROFILES)
    profiles.onehub("up")
    alice.write("before.txt", "kept")

    report = {server["person"]: server for server in cull(profiles, "--dry-run")}
    assert set(report) == {"alice", "bob", "carol", "ada"}
    assert report["ada"]["profile"] == "Patient"
    assert re.fullmatch(r"in (2 h|1[12]\d min)", report["ada"]["stops"])
    assert report["alice"]["verdict"]["why"].startswith("idle since")
    assert report["bob"]["verdict"]["why"].startswith("busy kernel python3, since")
    assert report["carol"]["verdict"]["why"].startswith("program in terminal 1, since")
    assert not any(server["stopped"] for server in report.values())

    # To look is not activity, neither ours nor the hub's.
    wait_until(lambda: notices(alice)["warn"], "alice is warned")
    before = notices(alice)
    assert before["announcement"] == {"text": "Maintenance on Friday", "level": "info"}
    assert alice.server("POST", "/onehub/keep").status_code == 200
    after = notices(alice)
    assert after["stops_at"] > before["stops_at"]
    assert not after["warn"]

    # A busy server's time is longer than an idle one's, counted from its person's latest activity.
    assert bob.server("GET", "/api/contents").status_code == 200
    wait_until(lambda: not runs(profiles, "alice"), "the idle server is stopped")
    assert runs(profiles, "bob"), "it computes, and its person was here"
    told = profiles.onehub("cull").stdout
    assert "Patient" in told, told
    wait_until(lambda: not runs(profiles, "carol"), "the program in the terminal has run for too long", 240)
    wait_until(lambda: not runs(profiles, "bob"), "the kernel has computed for too long", 240)
    assert runs(profiles, "ada")

    alice.start()
    assert alice.read("before.txt").json()["content"] == "kept"


def test_nobody_reads_what_others_are_told(deployment, person):
    alice, bob = person("alice"), person("bob")
    alice.start()
    bob.start()
    assert bob.server_of("alice", "GET", "/onehub/notices").status_code == 403
    assert bob.server_of("alice", "POST", "/onehub/keep").status_code == 403
    of_alice = f"{deployment.base}/hub/api/onehub/users/alice/notices"
    for token, status in ((alice.token, 200), (bob.token, 404), ("nobodys", 403)):
        answer = httpx.get(of_alice, headers={"Authorization": f"token {token}"}, timeout=30)
        assert answer.status_code == status, answer.text
    everybody = f"{deployment.base}/hub/api/onehub/culling"
    assert httpx.get(everybody, headers={"Authorization": f"token {alice.token}"}).status_code == 403
    # The profile and what was seen outlive the hub.
    run("docker", "restart", deployment.hub)
    wait_until(lambda: cull(deployment, "--dry-run", check=False), "the hub answers again", seconds=180)
    report = {server["person"]: server for server in cull(deployment, "--dry-run")}
    assert report["alice"]["answered"], report


def cull(deployment, *options: str, check: bool = True) -> list[dict]:
    told = deployment.onehub("cull", "--json", *options, check=check)
    return json.loads(told.stdout) if not told.returncode else []


def runs(deployment, name: str) -> bool:
    return run("docker", "inspect", deployment.server(name), check=False).returncode == 0


def notices(person) -> dict:
    answer = person.server("GET", "/onehub/notices?no_track_activity=1")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def begin_to_compute(person) -> None:
    async with person.kernel() as kernel:
        assert await kernel.run("6 * 7") == "42"
        await kernel.submit("while True: pass")
        while (await asyncio.to_thread(person.server, "GET", "/api/kernels")).json()[0]["execution_state"] != "busy":
            await asyncio.sleep(0.2)


async def run_in_a_terminal(person, command: str) -> None:
    made = person.server("POST", "/api/terminals")
    assert made.status_code == 200, made.text
    name = made.json()["name"]
    url = f"{person.base.replace('http', 'ws')}/user/{person.name}/terminals/websocket/{name}"
    headers = {"Authorization": f"token {person.token}"}
    async with websockets.connect(url, additional_headers=headers, max_size=None) as socket:
        await socket.send(json.dumps(["stdin", f"{command}\r"]))
        # The shell takes its time until it is ready to run something.
        while name not in (await asyncio.to_thread(person.server, "GET", "/onehub/activity")).json()["running"]:
            await asyncio.sleep(0.2)
