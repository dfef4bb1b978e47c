"""Docker calls in threads: nobody waits for somebody else's slow call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import docker

_SLOW = frozenset({"pull", "stop"})
"""Calls that last: a stop up to the grace period, a pull as long as the bytes come."""
_Answer = TypeVar("_Answer")
_TIMEOUT = 60
"""Seconds until the engine counts as stuck."""


class DockerLanes:
    """Two pools of threads, each thread with a client of its own: one for quick calls, one for those that last."""

    def __init__(self, quick: int = 8, slow: int = 32) -> None:
        self._quick = ThreadPoolExecutor(quick, thread_name_prefix="docker")
        self._slow = ThreadPoolExecutor(slow, thread_name_prefix="docker-slow")
        self._local = threading.local()

    @property
    def client(self) -> docker.APIClient:
        """This thread's own; requests' sessions are not safe to share."""
        if not hasattr(self._local, "client"):
            self._local.client = docker.from_env(version="auto", timeout=_TIMEOUT).api
        return self._local.client

    def submit(self, method: str, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a method of the client in a thread of the lane that it belongs to."""
        lane = self._slow if method in _SLOW else self._quick
        return lane.submit(lambda: _call(getattr(self.client, method), args, kwargs))

    def ask(self, question: Callable[[docker.APIClient], _Answer]) -> Future[_Answer]:
        """A function of the client, in a thread: what reads only the beginning of an answer."""
        return self._quick.submit(lambda: question(self.client))


def _call(method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    found = method(*args, **kwargs)
    # A stream is read here, not on the event loop.
    return list(found) if hasattr(found, "__next__") else found
