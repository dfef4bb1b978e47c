"""The engine is restarted while servers run: each ends in a clear state, and everybody can start again.

Not collected by itself, as it takes an engine of its own (two minutes, five gigabytes, root):

    .venv/bin/pytest tests/e2e/engine_restart.py
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from onehub.core import names

from .deployment import REPOSITORY, TestDeployment, inspect, run
from .person import wait_until
from .test_restarts import healthy

_INSIDE = os.environ.get("ONEHUB_SECOND_ENGINE", "")
_IMAGES = (
    *(names.BASE_IMAGE, *map(names.notebook_image, names.UPSTREAM_FLAVOURS), "jupyterhub-user", names.RESCUE_IMAGE),
    *names.SERVICE_IMAGES.values(),
)


@pytest.mark.skipif(bool(_INSIDE), reason="this is what runs there")
@pytest.mark.timeout(900)
def test_in_an_engine_of_its_own(deployment: TestDeployment, tmp_path: Path):
    """`deployment` has made the images; the other engine has no network to make any."""
    archive = tmp_path / "images.tar"
    present = [image for image in _IMAGES if run("docker", "image", "inspect", image, check=False).returncode == 0]
    run("docker", "save", "--output", archive, *present)
    folder = tmp_path / "engine"
    folder.mkdir()
    pytest_here = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-x", __file__)
    done = run(REPOSITORY / "tests" / "e2e" / "second-engine", folder, archive, *pytest_here, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0, (folder / "dockerd.log").read_text()[-3000:]


@pytest.mark.skipif(not _INSIDE, reason="stops every container of the engine; second-engine gives it another one")
@pytest.mark.timeout(600)
def test_dockerd_is_restarted_with_servers_running(deployment: TestDeployment, person):
    alice, bob = person("alice"), person("bob")
    for somebody in (alice, bob):
        somebody.start()
        somebody.write("notes", somebody.name)
    before = inspect("container", deployment.server("alice"))["Id"]

    restart_the_engine()
    assert inspect("container", deployment.server("alice"))["State"]["Running"] is False
    wait_until(lambda: healthy(deployment), "the hub has come back by itself")
    for somebody in (alice, bob):
        wait_until(lambda who=somebody: not who.server_state(), f"the hub knows that {somebody.name}'s has ended")
        assert somebody.is_signed_in()
        somebody.start()
        assert somebody.read("notes").json()["content"] == somebody.name
    assert inspect("container", deployment.server("alice"))["Id"] != before

    for somebody in (alice, bob):
        somebody.stop()
        somebody.token = ""
    left = (
        "--filter",
        f"label=com.onehub.deployment={deployment.project}",
        "--filter",
        "label=com.onehub.kind=server",
    )
    assert run("docker", "ps", "--all", "--quiet", *left).stdout == ""
    assert deployment.onehub("up", "--dry-run").stdout == ""


def restart_the_engine() -> None:
    pid = int(Path("/run/docker.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not Path("/run/docker.pid").exists(), "the engine has ended")
    run("sh", "-c", f"dockerd >> {_INSIDE}/dockerd.log 2>&1 &")
    wait_until(lambda: run("docker", "version", check=False).returncode == 0, "the engine answers again")
