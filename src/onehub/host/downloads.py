"""Pulls images through the engine, as this operator: with the logins of their `docker login`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import docker
import requests
import urllib3
from docker.utils import kwargs_from_env

from onehub.core.downloads import Download, PullFailed
from onehub.core.errors import StepFailed
from onehub.core.references import is_fixed, may_be_pulled, repository, tag

from .engine import image_details

_HINTS = "`docker login`, if the registry asks for it; a name on another registry goes into onehub.toml or .env"


class _Client(docker.APIClient):
    """One that gives a pull up that brings nothing for a while; docker-py would wait for ever."""

    def __init__(self, patience: float) -> None:
        super().__init__(version="auto", **kwargs_from_env())
        self._patience = patience

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = kwargs.get("timeout") or self._patience
        return super().send(*args, **kwargs)


def pull(image: str, patience: float, tell: Callable[[Download], None]) -> str:
    """Get what the registry has under that name now, without giving the name to it; its id. Raises StepFailed."""
    if not may_be_pulled(image):
        raise StepFailed(
            f"{image} names no registry, so it is never pulled",
            "`make notebook_image` builds LOCAL_NOTEBOOK_IMAGE; `docker load` brings any other",
        )
    with _telling(image, patience), contextlib.closing(_Client(patience)) as client:
        digest = tag(image) if is_fixed(image) else _offered(client, image)
        fixed = f"{repository(image)}@{digest}"
        download = Download()
        for event in client.pull(repository(image), tag=digest, stream=True, decode=True):
            download.take(event)
            tell(download)
        return str(image_details(client, fixed)["Id"])


def _offered(client: docker.APIClient, image: str) -> str:
    answer = client.inspect_distribution(image)  # type: ignore[no-untyped-call]
    return str(answer["Descriptor"]["digest"])


@contextlib.contextmanager
def _telling(image: str, patience: float) -> Iterator[None]:
    try:
        yield
    except PullFailed as error:
        raise StepFailed(f"{image} cannot be pulled: {error}", _HINTS) from error
    except docker.errors.APIError as error:
        raise StepFailed(f"{image} cannot be pulled: {error.explanation or error}", _HINTS) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise StepFailed(
            f"{image} cannot be pulled: nothing has come for {patience:g} s", "repeat; parts that came are kept"
        ) from error
