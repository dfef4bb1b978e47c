"""Looks at this machine and changes nothing: Docker, Compose, images, ports → facts."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import docker
import requests

from onehub.core import names
from onehub.core.facts import Compose, Container, Facts, Image, Server
from onehub.core.settings import Settings

from .engine import connect
from .runner import capture

_REGISTRY_TIMEOUT = 10
"""Seconds until a registry that does not answer counts as absent."""
_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
HUB_DIGEST_FILE = "/run/onehub/digest"
"""Written by the hub's entry point: the digest of the settings it runs with."""


def observe_engine(directory: Path) -> Facts:
    """Whether Docker and Compose are there at all."""
    client = connect()
    return Facts(
        engine=client.version()["Version"] if client else None,
        compose=_compose(directory),
        can_install=_can_install(),
        has_systemd=Path("/run/systemd/system").is_dir(),
        has_dockerd=shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None,
    )


def observe(settings: Settings, directory: Path, ask_registry_for: Iterable[str] = ()) -> Facts:
    """Everything the plans need. Registries are asked only for the named images, and only if those are not here."""
    client, compose = connect(), _compose(directory)
    if client is None:
        return Facts(compose=compose)
    images = _images(client)
    rows = _compose_containers(client, settings)
    services = _services(client, rows)
    return Facts(
        engine=client.version()["Version"],
        compose=compose,
        has_mmdebstrap=shutil.which("mmdebstrap") is not None,
        images=images,
        pullable={
            name: digest for name in ask_registry_for if name not in images and (digest := _offered_digest(name))
        },
        proxy_variables=tuple(name for name in _PROXY_VARIABLES if os.environ.get(name)),
        networks=frozenset(network["Name"] for network in client.networks()),
        volumes=frozenset(volume["Name"] for volume in client.volumes()["Volumes"] or ()),
        services=services,
        other_directory=_other_directory(rows, directory),
        wanted_hashes=_wanted_hashes(compose, directory),
        hub_digest=_hub_digest(client, services.get("hub")),
        servers=_servers(client, settings),
        port_owner=None if "proxy" in services else _port_owner(client, settings.names.port),
        front_port_owner=None if names.HTTPD in services else _front_port_owner(client, settings),
    )


def _can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _compose(directory: Path) -> Compose | None:
    for argv in (("docker", "compose"), ("docker-compose",)):
        if version := capture((*argv, "version", "--short"), directory):
            return Compose(argv, version.strip().removeprefix("v"))
    return None


def _wanted_hashes(compose: Compose | None, directory: Path) -> Mapping[str, str]:
    if compose is None:
        return {}
    profiles = tuple(f"--profile={profile}" for profile in names.PROFILES.values())
    argv = (*compose.argv, *profiles, "config", "--hash", "*")
    lines = (capture(argv, directory) or "").splitlines()
    return dict(line.split(maxsplit=1) for line in lines if " " in line)


def _images(client: docker.APIClient) -> Mapping[str, Image]:
    return {
        tag: Image(image["Id"], image["Labels"] or {}, _pulled_digest(image), image["Size"], image["Created"])
        for image in client.images()
        for tag in (*(image["RepoTags"] or ()), *(image["RepoDigests"] or ()))
        for tag in (tag, tag.removesuffix(":latest"))
    }


def _pulled_digest(image: Mapping[str, Any]) -> str:
    return next((name.partition("@")[2] for name in image["RepoDigests"] or ()), "")


def _offered_digest(name: str) -> str | None:
    """Asks the registry through the engine, which is who would pull, with its proxy and its certificates."""
    try:
        client = docker.from_env(timeout=_REGISTRY_TIMEOUT).api
        answer = client.inspect_distribution(name)  # type: ignore[no-untyped-call]
    except (docker.errors.APIError, requests.exceptions.RequestException):
        return None
    return str(answer["Descriptor"]["digest"])


def _compose_containers(client: docker.APIClient, settings: Settings) -> list[dict[str, Any]]:
    label = f"com.docker.compose.project={settings.names.project}"
    rows: list[dict[str, Any]] = client.containers(all=True, filters={"label": label})
    return rows


def _services(client: docker.APIClient, rows: Iterable[Mapping[str, Any]]) -> Mapping[str, Container]:
    found = {}
    for row in rows:
        details = client.inspect_container(row["Id"])
        labels = details["Config"]["Labels"]
        found[labels["com.docker.compose.service"]] = Container(
            name=details["Name"].removeprefix("/"),
            state=details["State"]["Status"],
            health=details["State"].get("Health", {}).get("Status", ""),
            image_id=details["Image"],
            config_hash=labels.get("com.docker.compose.config-hash", ""),
        )
    return found


def _other_directory(rows: Iterable[Mapping[str, Any]], directory: Path) -> str | None:
    places = {row["Labels"].get("com.docker.compose.project.working_dir", "") for row in rows}
    return next((place for place in sorted(places) if place and Path(place).resolve() != directory.resolve()), None)


def _servers(client: docker.APIClient, settings: Settings) -> tuple[Server, ...]:
    label = [f"{names.LABEL_DEPLOYMENT}={settings.names.project}", f"{names.LABEL_KIND}=server"]
    rows: list[dict[str, Any]] = client.containers(all=True, filters={"label": label})
    servers = (
        Server(
            row["Labels"].get(names.LABEL_USER, ""),
            row["Names"][0].removeprefix("/"),
            row["State"],
            row["Image"],
        )
        for row in rows
        # Labels alone prove little: a commit of a server carries them, too.
        if row["Names"][0].removeprefix("/").startswith(settings.servers.container_prefix)
    )
    return tuple(sorted(servers, key=lambda server: server.person))


def _hub_digest(client: docker.APIClient, hub: Container | None) -> str | None:
    if hub is None or hub.state != "running":
        return None
    try:
        job = client.exec_create(hub.name, ["cat", HUB_DIGEST_FILE], user="root")
    except docker.errors.APIError:
        return None  # it stopped a moment ago
    return client.exec_start(job["Id"]).decode().strip()


def _front_port_owner(client: docker.APIClient, settings: Settings) -> str | None:
    if not settings.site.certificate:
        return None
    wanted = (settings.names.https_port, settings.names.http_port)
    found = ((port, _port_owner(client, port, settings.names.listen)) for port in wanted)
    return next((f"{port} is in use by {owner}" for port, owner in found if owner), None)


def _port_owner(client: docker.APIClient, port: int, listen: str = "127.0.0.1") -> str | None:
    """Who holds the port there, or None if it is free."""
    with socket.socket(socket.AF_INET6 if listen.startswith("[") else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen.strip("[]"), port))
        except PermissionError:
            return None  # below 1024, and we are not root: whoever binds it will tell
        except OSError:
            for row in client.containers():
                if any(published.get("PublicPort") == port for published in row["Ports"]):
                    return f"the container {row['Names'][0].removeprefix('/')}"
            return "another program"
    return None
