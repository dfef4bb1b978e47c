"""Profiles and shared folders: what people may choose, what they get, and what their groups let them see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import docker
import pytest

from onehub.hub.launch import device_requests

from .deployment import TestDeployment, inspect, run

GIB = 1024**3
PROFILES = """
[[profile]]
name = "Small"
description = "For <small> tables"
memory = "512M"
cpu = 0.5

[[profile]]
name = "Large"
memory = "3G"
promise = "256M"
cpu = 1.5
processes = 300
environment = { SIZE = "large" }
volumes = [{ volume = "PROJECT-datasets", mount = "/srv/datasets" }]
allowed_groups = ["data science"]
default = true

[[folder]]
name = "course"
writers = ["cn=students, ou=groups, dc=example, dc=test"]

[[folder]]
name = "news"
everybody = "read"
"""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDeployment]:
    """A demo of its own, with profiles and folders."""
    made = TestDeployment.create(tmp_path_factory.mktemp("profiles"), f"onehub-profiles-{os.getpid()}")
    made.write_toml(PROFILES.replace("PROJECT", made.project))
    try:
        made.onehub("demo")
        yield made
    finally:
        made.remove()


def in_server(deployment: TestDeployment, name: str, script: str):
    return run("docker", "exec", deployment.server(name), "sh", "-c", script, check=False)


def test_who_is_offered_one_profile_is_not_asked_and_gets_its_limits(deployment, person):
    alice = person("alice")
    assert "onehub-profile" not in alice.client.get("/hub/spawn", follow_redirects=False).text
    alice.until_ready()
    host = inspect("container", deployment.server("alice"))["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["MemoryReservation"]) == (GIB // 2, GIB // 2, GIB // 2)
    assert (host["CpuQuota"], host["PidsLimit"]) == (50_000, 1024)
    alice.stop()


def test_who_is_offered_several_sees_cards_and_gets_what_they_choose(deployment, person):
    bob = person("bob")
    page = bob.client.get("/hub/spawn")
    assert page.status_code == 200
    assert "For &lt;small&gt; tables" in page.text
    assert "3 GB memory · 1.5 cores" in page.text
    assert page.text.count('type="radio"') == 2
    assert 'value="Large" required checked' in page.text
    form = {"profile": "Large", "_xsrf": bob._xsrf("/hub/")}
    answer = bob.client.post("/hub/spawn", data=form, headers={"Referer": str(page.url)}, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    bob.until_ready()
    details = inspect("container", deployment.server("bob"))
    host = details["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["MemoryReservation"]) == (3 * GIB, 3 * GIB, GIB // 4)
    assert (host["CpuQuota"], host["PidsLimit"], host["DeviceRequests"] or []) == (150_000, 300, [])
    assert "SIZE=large" in details["Config"]["Env"]
    datasets = next(mount for mount in details["Mounts"] if mount["Destination"] == "/srv/datasets")
    assert (datasets["Name"], datasets["RW"]) == (f"{deployment.project}-datasets", False)
    bob.stop()


@pytest.mark.parametrize("choice", ["Large", "Huge", ["Large"], "", 5])
def test_what_is_not_offered_is_a_403_with_words_and_is_not_remembered(deployment, person, choice):
    alice = person("alice")
    answer = alice.hub("POST", "/users/alice/server", {"profile": choice})
    assert answer.status_code == 403, answer.text
    words = f"The profile {str(choice)!r} is not offered. Please choose one of these: Small."
    assert answer.json()["message"] == words
    assert run("docker", "inspect", deployment.server("alice"), check=False).returncode != 0
    alice.start()
    assert inspect("container", deployment.server("alice"))["HostConfig"]["Memory"] == GIB // 2


def test_an_image_cannot_be_chosen(deployment, person):
    alice = person("alice")
    answer = alice.hub("POST", "/users/alice/server", {"image": "debian:trixie-slim", "profile": "Small"})
    words = "An image cannot be chosen by itself. Please choose a profile, or none."
    assert (answer.status_code, answer.json()["message"]) == (403, words)
    alice.start()


def test_an_admin_starts_what_the_owner_is_offered(deployment, person):
    ada, bob = person("ada"), person("bob")
    assert ada.hub("POST", "/users/alice/server", {"profile": "Large"}).status_code == 403
    assert ada.hub("POST", "/users/bob/server", {"profile": "Large"}).status_code in (201, 202)
    bob.until_ready()
    assert inspect("container", deployment.server("bob"))["HostConfig"]["Memory"] == 3 * GIB
    bob.stop()


def test_a_choice_that_is_withdrawn_is_refused_once_and_then_forgotten(deployment, person):
    """Where nothing is left to choose, it is nobody's mistake."""
    bob = person("bob")
    bob.start(profile="Large")
    bob.stop()
    try:
        deployment.write_toml('[[profile]]\nname = "Only"\n')
        deployment.onehub("up")
        bob.start()
        assert inspect("container", deployment.server("bob"))["HostConfig"]["Memory"] == 2 * GIB
        bob.stop()
        deployment.write_toml('[[profile]]\nname = "Only"\n[[profile]]\nname = "Other"\n')
        deployment.onehub("up")
        answer = bob.hub("POST", "/users/bob/server")
        words = "The profile 'Large' is not offered. Please choose one of these: Only, Other."
        assert (answer.status_code, answer.json().get("message")) == (403, words)
        bob.start()
        bob.stop()
    finally:
        deployment.write_toml(PROFILES.replace("PROJECT", deployment.project))
        deployment.onehub("up")


def test_a_folder_is_shared_by_its_group_and_by_nobody_else(deployment, person):
    bob, carol, alice = person("bob"), person("carol"), person("alice")
    for somebody in (bob, carol, alice):
        somebody.start()
    course = "/home/jovyan/shared/course"
    done = in_server(deployment, "bob", f"mkdir {course}/week1 && echo hello > {course}/week1/notes.txt")
    assert done.returncode == 0, done.stderr
    assert in_server(deployment, "carol", f"cat {course}/week1/notes.txt").stdout == "hello\n"
    assert in_server(deployment, "carol", f"echo more >> {course}/week1/notes.txt").returncode == 0
    assert in_server(deployment, "alice", f"ls {course}").returncode != 0
    places = {mount["Destination"] for mount in inspect("container", deployment.server("alice"))["Mounts"]}
    assert places == {"/home/jovyan/work", "/home/jovyan/shared/news"}
    told = in_server(deployment, "bob", f"stat -c %u:%g:%a {course}; stat -c %G:%a {course}/week1")
    assert told.stdout == "0:100:2775\nusers:2755\n"
    assert inspect("volume", f"{deployment.project}-folder-course")["Labels"] == {
        "com.onehub.deployment": deployment.project,
        "com.onehub.kind": "folder",
    }


def test_a_folder_to_read_cannot_be_written(deployment, person):
    person("alice").start()
    done = in_server(deployment, "alice", "touch /home/jovyan/shared/news/mine")
    assert done.returncode != 0
    assert "Read-only file system" in done.stderr


def test_an_image_with_another_user_writes_to_folders_as_well(deployment, person):
    image = f"{deployment.project}-other"
    folder = deployment.directory / "other-image"
    folder.mkdir()
    (folder / "Dockerfile").write_text(
        "FROM jupyterhub-user\nUSER root\n"
        "RUN rm -r /home/jovyan && /usr/sbin/useradd --uid 4711 --no-create-home --home-dir /tmp worker\n"
        'USER worker\nENV HOME=/tmp\nWORKDIR /tmp\nENTRYPOINT ["jupyterhub-singleuser"]\nCMD []\n'
    )
    run("docker", "build", "--tag", image, folder)
    try:
        deployment.write_toml(
            f'{PROFILES.replace("PROJECT", deployment.project)}\n[[profile]]\nname = "Other"\nimage = "{image}"\n'
        )
        deployment.onehub("up")
        carol = person("carol")
        carol.start(profile="Other")
        done = in_server(deployment, "carol", "id -u && touch /home/jovyan/shared/course/by-4711")
        assert (done.stdout, done.returncode) == ("4711\n", 0), done.stderr
        carol.stop()
    finally:
        deployment.write_toml(PROFILES.replace("PROJECT", deployment.project))
        deployment.onehub("up")
        run("docker", "image", "rm", "--force", image)


@pytest.mark.parametrize(
    ("gpus", "count", "ids"), [(2, 2, None), ("all", -1, None), (("0", "GPU-8a"), 0, ["0", "GPU-8a"])]
)
def test_docker_is_asked_for_the_gpus(deployment, gpus, count, ids):
    """No GPU is needed: Docker looks for them when the container starts."""
    with closing(docker.APIClient()) as client:
        asked = client.create_host_config(device_requests=device_requests(gpus))
        labels = {"com.onehub.deployment": deployment.project}
        made = client.create_container("jupyterhub-user", host_config=asked, labels=labels)["Id"]
        try:
            (request,) = inspect("container", made)["HostConfig"]["DeviceRequests"]
        finally:
            client.remove_container(made)
    assert (request["Count"], request["DeviceIDs"] or None) == (count, ids)
    assert request["Capabilities"] == [["gpu"]]
