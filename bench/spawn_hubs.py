"""Two hubs to measure beside each other: ours as an operator has it, and the design of jupyterhub-deploy-docker."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
import httpx

from onehub.core.names import BASE_IMAGE, LABEL_DEPLOYMENT, LABEL_KIND
from onehub.core.plan import BuildImage
from onehub.core.settings import DEMO_DIRECTORY, Settings
from onehub.host import assets

PEOPLE = tuple(f"p{number:02}" for number in range(40))
PASSWORD = "a password of their own"
LABEL = "com.onehub.bench"
RUN = f"onehub-bench-{os.getpid()}"
"""In the name of everything that this run makes."""
STOCK_NOTEBOOK = "localhost/onehub-bench/notebook-stock"

_STOCK_HUB = "localhost/onehub-bench/hub-stock"
_OUR_BASE = "localhost/onehub-bench/notebook-base"
_OUR_NOTEBOOK = "localhost/onehub-bench/notebook-ours"
_ROOT = Path(__file__).parents[1]
_STOCK = Path(__file__).with_name("stock")
_ONEHUB = Path(sys.executable).with_name("onehub")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_BASE_DN = "dc=example,dc=test"
_LAST_LINES = 60
_PATIENCE = 120
"""Seconds until a hub that should have started counts as broken."""


@dataclass(frozen=True)
class Hub:
    """A running hub: where it answers, and how Docker knows what belongs to it."""

    name: str
    base: str
    services: tuple[str, ...]
    """The containers of hub and proxy."""
    labels: tuple[str, ...]
    """Those of people's servers; the containers are called …server-NAME."""
    engine: docker.DockerClient

    def servers(self) -> list[str]:
        """The containers of people's servers that exist, running or not."""
        found = self.engine.api.containers(all=True, quiet=True, filters={"label": list(self.labels)})
        return [container["Id"] for container in found]

    def memory(self) -> float:
        """MiB that hub and proxy hold, without what the kernel may drop at any time; as `docker stats` counts."""
        return sum(map(self._memory, self.services)) / 2**20

    def _memory(self, container: str) -> int:
        measured = self.engine.containers.get(container).stats(stream=False)["memory_stats"]
        caches = measured["stats"]
        # The first is cgroup v1's word, the second v2's.
        return measured["usage"] - caches.get("total_inactive_file", caches.get("inactive_file", 0))


@contextmanager
def hubs() -> Iterator[Mapping[str, Hub]]:
    """Both, started and idle; all they made is taken away in the end, their images apart."""
    with ExitStack() as stack:
        engine = stack.enter_context(closing(docker.from_env()))
        _build_notebooks()
        stock = stack.enter_context(_stock(engine))
        ours = stack.enter_context(_ours(engine))
        try:
            yield {"stock": stock, "ours": ours}
        except Exception:
            # Nothing is left to look at afterwards.
            for container in stock.services + ours.services:
                said = engine.containers.get(container).logs(tail=_LAST_LINES).decode(errors="replace")
                print(f"--- {container}\n{said}", file=sys.stderr)
            raise


def _build_notebooks() -> None:
    """The same packages for both: ours from our context, stock's with nothing left out."""
    contexts = assets.contexts(Settings(), _ROOT)
    ours = contexts["notebook"].files
    build(_OUR_BASE, ours, FLAVOUR="minimal")
    bundle = dict(ours)["ca-certificates.crt"]
    packages = dict(ours)["requirements-minimal.txt"]
    build(STOCK_NOTEBOOK, (*files_of(_STOCK / "notebook"), ("ours.txt", packages), ("ca-certificates.crt", bundle)))
    libraries = dict(contexts["hub"].files)["requirements.txt"]
    build(_STOCK_HUB, (*files_of(_STOCK / "hub"), ("requirements.txt", libraries), ("ca-certificates.crt", bundle)))


def files_of(folder: Path) -> tuple[tuple[str, Path], ...]:
    """What a build context takes from a folder."""
    return tuple((path.name, path) for path in sorted(folder.iterdir()) if path.is_file())


def build(tag: str, files: tuple[tuple[str, Path], ...], **args: str) -> None:
    """An image on our base, from these files."""
    forward = tuple(name for name in _PROXIES if os.environ.get(name))
    step = BuildImage(tag, files, (("BASE_IMAGE", BASE_IMAGE), *args.items()), ((LABEL, "image"),), "", forward)
    with tempfile.TemporaryDirectory(prefix="onehub-bench-") as folder:
        for name, source in files:
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(source.stat().st_mode & 0o777)
        _run(*step.argv(Path(folder)))


@contextmanager
def _stock(engine: docker.DockerClient) -> Iterator[Hub]:
    name = f"{RUN}-stock"
    environ = {
        "DOCKER_NOTEBOOK_IMAGE": STOCK_NOTEBOOK,
        "DOCKER_SPAWN_CMD": "jupyterhub-singleuser",
        "DOCKER_NETWORK_NAME": name,
        "BENCH_PREFIX": f"{name}-",
        "BENCH_LABEL": LABEL,
        "BENCH_VALUE": f"{name}-server",
    }
    options = [f"--env={key}={value}" for key, value in environ.items()]
    options += [f"--network={name}", "--network-alias=jupyterhub", "--publish=127.0.0.1::8000"]
    options += [f"--volume={name}-data:/data", "--volume=/var/run/docker.sock:/var/run/docker.sock"]
    labels = (f"{LABEL}={name}-server",)
    try:
        _run("docker", "network", "create", f"--label={LABEL}={name}", name)
        _run("docker", "run", "--detach", f"--name={name}", f"--label={LABEL}={name}", *options, _STOCK_HUB)
        port = _run("docker", "port", name, "8000/tcp").split()[0].rpartition(":")[2]
        hub = Hub("stock", f"http://127.0.0.1:{port}", (name,), labels, engine)
        _wait_healthy(hub)
        yield hub
    finally:
        _remove("container", f"label={LABEL}={name}")
        _remove("container", f"label={labels[0]}")
        # Docker makes the volumes that a container names, without a label.
        _remove("volume", f"name={name}-")
        _remove("network", f"label={LABEL}={name}")


@contextmanager
def _ours(engine: docker.DockerClient) -> Iterator[Hub]:
    name = f"{RUN}-ours"
    with tempfile.TemporaryDirectory(prefix="onehub-bench-") as folder:
        directory, port = Path(folder), _free_port()
        try:
            _make_deployment(directory, name, port)
            _add_people(f"{name}-directory")
            labels = (f"{LABEL_DEPLOYMENT}={name}", f"{LABEL_KIND}=server")
            hub = Hub("ours", f"http://127.0.0.1:{port}", (name, f"{name}-proxy"), labels, engine)
            _wait_healthy(hub)
            yield hub
        finally:
            for kind in ("container", "volume", "network"):
                for label in (LABEL_DEPLOYMENT, "com.docker.compose.project"):
                    _remove(kind, f"label={label}={name}")


def _make_deployment(directory: Path, name: str, port: int) -> None:
    """What an operator does, with the demo's directory and names that collide with nobody's."""
    _run(_ONEHUB, "init", directory)
    directory.chmod(0o755)  # a temporary folder is private, a deployment is not
    values = {
        "COMPOSE_PROJECT_NAME": name,
        "HUB_CONTAINER_NAME": name,
        "HUB_PORT": str(port),
        "HTTPS_PORT": str(_free_port()),
        "HTTP_PORT": str(_free_port()),
        "DOCKER_NETWORK_NAME": f"{name}-network",
        "DATA_VOLUME_HOST": f"{name}-data",
        "DOCKER_NOTEBOOK_IMAGE": _OUR_BASE,
        "LOCAL_NOTEBOOK_IMAGE": _OUR_NOTEBOOK,
    }
    path = directory / ".env"
    text = path.read_text()
    for key, value in values.items():
        text, count = re.subn(rf"(?m)^{key}=.*$", f"{key}={value}", text)
        if count != 1:
            raise RuntimeError(f".env has {count} lines of {key}")
    path.write_text(text)
    prefixes = f'[servers]\nhome_prefix = "{name}-home-"\ncontainer_prefix = "{name}-server-"\n'
    (directory / "onehub.toml").write_text(prefixes)
    (directory / "userlist").write_text("".join(f"{person}\n" for person in PEOPLE))
    # As the demo would write it, but settings must be whole before the notebook image can be built as wanted here.
    lookup = (
        f"AD_SERVER={DEMO_DIRECTORY}\nAD_LOOKUP_SEARCH_USER=cn=lookup,{_BASE_DN}\nAD_LOOKUP_SEARCH_PASSWORD=look\n"
    )
    (directory / "secrets" / "ad.env").write_text(f"{lookup}AD_SEARCH_BASE={_BASE_DN}\n")
    _run(_ONEHUB, "build", "notebook", cwd=directory)
    _run(_ONEHUB, "demo", cwd=directory)


def _add_people(container: str) -> None:
    """They are not in the demo; root may add them over the directory's own socket."""
    entries = [
        f"dn: uid={name},ou=people,{_BASE_DN}\nobjectClass: inetOrgPerson\n"
        f"uid: {name}\ncn: {name}\nsn: {name}\nuserPassword: {PASSWORD}\n"
        for name in PEOPLE
    ]
    add = ("docker", "exec", "--interactive", container, "ldapadd", "-Y", "EXTERNAL", "-H", "ldapi:///")
    _run(*add, told="\n".join(entries))


def _wait_healthy(hub: Hub) -> None:
    def healthy() -> bool:
        try:
            return httpx.get(f"{hub.base}/hub/health", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    _wait(healthy, f"the hub of {hub.name} did not start")


def _wait(done: Callable[[], bool], failure: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(failure)
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _remove(kind: str, which: str) -> None:
    every = ("--all",) if kind == "container" else ()
    found = _run("docker", kind, "ls", "--quiet", *every, "--filter", which).split()
    if found:
        force = ("--force", "--volumes") if kind == "container" else ()
        _run("docker", kind, "rm", *force, *found)


def _run(*argv: str | Path, cwd: Path | None = None, told: str | None = None) -> str:
    done = subprocess.run(argv, cwd=cwd, input=told, capture_output=True, text=True, check=False, timeout=1500)
    if done.returncode:
        raise RuntimeError(f"{argv} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout
