"""The Docker engine, if one answers."""

from __future__ import annotations

from typing import Any

import docker
import requests


def connect(timeout: int = 60) -> docker.APIClient | None:
    """A client of the engine, or None where none answers within `timeout` seconds."""
    try:
        client = docker.from_env(timeout=timeout).api
        client.ping()
    except (docker.errors.DockerException, requests.exceptions.RequestException):
        return None
    return client


def image_details(client: docker.APIClient, image: str) -> dict[str, Any]:
    """What the engine knows of an image. Raises docker.errors.ImageNotFound."""
    found: dict[str, Any] = client.inspect_image(image)  # type: ignore[no-untyped-call]
    return found
