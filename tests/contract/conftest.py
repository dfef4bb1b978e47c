"""A real OpenLDAP, from the project's own directory image, on free ports of the loopback."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from onehub.core.names import DIRECTORY_IMAGE
from tests.e2e.deployment import TestDeployment, free_port, run

PASSWORDS = {
    "ada": "correct horse",
    "alice": 'päss\'wörd "quoted" \\back: slash',
    "bob": "b",
    "carol": "c",
    "mallory": "m",
}
LOOKUP_PASSWORD = "look up#with $igns"


@dataclass(frozen=True)
class RunningDirectory:
    """Where the directory listens, and the CA to trust."""

    ldaps: int
    starttls: int
    ca_file: Path
    container: str
    lookup_user: str = "cn=lookup,dc=example,dc=test"
    lookup_password: str = LOOKUP_PASSWORD


@pytest.fixture(scope="session")
def openldap(deployment: TestDeployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDirectory]:
    """Besides the demo's own, whose image it runs."""
    folder = tmp_path_factory.mktemp("directory")
    secrets, published = folder / "secrets", folder / "ca"
    secrets.mkdir(mode=0o700)
    published.mkdir()
    people = "".join(f"{name} {password}\n" for name, password in PASSWORDS.items())
    for name, text in (("demo-people", people), ("ad.env", f"AD_LOOKUP_SEARCH_PASSWORD='{LOOKUP_PASSWORD}'\n")):
        (secrets / name).write_text(text)
        (secrets / name).chmod(0o600)
    running = RunningDirectory(free_port(), free_port(), published / "ca.pem", f"onehub-contract-{os.getpid()}")
    publish = [f"--publish=127.0.0.1:{running.ldaps}:636", f"--publish=127.0.0.1:{running.starttls}:389"]
    mounts = [f"--volume={secrets}:/srv/secrets:ro", f"--volume={published}:/srv/directory-ca"]
    run("docker", "run", "--detach", "--name", running.container, *publish, *mounts, DIRECTORY_IMAGE)
    try:
        _wait_healthy(running.container)
        yield running
    finally:
        run("docker", "rm", "--force", "--volumes", running.container)


def _wait_healthy(container: str) -> None:
    deadline = time.monotonic() + 60
    while (state := _health(container)) != "healthy":
        assert time.monotonic() < deadline, f"{state}\n{run('docker', 'logs', container).stderr}"
        time.sleep(0.2)


def _health(container: str) -> str:
    return run("docker", "inspect", "--format", "{{.State.Health.Status}}", container).stdout.strip()
