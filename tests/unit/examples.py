"""Deployments, settings and hosts that the unit tests start from."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from onehub.core import names
from onehub.core.facts import Compose, Container, Facts, Image
from onehub.core.settings import DEMO_DIRECTORY, Settings
from onehub.core.sources import Named

AD_ENV = """\
AD_SERVER=dc1.example.com
AD_LOOKUP_SEARCH_USER=svc-jupyter@example.com
AD_LOOKUP_SEARCH_PASSWORD=hunter2
AD_SEARCH_BASE=DC=example,DC=com
"""
FILES = {"compose.yaml": "", "secrets/ad.env": AD_ENV, "userlist": "jenny admin\nguido\n"}
"""The least that a deployment needs."""


def lay_out(directory: Path, files: Mapping[str, str | bytes | None]) -> Path:
    """Write the files; None makes a folder of that name."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Root reads everything, so it steps aside; anybody else is stopped by the mode."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(me)


def make_settings(**sections: Mapping[str, Any]) -> Settings:
    """A valid deployment's settings, with other values where named."""
    directory = {"server": "dc1.example.com", "lookup_user": "svc", "lookup_password": "hunter2"}
    return Settings.model_validate(
        {"directory": directory, "access": {"people": (Named("jenny", admin=True),)}} | sections
    )


OWN = make_settings()
DEMO = make_settings(directory={"server": DEMO_DIRECTORY, "lookup_user": "cn=lookup", "lookup_password": "hunter2"})


def make_container(service: str, **changes: Any) -> Container:
    """A healthy container that Compose has nothing to do for."""
    name = "jupyterhub" if service == "hub" else f"jupyterhub-{service}"
    values = {"name": name, "state": "running", "health": "healthy", "image_id": f"{service}-1", "config_hash": "h"}
    return Container(**values | changes)


def make_host(settings: Settings = OWN, **changes: Any) -> Facts:
    """A host on which everything is built and up."""
    services = settings.services
    values = {
        "engine": "28.0.1",
        "compose": Compose(("docker", "compose"), "2.30.0"),
        "images": {names.SERVICE_IMAGES[service]: Image(f"{service}-1") for service in services}
        | {settings.servers.image: Image("user-1")},
        "networks": frozenset({settings.names.network}),
        "volumes": frozenset({settings.names.data_volume}),
        "services": {service: make_container(service) for service in services},
        "wanted_hashes": dict.fromkeys(services, "h"),
        "hub_digest": settings.digest(),
    }
    return Facts(**values | changes)
