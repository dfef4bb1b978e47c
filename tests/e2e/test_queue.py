"""More people than the host can start at once: they wait in order, see where they are, and hear when it is full."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from .deployment import TestDeployment, inspect, run
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


def runs(deployment: TestDeployment, name: str) -> bool:
    return run("docker", "container", "inspect", deployment.server(name), check=False).returncode == 0


def test_a_person_has_as_many_servers_as_they_may(deployment, person):
    """They share the home, and their containers have names of their own."""
    with settings(deployment, "[limits]\nservers_per_person = 2\n"):
        alice = person("alice")
        alice.start()
        assert alice.hub("POST", "/users/alice/servers/second", {}).status_code in (201, 202)
        second = f"{deployment.server('alice')}--second"
        wait_until(lambda: alice.hub("GET", "/users/alice/servers/second").json()["ready"], "the second is ready")
        homes = {inspect("container", name)["Mounts"][0]["Name"] for name in (deployment.server("alice"), second)}
        assert homes == {deployment.home("alice")}
        third = alice.hub("POST", "/users/alice/servers/third", {})
        assert third.status_code == 400
        assert "already has the maximum of 1 named servers" in third.json()["message"]
        alice.hub("DELETE", "/users/alice/servers/second", {"remove": True})
        wait_until(lambda: "second" not in alice.hub("GET", "/users/alice").json()["servers"], "the second is gone")
        alice.stop()
        alice.token = ""
        assert not runs(deployment, "alice")
        assert run("docker", "ps", "--all", "--quiet", "--filter", f"name={second}").stdout == ""
    assert person("bob").hub("POST", "/users/bob/servers/second", {}).json()["message"] == (
        "Named servers are not enabled."
    )


@pytest.fixture(scope="module")
def stuck(deployment: TestDeployment) -> Iterator[TestDeployment]:
    """One start at a time, and none that ends soon. For the last tests here: it lasts until they are done."""
    with settings(deployment, 'starts_at_once = 1\nstart_timeout = "90s"\n', command="sleep 100"):
        yield deployment


@contextlib.contextmanager
def all_asking(crowd: list[Person]) -> Iterator[list[Future]]:
    """All of them ask for a server, one after the other; what each is answered."""
    with ThreadPoolExecutor(len(crowd)) as threads:
        answers = []
        for somebody in crowd:
            answers.append(threads.submit(somebody.hub, "POST", f"/users/{somebody.name}/server", {}))
            wait_until(lambda who=somebody: who.server_state(), f"{somebody.name} has asked")
        yield answers


def call_off(somebody: Person) -> None:
    """The button on the page; by REST it is the same."""
    assert somebody.hub("DELETE", f"/users/{somebody.name}/server").status_code in (202, 204)
    wait_until(lambda: not somebody.server_state(), f"the start of {somebody.name} is called off")


@pytest.mark.timeout(240)
def test_a_start_is_called_off_in_the_queue_and_after_it(stuck, person):
    alice, bob, carol = crowd = [person(name) for name in ("alice", "bob", "carol")]
    with all_asking(crowd) as answers:
        wait_until(lambda: runs(stuck, "alice"), "alice has her turn")
        assert "Give up my place" in bob.client.get("/hub/spawn-pending/bob").text
        assert events(carol, most=2)[-1]["message"].startswith("You are number 2 in the queue")

        assert carol.hub("DELETE", "/users/bob/server").status_code == 404, "nobody can do it for somebody else"
        assert bob.client.delete("/hub/api/users/bob/server").status_code == 403, "nor can another site's page"
        call_off(bob)
        assert events(carol, most=2)[-1]["message"].startswith("You are number 1 in the queue")
        assert not runs(stuck, "bob")

        call_off(alice)
        wait_until(lambda: not runs(stuck, "alice"), "nothing of alice's start is left")
        wait_until(lambda: runs(stuck, "carol"), "carol has her turn")
        call_off(carol)
        wait_until(lambda: not runs(stuck, "carol"), "nothing of carol's start is left")
        for answer in answers:
            assert answer.result().status_code in (202, 409), "everybody was answered"
    page = alice.client.get("/hub/spawn-pending/alice")
    assert "Your server is not running" in page.text


@pytest.mark.timeout(180)
def test_who_leaves_the_page_leaves_the_queue(stuck, person):
    alice, bob = crowd = [person(name) for name in ("alice", "bob")]
    with all_asking(crowd):
        assert events(bob, most=2)[-1]["message"].startswith("You are number 1 in the queue")
        wait_until(lambda: not bob.server_state(), "bob has left the queue", seconds=60)
        call_off(alice)
