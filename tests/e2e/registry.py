"""A real registry on the loopback, Debian's `docker-registry`, behind a sluice that slows it down or shuts it."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from .deployment import free_port, run
from .person import wait_until

_CHUNK = 16_384


@dataclass
class Registry:
    """Where it is, and how many bytes a second it gives; None: all that there are, 0: none at all."""

    address: str
    rate: float | None = None
    images: list[str] = field(default_factory=list)

    def name(self, path: str) -> str:
        return f"{self.address}/{path}"

    def publish(self, image: str, path: str) -> str:
        """Push an image under another name, which on this host stays what it was, or nothing; that name."""
        name = self.name(path)
        before = run("docker", "images", "--quiet", "--no-trunc", name).stdout.strip()
        run("docker", "tag", image, name)
        run("docker", "push", name)
        if before:
            run("docker", "tag", before, name)
        else:
            run("docker", "image", "rm", name)
        self.images.append(name)
        return name


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """Run one; nothing of it is installed."""
    port, program = free_port(), _program(folder)
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder / 'blobs'}'}}}}\n"
    )
    with (
        (folder / "registry.log").open("wb") as log,
        subprocess.Popen([program, "serve", config], stdout=log, stderr=log) as process,
        socket.create_server(("127.0.0.1", 0)) as door,
    ):
        made = Registry(f"127.0.0.1:{door.getsockname()[1]}")
        threading.Thread(target=_accept, args=(door, port, made), daemon=True).start()
        try:
            wait_until(lambda: _answers(made), "the registry answers")
            yield made
        finally:
            process.terminate()
            with suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)


def _program(folder: Path) -> Path:
    """From Debian's package, unpacked; as root, apt would rather leave its rights for another user's."""
    fetch = ("apt-get", "download", "-o", "APT::Sandbox::User=root", "docker-registry")
    if run(*fetch, cwd=folder, check=False).returncode:
        run("apt-get", "update", "--quiet")
        run(*fetch, cwd=folder)
    (package,) = folder.glob("docker-registry_*.deb")
    run("dpkg-deb", "--extract", package, folder / "package")
    return folder / "package" / "usr" / "bin" / "docker-registry"


def _answers(made: Registry) -> bool:
    try:
        return httpx.get(f"http://{made.address}/v2/", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _accept(door: socket.socket, port: int, made: Registry) -> None:
    while True:
        try:
            connection, _ = door.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, port, made), daemon=True).start()


def _serve(connection: socket.socket, port: int, made: Registry) -> None:
    with connection, suppress(OSError), socket.create_connection(("127.0.0.1", port)) as target:
        there = threading.Thread(target=_pump, args=(connection, target, Registry(made.address)), daemon=True)
        there.start()
        _pump(target, connection, made)


def _pump(source: socket.socket, target: socket.socket, made: Registry) -> None:
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            while made.rate == 0:
                time.sleep(0.1)
            if made.rate:
                time.sleep(len(chunk) / made.rate)
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
