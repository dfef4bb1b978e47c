"""More people than the host can start at once: they wait in order, see where they are, and hear when it is full."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from .deployment import TestDeployment, run
from .person import Person, wait_until


@contextlib.contextmanager
def settings(deployment: TestDeployment, more: str, command: str = "") -> Iterator[None]:
    """Other settings for a while; `command` is started in place of a server."""
    usual = re.search(r"(?m)^DOCKER_SPAWN_CMD=(.*)$", (deployment.directory / ".env").read_text())[1]
    deployment.write_toml(more)
    deployment.set_env("DOCKER_SPAWN_CMD", command or usual)
    deployment.onehub("up")
    try:
        yield
    finally:
        deployment.write_toml()
        deployment.set_env("DOCKER_SPAWN_CMD", usual)
        deployment.onehub("up")


def events(somebody: Person, most: int = 1000) -> list[dict]:
    """What the page of somebody who waits is told, to the end."""
    told: list[dict] = []
    with somebody.client.stream("GET", f"/hub/api/users/{somebody.name}/server/progress") as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: ")))
            if len(told) >= most:
                break
    return told


def test_people_wait_in_order_and_see_their_place(deployment, person):
    with settings(deployment, "starts_at_once = 1\n"):
        crowd = [person(name) for name in ("alice", "bob", "carol", "ada")]
        with ThreadPoolExecutor(4) as threads:
            starts = [threads.submit(somebody.start) for somebody in crowd]
            wait_until(lambda: crowd[3].server_state() or starts[3].done(), "the last one has asked")
            told = events(crowd[3])
            for start in starts:
                start.result()
        # An event without words is a sign of life.
        messages = [event["message"] for event in told if "message" in event]
        assert told[-1]["ready"]
        assert messages[-2] in ("Waiting for Jupyter …", "Making the container …", "Server requested")
        assert any(message.startswith("You are number ") for message in messages), messages
        assert any(" in the queue: about " in message for message in messages), messages
        for somebody in crowd:
            somebody.stop()
            somebody.token = ""


def test_a_full_host_says_so_in_words(deployment, person):
    with settings(deployment, "[limits]\nservers = 1\n"):
        alice, bob = person("alice"), person("bob")
        alice.start()
        answer = bob.hub("POST", "/users/bob/server", {})
        assert answer.status_code == 503
        assert answer.json()["message"].startswith("All 1 places for servers are taken. Please try again later")
        alice.stop()
        alice.token = ""
        bob.start()


@pytest.mark.timeout(180)
def test_who_leaves_the_page_leaves_the_queue(deployment, person):
    with settings(deployment, 'starts_at_once = 1\nstart_timeout = "50s"\n', command="sleep 60"):
        alice, bob = person("alice"), person("bob")
        with ThreadPoolExecutor(2) as threads:
            threads.submit(alice.hub, "POST", "/users/alice/server", {})
            wait_until(lambda: alice.server_state(), "alice has her turn")
            threads.submit(bob.hub, "POST", "/users/bob/server", {})
            wait_until(lambda: bob.server_state(), "bob waits")
            assert events(bob, most=2)[-1]["message"].startswith("You are number 1 in the queue")
            wait_until(lambda: not bob.server_state(), "bob has left the queue", seconds=32)
            run("docker", "kill", deployment.server("alice"))
            wait_until(lambda: not alice.server_state(), "alice's start is given up", seconds=30)
