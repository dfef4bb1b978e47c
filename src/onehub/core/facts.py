"""What was seen on the host: plain values that `host.observe` fills and the plans are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Compose:
    """The Compose at hand: `docker compose` or Debian 12's `docker-compose`."""

    argv: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Image:
    """An image in the engine's store. `digest` is what the registry it came from calls its content, if any.

    `size` is in bytes, `created` in seconds since 1970.
    """

    id: str
    labels: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    size: int = 0
    created: int = 0


@dataclass(frozen=True)
class Container:
    """A container of one of our services. `health` is empty where there is no check."""

    name: str
    state: str
    health: str
    image_id: str
    config_hash: str

    @property
    def condition(self) -> str:
        """In a word: `healthy`, `starting`, `unhealthy`; or that it does not run: `exited`, `paused` …"""
        return self.health if self.state == "running" and self.health else self.state


@dataclass(frozen=True)
class Server:
    """A person's server."""

    person: str
    container: str
    state: str
    image: str


@dataclass(frozen=True)
class Context:
    """What a Docker build is made of: (name inside the context, file) pairs, and a digest of all contents."""

    files: tuple[tuple[str, Path], ...]
    digest: str


@dataclass(frozen=True)
class Facts:
    """The host as it was a moment ago. `engine` is Docker's version, or None where no engine answers.

    `other_directory` is the deployment that runs under our project's name, if it is not this one.
    `pullable` maps images that are not here to the digests that their registries offer.
    """

    engine: str | None = None
    compose: Compose | None = None
    can_install: bool = False
    has_dockerd: bool = False
    has_systemd: bool = False
    has_mmdebstrap: bool = False
    images: Mapping[str, Image] = field(default_factory=dict)
    pullable: Mapping[str, str] = field(default_factory=dict)
    proxy_variables: tuple[str, ...] = ()
    networks: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    services: Mapping[str, Container] = field(default_factory=dict)
    other_directory: str | None = None
    wanted_hashes: Mapping[str, str] = field(default_factory=dict)
    hub_digest: str | None = None
    servers: tuple[Server, ...] = ()
    port_owner: str | None = None
    front_port_owner: str | None = None
    """Who holds a port that the `httpd` service wants, like `8443 is in use by another program`."""
