"""Images from a registry: pulled while people wait, tried before they get them, and the way back."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from .deployment import TestDeployment, inspect, run
from .person import Person, wait_until
from .registry import Registry, registry

_GOOD = "jupyterhub-user"
_LAYER = 3_000_000
"""Bytes of what cannot be compressed, in each image of its own."""
_PATIENCE = 10
"""Seconds that a pull may bring nothing."""
TOML = """
starts_at_once = 1
pull_patience = "PATIENCEs"

[[profile]]
name = "Plain"

[[profile]]
name = "Lab"
image = "REGISTRY/team/lab:1"

[[profile]]
name = "Ghost"
image = "localhost/onehub-nothing:1"

[[profile]]
name = "Second"
image = "REGISTRY/team/second:1"
""".replace("PATIENCE", str(_PATIENCE))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registry")) as made:
        yield made
        kept = [f"localhost/onehub/previous/{name.replace(':', '_', 1)}" for name in made.images]
        for name in kept:
            run("docker", "image", "rm", name, check=False)
        pulled = run("docker", "images", "--quiet", "--no-trunc", f"{made.address}/team/*").stdout.split()
        if pulled:
            run("docker", "image", "rm", "--force", *set(pulled))


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, shop: Registry) -> Iterator[TestDeployment]:
    """A demo whose profiles come from the registry."""
    made = TestDeployment.create(tmp_path_factory.mktemp("images"), f"onehub-images-{os.getpid()}")
    made.write_toml(TOML.replace("REGISTRY", shop.address))
    try:
        made.onehub("demo")
        yield made
    finally:
        made.remove()


@pytest.fixture
def person(person):
    """Whose server is stopped afterwards, however it was started."""
    people: list[Person] = []

    def sign_in(name: str) -> Person:
        people.append(person(name))
        return people[-1]

    yield sign_in
    for somebody in people:
        if somebody.server_state():
            somebody.stop()


@pytest.fixture
def publish(shop: Registry, tmp_path: Path):
    """Put an image into the registry: a good one with something of its own, and more lines."""

    def build(path: str, *lines: str) -> str:
        (tmp_path / "own").write_bytes(os.urandom(_LAYER))
        (tmp_path / "Dockerfile").write_text(
            "\n".join((f"FROM {_GOOD}", "USER root", "COPY own /opt/own", *lines, "USER jovyan"))
        )
        run("docker", "build", "--tag", "localhost/onehub-test-image:1", tmp_path)
        try:
            return shop.publish("localhost/onehub-test-image:1", path)
        finally:
            run("docker", "image", "rm", "localhost/onehub-test-image:1")

    return build


def listed(deployment: TestDeployment, image: str) -> dict:
    return next(
        entry for entry in json.loads(deployment.onehub("images", "list", "--json").stdout) if entry["image"] == image
    )


def ask(person: Person, profile: str) -> httpx.Response:
    """For a server of it."""
    return person.hub("POST", f"/users/{person.name}/server", {"profile": profile})


def told(person: Person) -> list[dict]:
    """Every event of the page of somebody who waits, to the end."""
    events = person.hub("GET", f"/users/{person.name}/server/progress").text
    return [json.loads(line.removeprefix("data: ")) for line in events.splitlines() if line.startswith("data:")]


def test_what_cannot_be_started_is_not_offered(deployment, person):
    page = person("alice").client.get("/hub/spawn").text
    assert 'value="Plain"' in page and 'value="Lab"' in page
    assert 'value="Ghost"' not in page


def test_a_profile_without_its_image_is_refused_in_words(deployment, person):
    answer = ask(person("alice"), "Ghost")
    assert answer.status_code == 403
    assert answer.json()["message"].startswith(
        "The profile 'Ghost' is not offered. Please choose one of these: Plain,"
    )


def test_a_missing_image_is_pulled_while_others_start(deployment, person, shop, publish):
    """It is slow for longer than a pull may stand still. Nobody is timed out; the one place for starts is free."""
    name = publish("team/lab:1")
    alice, bob, ada = person("alice"), person("bob"), person("ada")
    shop.rate, begun = 20_000, time.monotonic()
    try:
        # Together: the hub answers a start that takes longer after ten seconds.
        with ThreadPoolExecutor() as both:
            for started in both.map(lambda somebody: ask(somebody, "Lab"), (alice, bob)):
                assert started.status_code in (201, 202), started.text
        events: list[dict] = []
        watching = threading.Thread(target=lambda: events.extend(told(alice)))
        watching.start()
        assert ask(ada, "Plain").status_code in (201, 202)
        ada.until_ready()
        wait_until(lambda: time.monotonic() - begun > 2 * _PATIENCE, "it was slow long enough")
        assert run("docker", "image", "inspect", name, check=False).returncode, "the pull was over too soon"
        shop.rate = None
        watching.join()
    finally:
        shop.rate = None
    words = [event.get("message", "") for event in events]
    assert events[-1].get("ready"), events[-1]
    told_bytes = [line for line in words if "being fetched" in line and "MB" in line]
    assert len(told_bytes) > 2, words
    bob.until_ready()
    for somebody in ("alice", "bob"):
        assert inspect("container", deployment.server(somebody))["Config"]["Image"] == name


def test_a_pull_that_stands_still_ends_with_the_cause(deployment, person, shop, publish):
    name = publish("team/second:1")
    alice = person("alice")
    shop.rate = 0
    try:
        assert ask(alice, "Second").status_code in (201, 202, 500)
        assert told(alice)[-1]["failed"]
    finally:
        shop.rate = None
    record = json.loads(deployment.onehub("why", "alice", "--json").stdout)
    assert record["cause"]["kind"] == "image-missing"
    assert f"The server image {name} could not be had: nothing has come for {_PATIENCE} s" in record["cause"]["words"]


def test_the_registrys_words_are_told(deployment, person, shop):
    """It has no such image."""
    ada = person("ada")
    deployment.write_toml(
        TOML.replace("REGISTRY/team/second", f"{shop.address}/team/nobody").replace("REGISTRY", shop.address)
    )
    done = deployment.onehub("images", "pull", f"{shop.address}/team/nobody:1", check=False)
    deployment.write_toml(TOML.replace("REGISTRY", shop.address))
    assert done.returncode == 5, done.stderr
    assert "cannot be pulled: manifest unknown" in done.stderr
    assert ada.is_signed_in()


def test_a_new_image_is_tried_before_people_get_it_and_there_is_a_way_back(deployment, person, shop, publish):
    name = publish("team/lab:1")
    before = listed(deployment, name)["here"]["id"]
    done = deployment.onehub("images", "pull", name)
    assert "passed its trial, with JupyterHub 6.1.1" in done.stderr
    after = listed(deployment, name)
    assert after["here"]["id"] != before
    assert (after["previous"], after["trial"]["problem"], after["obstacle"]) == (before, "", "")
    assert after["used_by"] == ["Lab"]

    # What is of no use stays away: the name, and the way back, are as they were.
    publish("team/lab:1", "RUN rm -r /opt/jupyter/lib/python3*/site-packages/ipykernel")
    done = deployment.onehub("images", "pull", name, check=False)
    assert done.returncode == 5
    assert "failed its trial: `import ipykernel` fails: ModuleNotFoundError" in done.stderr
    assert (listed(deployment, name)["here"]["id"], listed(deployment, name)["previous"]) == (
        after["here"]["id"],
        before,
    )

    deployment.onehub("images", "rollback", name)
    assert (listed(deployment, name)["here"]["id"], listed(deployment, name)["previous"]) == (
        before,
        after["here"]["id"],
    )
    labels = (
        "--filter",
        f"label=com.onehub.deployment={deployment.project}",
        "--filter",
        "label=com.onehub.kind=trial",
    )
    assert run("docker", "ps", "--all", "--quiet", *labels).stdout == ""


def test_what_fails_its_trial_is_no_longer_offered(deployment, person, shop, tmp_path):
    """Built by hand under the name of a profile, then checked."""
    name = shop.name("team/second:1")
    (tmp_path / "Dockerfile").write_text(f'FROM {_GOOD}\nCMD ["sh", "-c", "echo no licence; exit 3"]\n')
    run("docker", "build", "--tag", name, tmp_path)
    shop.images.append(name)
    assert listed(deployment, name)["trial"] is None
    alice = person("alice")
    assert 'value="Second"' in alice.client.get("/hub/spawn").text
    done = deployment.onehub("images", "check", name, check=False)
    assert done.returncode == 5
    assert "exited: its server ended with exit code 3; last words: no licence" in done.stderr
    assert 'value="Second"' not in alice.client.get("/hub/spawn").text
    findings = json.loads(deployment.onehub("doctor", "--json", check=False).stdout)
    assert [f["about"] for f in findings if f["level"] == "problem"] == ["profile image", "trial"]
    run("docker", "image", "rm", name)


def test_a_bare_name_is_never_pulled(deployment):
    done = deployment.onehub("images", "pull", "jupyterhub-user", check=False)
    assert done.returncode == 5
    assert "jupyterhub-user names no registry, so it is never pulled" in done.stderr
