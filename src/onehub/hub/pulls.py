"""Pulls of missing images: one of each, whoever waits for it, for as long as bytes arrive."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import docker
import requests
import urllib3
from docker.utils import kwargs_from_env

from onehub.core.downloads import Download, PullFailed
from onehub.core.references import repository, tag

_AT_ONCE = 4
"""Different images; the engine takes several parts of each at the same time."""


class Pull:
    """An image on its way. `download` tells how far."""

    def __init__(self, image: str) -> None:
        self.image = image
        self.download = Download()
        self.wanted = 0
        self.done: asyncio.Future[None]


class _Client(docker.APIClient):
    """One that gives a pull up that brings nothing for a while; docker-py would wait for ever."""

    def __init__(self, patience: float) -> None:
        super().__init__(version="auto", **kwargs_from_env())
        self._patience = patience

    def send(self, *args, **kwargs):
        kwargs["timeout"] = kwargs.get("timeout") or self._patience
        return super().send(*args, **kwargs)


class Pulls:
    """The pulls of this hub. `patience` is in seconds."""

    def __init__(self, patience: float, make_client: Callable[[float], docker.APIClient] = _Client) -> None:
        self._patience = patience
        self._make_client = make_client
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="pull")
        self._running: dict[str, Pull] = {}

    async def have(self, image: str, tell: Callable[[Pull], None]) -> None:
        """Wait until it is here. Raises PullFailed. When nobody waits any more, the pull ends."""
        pull = self._running.setdefault(image, Pull(image))
        pull.wanted += 1
        if pull.wanted == 1:
            self._begin(pull)
        tell(pull)
        try:
            await asyncio.shield(pull.done)
        finally:
            pull.wanted -= 1
            if not pull.wanted and self._running.get(image) is pull:
                # Who comes now begins anew: this one ends at its next event.
                del self._running[image]

    def _begin(self, pull: Pull) -> None:
        pull.done = asyncio.get_running_loop().run_in_executor(self._threads, self._pull, pull)
        pull.done.add_done_callback(lambda done: done.cancelled() or done.exception())  # told to those who wait

    def _pull(self, pull: Pull) -> None:
        try:
            with contextlib.closing(self._make_client(self._patience)) as client:
                for event in client.pull(repository(pull.image), tag=tag(pull.image), stream=True, decode=True):
                    pull.download.take(event)
                    if not pull.wanted and pull.download.done:
                        raise PullFailed("nobody waits for it any more")
        except docker.errors.APIError as error:
            raise PullFailed(str(error.explanation or error)) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise PullFailed(f"nothing has come for {self._patience:g} s ({pull.download.words})") from error
