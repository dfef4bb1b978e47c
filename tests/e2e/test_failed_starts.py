"""Starts that fail, by real faults: the person reads the cause, the operator has the record, nothing is left over.

One deployment, one person, one image name: each fault is an image that gets that name, and `test_…` by `test_…` the
person starts again afterwards with a good one.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from onehub.core.references import previous

from .deployment import TestDeployment, run
from .person import Person, wait_until

_GOOD = "localhost/onehub/notebook-minimal:0.1.0"
_TELL = "Please tell the people who run this service."
_MEANWHILE = f"{_TELL} Until then, a rescue server gets you to your files."
_SLOW = 'CMD ["sh", "-c", "sleep 3; exec jupyterhub-singleuser \\"$@\\"", "slow"]'
_PROFILES = """
[[profile]]
name = "Usual"
[[profile]]
name = "With a GPU"
gpus = 1
"""
_EATER = (
    "import sys; sys.stderr.write('about to grow'); sys.stderr.flush(); x = [bytearray(1 << 24) for _ in range(99)]"
)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDeployment]:
    """A demo with small limits, so that faults show soon."""
    made = TestDeployment.create(tmp_path_factory.mktemp("faults"), f"onehub-faults-{os.getpid()}")
    made.set_env("LOCAL_NOTEBOOK_IMAGE", _image(made))
    made.write_toml(f'start_timeout = "20s"\n[limits]\nmemory = "300M"\npromise = "100M"\n{_PROFILES}')
    try:
        run("docker", "tag", _GOOD, _image(made))
        made.onehub("demo")
        yield made
    finally:
        made.remove()
        run("docker", "image", "rm", "--force", _image(made), previous(_image(made)), check=False)


def _image(deployment: TestDeployment) -> str:
    return f"localhost/{deployment.project}-image:1"


@dataclass
class Alice:
    """She starts what there is, and reads what she is told."""

    deployment: TestDeployment
    person: Person

    def starts(self, profile: str = "Usual") -> None:
        """She asks for her server, and does not wait."""
        self.answer = self.person.hub("POST", "/users/alice/server", {"profile": profile})

    def reads(self) -> str:
        """The words of the start that fails, by the API or, if it takes long, by the progress page."""
        if self.answer.status_code == 500:
            return self.answer.json()["message"]
        assert self.answer.status_code == 202, self.answer.text
        events = self.person.hub("GET", "/users/alice/server/progress").text
        last = [json.loads(line.removeprefix("data: ")) for line in events.splitlines() if line.startswith("data:")][
            -1
        ]
        assert last["failed"], last
        return last["message"].removeprefix("Spawn failed: ")

    def fails(self, profile: str = "Usual") -> str:
        self.starts(profile)
        return self.reads()


@pytest.fixture(scope="module")
def alice(deployment: TestDeployment) -> Iterator[Alice]:
    person = Person(deployment.base, "alice")
    assert person.sign_in(deployment.passwords()["alice"]).status_code == 302
    yield Alice(deployment, person)
    person.client.close()


@pytest.fixture
def image(deployment: TestDeployment, alice: Alice, tmp_path) -> Iterator[Callable[..., str]]:
    """Gives the name of the servers' image to something else. Afterwards nothing is left, and a good one starts."""

    def build(*lines: str, base: str = _GOOD) -> str:
        (tmp_path / "Dockerfile").write_text("\n".join((f"FROM {base}", *lines)))
        run("docker", "build", "--tag", _image(deployment), tmp_path)
        return _image(deployment)

    yield build
    assert servers(deployment) == []
    run("docker", "image", "rm", _image(deployment), check=False)
    run("docker", "tag", _GOOD, _image(deployment))
    alice.person.start()
    assert len(servers(deployment)) == 1
    alice.person.stop()
    assert servers(deployment) == []


def servers(deployment: TestDeployment) -> list[str]:
    """Every container of a person, in whatever state."""
    labels = (f"label=com.onehub.deployment={deployment.project}", "label=com.onehub.kind=server")
    return run("docker", "ps", "--all", "--quiet", "--filter", labels[0], "--filter", labels[1]).stdout.split()


def recorded(deployment: TestDeployment, told: str, words: str, kind: str) -> dict:
    """The record behind what was told, which is exactly `words` with its reference."""
    said, _, reference = told.partition(" Reference: ")
    assert said == words
    assert re.fullmatch("[0-9a-f]{8}", reference)
    record = json.loads(deployment.onehub("why", "alice", "--json").stdout)
    assert (record["reference"], record["person"], record["cause"]["kind"]) == (reference, "alice", kind)
    seen = record["evidence"]
    assert seen["image"] == _image(deployment)
    assert seen["mounts"] == [f"{deployment.home('alice')}:/home/jovyan/work"]
    return seen


def test_nobody_failed_yet(deployment):
    done = deployment.onehub("why", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "error: no start has failed, as far as records are kept\n",
    )


def test_the_image_is_missing(deployment, alice, image):
    run("docker", "image", "rm", _image(deployment))
    seen = recorded(deployment, alice.fails(), f"The server image is not installed. {_MEANWHILE}", "image-missing")
    assert (seen["missing"], seen["exit_code"], seen["log"]) == (True, None, [])
    page = alice.person.client.get("/hub/spawn-pending/alice")
    assert page.status_code == 500
    assert "The server image is not installed." in page.text


@pytest.mark.parametrize(
    ("base", "line", "exit_code"),
    [
        ("debian:trixie-slim", 'CMD ["jupyterhub-singleuser"]', 127),
        (_GOOD, "RUN rm /opt/jupyter/bin/jupyterhub-singleuser", 127),
        (_GOOD, "RUN rm -r /opt/jupyter/lib/python3*/site-packages/jupyterhub", 1),
    ],
    ids=["not an image for this", "no program", "no package"],
)
def test_the_image_has_no_singleuser(deployment, alice, image, base, line, exit_code):
    image(line, base=base)
    words = f"The image has no JupyterHub server in it. {_MEANWHILE}"
    seen = recorded(deployment, alice.fails(), words, "no-jupyterhub-singleuser")
    assert seen["exit_code"] == exit_code


def test_the_container_ends_at_once(deployment, alice, image):
    image('CMD ["sh", "-c", "echo the licence server is down; exit 3"]')
    last = "the licence server is down"
    words = f"The server ended while it started, with exit code 3 and these last words: {last} – {_MEANWHILE}"
    seen = recorded(deployment, alice.fails(), words, "exited")
    assert (seen["exit_code"], seen["oom_killed"], seen["log"]) == (3, False, ["the licence server is down"])
    shown = deployment.onehub("why", "Alice").stdout
    assert re.search(r"^exit code +3 *$", shown, re.MULTILINE)
    assert shown.endswith("\nlast lines\n  the licence server is down\n")


def test_the_container_never_answers(deployment, alice, image):
    image('CMD ["sh", "-c", "echo waiting for Godot; exec sleep 600"]')
    words = (
        "The server runs but does not answer. Please try again; if it stays so, tell the people who run this service."
    )
    seen = recorded(deployment, alice.fails(), words, "silent")
    assert (seen["exit_code"], seen["log"]) == (None, ["waiting for Godot"])
    assert seen["seconds"] >= 20


def test_the_memory_is_not_enough(deployment, alice, image):
    image(f'CMD ["python3", "-c", "{_EATER}"]')
    words = f"The server needed more memory than it may have and was ended. {_TELL}"
    seen = recorded(deployment, alice.fails(), words, "out-of-memory")
    assert (seen["exit_code"], seen["oom_killed"], seen["log"]) == (137, True, ["about to grow"])


def test_the_home_is_full(deployment, alice, image):
    """A server that writes into the home before it answers, as where $HOME is the volume."""
    image("ENV HOME=/home/jovyan/work")
    home, filler = deployment.home("alice"), f"{deployment.project}-filler"
    ours = ("--label", f"com.onehub.deployment={deployment.project}")
    run("docker", "volume", "rm", home)
    kind = ("--label", "com.onehub.kind=home", "--label", "com.onehub.user=alice")
    tmpfs = ("--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=1m")
    run("docker", "volume", "create", *ours, *kind, *tmpfs, home)
    script = "dd if=/dev/zero of=/home-of-alice/thesis bs=64k; echo full; sleep 600"
    run(
        *("docker", "run", "--detach", "--name", filler, *ours, "--volume", f"{home}:/home-of-alice"),
        *("debian:trixie-slim", "sh", "-c", script),
    )
    try:
        wait_until(lambda: run("docker", "logs", filler).stdout == "full\n", "the home is full")
        words = "Your home is full, so the server cannot write. A rescue server lets you delete what you do not need."
        seen = recorded(deployment, alice.fails(), words, "home-full")
        assert seen["exit_code"] == 1
    finally:
        run("docker", "rm", "--force", filler)
        run("docker", "volume", "rm", "--force", home)


def test_the_hub_cannot_be_reached(deployment, alice, image):
    image('CMD ["sh", "-c", "JUPYTERHUB_API_URL=http://hub.invalid:8081/hub/api exec jupyterhub-singleuser"]')
    seen = recorded(deployment, alice.fails(), f"The server could not reach the hub. {_TELL}", "hub-out-of-reach")
    assert any("Failed to connect to my Hub at http://hub.invalid:8081/hub/api" in line for line in seen["log"])


def test_the_jupyterhub_in_the_image_is_too_old(deployment, alice, image, tmp_path):
    words = ("download", "--quiet", "--no-deps", "--dest", tmp_path, "jupyterhub==1.5.1")
    run(sys.executable, "-m", "pip", *words)
    image("COPY *.whl /tmp/", "RUN pip install --quiet --no-index --no-deps /tmp/*.whl")
    seen = recorded(
        deployment,
        alice.fails(),
        f"The JupyterHub in the image is of a version that does not fit. {_MEANWHILE}",
        "version-mismatch",
    )
    assert seen["exit_code"] == 1


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["RUN rmdir /home/jovyan/work && touch /home/jovyan/work"], "not a directory"),
        (["USER ghost"], "the image wants to run as 'ghost', but its /etc/passwd does not know that user"),
    ],
    ids=["no place for the home", "no such user"],
)
def test_docker_cannot_make_the_container(deployment, alice, image, lines, said):
    image(*lines)
    seen = recorded(deployment, alice.fails(), f"The machine could not make your container. {_TELL}", "docker")
    assert said in seen["error"]
    assert seen["log"] == []


def test_the_machine_has_no_gpu(deployment, alice, image):
    words = "Your choice needs a GPU, and this machine offers none. Please choose something else, or tell"
    seen = recorded(deployment, alice.fails("With a GPU"), f"{words} the people who run this service.", "no-gpu")
    assert "could not select device driver" in seen["error"]
    alice.person.start(profile="Usual")
    alice.person.stop()


def test_the_container_is_killed_while_it_starts(deployment, alice, image):
    image(_SLOW)
    with ThreadPoolExecutor() as pool:
        told = pool.submit(alice.fails)
        wait_until(lambda: state(deployment) == "running", "the container runs")
        run("docker", "kill", deployment.server("alice"))
        words = "The server was ended from outside while it started. Please start it again."
        seen = recorded(deployment, told.result(), words, "killed")
    assert (seen["exit_code"], seen["oom_killed"]) == (137, False)


def test_the_hub_is_killed_between_create_and_start(deployment, alice, image):
    """A long /etc/passwd keeps the hub busy between the two: it looks up there whose the home shall be."""
    image("USER root", "RUN head -c 100M /dev/zero >>/etc/passwd", "USER jovyan")
    kill_the_hub_when(deployment, alice, "created")
    assert state(deployment) == "created"
    deployment.onehub("up")
    wait_until(lambda: servers(deployment) == [], "the container is gone")
    assert alice.person.hub("GET", "/users/alice").json()["servers"] == {}


def test_the_hub_is_killed_while_a_server_starts(deployment, alice, image):
    """The server looks for its hub at growing distances, and gets ready: the hub finds it there."""
    image(_SLOW)
    kill_the_hub_when(deployment, alice, "running")
    wait_until(lambda: "attempt 2/5" in run("docker", "logs", deployment.server("alice")).stderr, "it has no hub")
    deployment.onehub("up")
    alice.person.until_ready()
    alice.person.stop()


def kill_the_hub_when(deployment: TestDeployment, alice: Alice, wanted: str) -> None:
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(alice.starts)
        wait_until(lambda: state(deployment) == wanted, f"the container is {wanted}")
        run("docker", "kill", deployment.hub)
        asked.result()
    assert alice.answer.status_code in (500, 502)


def state(deployment: TestDeployment) -> str:
    """Of the container of alice's server."""
    form = ("--format", "{{.State.Status}}")
    return run("docker", "container", "inspect", *form, deployment.server("alice"), check=False).stdout.strip()


def test_the_records_are_there_without_the_hub(deployment):
    """All of the above, the newest first; nothing of it in a command line, and no volume is made for the question."""
    deployment.onehub("down")
    kinds = [
        *(
            "killed",
            "no-gpu",
            "docker",
            "docker",
            "version-mismatch",
            "hub-out-of-reach",
            "home-full",
            "out-of-memory",
            "silent",
            "exited",
        ),
        *["no-jupyterhub-singleuser"] * 3,
        "image-missing",
    ]
    records = json.loads(deployment.onehub("why", "--json").stdout)
    assert [record["cause"]["kind"] for record in records] == kinds
    lines = deployment.onehub("why").stdout.splitlines()[1:]
    assert [line.split()[-1] for line in lines] == [record["reference"] for record in records]
    assert not any(record["evidence"]["log"] for record in records)
    full = json.loads(deployment.onehub("why", "alice", "--all", "--json").stdout)
    assert [record["reference"] for record in full] == [record["reference"] for record in records]
    assert json.loads(deployment.onehub("why", full[3]["reference"], "--json").stdout) == full[3]
    done = deployment.onehub("why", "bob", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "error: there is no record of a failed start of 'bob'\n\n"
        "hint: `onehub why` lists all that are kept (hub.keep_failures in onehub.toml)\n",
    )
