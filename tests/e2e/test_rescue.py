"""A way to the files where the home is full or the image is broken: the rescue server, with real faults."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest
from websockets.sync.client import connect

from onehub.core.names import RESCUE_IMAGE

from .deployment import TestDeployment, inspect, run
from .person import Person
from .test_queue import events, settings

_MORE = """
[[profile]]
name = "usual"
[[profile]]
name = "broken"
image = "debian:trixie-slim"
"""
_HOME = "/home/jovyan/work"
_NO_CHOICE = {"user_options": {}}
"""Takes back the choice of last time, which other tests have no profiles for."""


@pytest.fixture(scope="module")
def rescuing(deployment: TestDeployment) -> Iterator[TestDeployment]:
    """With a profile whose image has no Jupyter in it, and a command as of an image with $HOME on the volume."""
    with settings(deployment, _MORE, command=f"env HOME={_HOME} jupyterhub-singleuser"):
        yield deployment


class FullHome:
    """A home of two megabytes, all of them used; `run` does something in it as root."""

    def __init__(self, deployment: TestDeployment, name: str) -> None:
        self.volume, self.keeper = deployment.home(name), f"{deployment.project}-keeper"
        ours = ("--label", f"com.onehub.deployment={deployment.project}")
        kind = ("--label", "com.onehub.kind=home", "--label", f"com.onehub.user={name}")
        tmpfs = ("--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=2m")
        run("docker", "volume", "rm", "--force", self.volume)
        run("docker", "volume", "create", *ours, *kind, *tmpfs, self.volume)
        mount = ("--volume", f"{self.volume}:{_HOME}")
        run("docker", "run", "--detach", "--name", self.keeper, *ours, *mount, "debian:trixie-slim", "sleep", "900")
        self.run(f"cd {_HOME} && mkdir runs && echo 'chapter one' >thesis && cp thesis draft && cp thesis runs/1")
        self.run(f"dd if=/dev/zero of={_HOME}/runs/log bs=64k || true")

    def run(self, script: str) -> str:
        return run("docker", "exec", self.keeper, "sh", "-c", script).stdout

    def remove(self) -> None:
        run("docker", "rm", "--force", self.keeper)
        run("docker", "volume", "rm", "--force", self.volume)


@pytest.fixture
def full_home(rescuing: TestDeployment, person) -> Iterator[FullHome]:
    person("alice").stop()
    made = FullHome(rescuing, "alice")
    try:
        yield made
    finally:
        person("alice").stop()
        made.remove()


def ask(somebody: Person, options: dict) -> str:
    """Ask for a server; the words if it fails, else nothing."""
    somebody.token = ""
    answer = somebody.hub("POST", f"/users/{somebody.name}/server", options)
    if answer.status_code >= 400:
        return answer.json()["message"].partition(" Reference: ")[0]
    if answer.status_code == 202 and (last := events(somebody)[-1]).get("failed"):
        return last["message"].removeprefix("Spawn failed: ").partition(" Reference: ")[0]
    made = somebody.hub("POST", f"/users/{somebody.name}/tokens", {"note": "test", "expires_in": 3600})
    somebody.token = made.json()["token"]
    return ""


def in_a_terminal(somebody: Person, command: str) -> str:
    """What a new terminal shows, from its greeting to the end of the command."""
    name = somebody.server("POST", "/api/terminals").json()["name"]
    url = f"{somebody.base.replace('http', 'ws')}/user/{somebody.name}/terminals/websocket/{name}"
    shown = ""
    with connect(url, additional_headers={"Authorization": f"token {somebody.token}"}) as socket:
        socket.send(json.dumps(["stdin", f"{command}; echo 'the' end\r"]))
        while not re.search(r"^the end\r?$", shown, re.MULTILINE):
            kind, *more = json.loads(socket.recv(timeout=60))
            shown += more[0] if kind == "stdout" else ""
    return shown


def test_a_full_home_gets_room_in_a_rescue_server(rescuing, person, full_home):
    alice = person("alice")
    words = "Your home is full, so the server cannot write. A rescue server lets you delete what you do not need."
    assert ask(alice, {"profile": "usual"}) == words
    full_home.run(f"chown -R 1234:1235 {_HOME}")

    assert ask(alice, {"rescue": True}) == ""
    made = inspect("container", rescuing.server("alice"))
    host = made["HostConfig"]
    assert made["Config"]["Image"] == RESCUE_IMAGE
    assert made["Config"]["User"] == "1234:1235"
    assert [(mount["Name"], mount["Destination"]) for mount in made["Mounts"]] == [(full_home.volume, _HOME)]
    assert (host["ReadonlyRootfs"], host["CapDrop"], set(host["Tmpfs"])) == (True, ["ALL"], {"/rescue", "/tmp"})
    assert (host["Memory"], host["MemorySwap"], host["MemoryReservation"]) == (384 << 20, 384 << 20, 128 << 20)
    assert (host["PidsLimit"], host["SecurityOpt"]) == (256, ["no-new-privileges"])

    page = alice.server("GET", "/lab")
    assert json.loads(re.search(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', page.text)[1])[
        "appName"
    ] == ("Rescue server")
    listed = alice.read("").json()["content"]
    assert {entry["name"] for entry in listed} >= {"runs", "thesis", "draft"}
    files = {"Authorization": f"token {alice.token}"}
    assert httpx.get(f"{alice.base}/user/alice/files/thesis", headers=files).text == "chapter one\n"
    shown = in_a_terminal(alice, "id; rm draft; touch /usr/here; pwd")
    assert "This is a rescue server" in shown
    assert re.search(r"uid=1234 gid=1235", shown)
    assert "Read-only file system" in shown
    assert re.search(rf"^{_HOME}\r?$", shown, re.MULTILINE)
    assert re.search(r"2\.0M +2\.0M +0 +100%", shown), shown
    assert alice.server("DELETE", "/api/contents/runs").status_code == 204
    assert full_home.run(f"ls {_HOME}") == "thesis\n"
    assert full_home.run(f"find {_HOME} -iname '*trash*'") == "", "gone for good"
    alice.write("note", "there is room")
    alice.stop()

    full_home.run(f"chown -R 1000:100 {_HOME}")
    assert ask(alice, {}) == "", "the choice of last time is the usual one"
    assert inspect("container", rescuing.server("alice"))["Config"]["Image"] == "jupyterhub-user"
    assert alice.read("thesis").json()["content"] == "chapter one\n"


def test_a_broken_image_leaves_a_rescue_server(rescuing, person):
    alice = person("alice")
    alice.stop()
    told = ask(alice, {"profile": "broken"})
    assert told.startswith("The image has no JupyterHub server in it.")
    assert told.endswith("Until then, a rescue server gets you to your files.")
    page = alice.client.get("/hub/spawn-pending/alice")
    assert page.status_code == 500
    form = re.search(r'<form action="([^"]*)" method="post">\s*<input type="hidden" name="rescue"', page.text)
    assert "Start a rescue server" in alice.client.get("/hub/home").text
    assert "Start a rescue server" in alice.client.get("/hub/spawn/alice").text
    alice.client.post(form[1], data={"rescue": "true"}, headers={"Referer": str(page.url)}, follow_redirects=False)
    alice.until_ready()
    assert inspect("container", rescuing.server("alice"))["Config"]["Image"] == RESCUE_IMAGE
    assert "Start a rescue server" not in alice.client.get("/hub/home").text
    alice.stop()
    card = re.search(r'value="broken" required( checked)?', alice.client.get("/hub/spawn/alice").text)
    assert card[1], "the choice of last time is not the rescue"
    assert ask(alice, _NO_CHOICE) == ""


def test_it_is_never_root(rescuing, person):
    """A home that nobody has used yet belongs to root."""
    bob = person("bob")
    bob.stop()
    run("docker", "volume", "rm", "--force", rescuing.home("bob"))
    assert ask(bob, {"rescue": True}) == ""
    assert inspect("container", rescuing.server("bob"))["Config"]["User"] == "1000:100"
    assert bob.read("").json()["content"] == []
    bob.stop()
    assert ask(bob, _NO_CHOICE) == "", "a usual server has the home as ever"
    bob.write("notes", "mine")
    bob.stop()
