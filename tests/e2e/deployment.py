"""A deployment of its own for the tests: own project, names, volumes and port, made by the installed `onehub`."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .person import wait_until

ONEHUB = Path(sys.executable).with_name("onehub")
REPOSITORY = Path(__file__).parents[2]


def run(
    *argv: str | Path, cwd: Path | None = None, check: bool = True, **environ: str
) -> subprocess.CompletedProcess:
    """A program, with what it said if it failed."""
    done = subprocess.run(
        [str(word) for word in argv], cwd=cwd, env=os.environ | environ, capture_output=True, text=True, timeout=1500
    )
    if check and done.returncode:
        raise AssertionError(f"{argv} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class TestDeployment:
    """Where it is and what it is called."""

    __test__ = False
    directory: Path
    project: str
    port: int
    https_port: int = field(default_factory=lambda: free_port())
    http_port: int = field(default_factory=lambda: free_port())

    @classmethod
    def create(cls, directory: Path, project: str) -> TestDeployment:
        """A fresh directory from `onehub init`, with names that collide with nobody's."""
        run(ONEHUB, "init", directory)
        directory.chmod(0o755)  # pytest's folders are private; a clone is not
        deployment = cls(directory, project, free_port())
        names = {
            "COMPOSE_PROJECT_NAME": project,
            "HUB_CONTAINER_NAME": project,
            "HUB_PORT": str(deployment.port),
            "HTTPS_PORT": str(deployment.https_port),
            "HTTP_PORT": str(deployment.http_port),
            "DOCKER_NETWORK_NAME": f"{project}-network",
            "DATA_VOLUME_HOST": f"{project}-data",
            "LOCAL_NOTEBOOK_IMAGE": "jupyterhub-user",
        }
        for name, value in names.items():
            deployment.set_env(name, value)
        deployment.write_toml()
        return deployment

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def hub(self) -> str:
        """The hub's container."""
        return self.project

    def set_env(self, name: str, value: str) -> None:
        """Edit `.env` as an operator would."""
        path = self.directory / ".env"
        text, count = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}", path.read_text())
        assert count == 1, name
        path.write_text(text)

    def write_toml(self, more: str = "") -> None:
        (self.directory / "onehub.toml").write_text(
            f'[servers]\nhome_prefix = "{self.project}-home-"\ncontainer_prefix = "{self.project}-server-"\n{more}'
        )

    def onehub(self, *words: str, check: bool = True, **environ: str) -> subprocess.CompletedProcess:
        return run(ONEHUB, *words, cwd=self.directory, check=check, **environ)

    def status(self) -> dict:
        return json.loads(self.onehub("status", "--json").stdout)

    def passwords(self) -> dict[str, str]:
        lines = (self.directory / "secrets" / "demo-people").read_text().splitlines()
        return dict(line.split(maxsplit=1) for line in lines)

    def home(self, name: str) -> str:
        return f"{self.project}-home-{name}"

    def server(self, name: str) -> str:
        return f"{self.project}-server-{name}"

    def logs(self) -> str:
        return "\n".join(
            f"--- {name}\n{done.stdout}{done.stderr}"
            for name in (self.hub, f"{self.hub}-proxy", f"{self.hub}-directory", f"{self.hub}-httpd")
            for done in [run("docker", "logs", "--tail", "200", name, check=False)]
        )

    def remove(self) -> None:
        """Take away everything that carries this deployment's label or project, and nothing else."""
        ours, compose = (
            f"label=com.onehub.deployment={self.project}",
            f"label=com.docker.compose.project={self.project}",
        )
        for label in (ours, compose):
            _remove("container", label, "rm", "--force", "--volumes")
        for label in (ours, compose):
            _remove("volume", label, "rm")
            _remove("network", label, "rm")


def _remove(kind: str, label: str, *verb: str) -> None:
    listing = ("docker", kind, "ls", "--quiet", "--filter", label, *(("--all",) if kind == "container" else ()))
    found = run(*listing).stdout.split()
    if found:
        run("docker", kind, *verb, *found)


def inspect(kind: str, name: str) -> dict:
    return json.loads(run("docker", kind, "inspect", name).stdout)[0]


@contextmanager
def paused(container: str) -> Iterator[None]:
    """It is silent meanwhile. Docker calls it unhealthy then, and until it looked again."""
    run("docker", "pause", container)
    try:
        yield
    finally:
        run("docker", "unpause", container)
        wait_until(
            lambda: inspect("container", container)["State"]["Health"]["Status"] == "healthy", "it is well again"
        )
