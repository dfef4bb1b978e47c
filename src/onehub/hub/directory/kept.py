"""Connections that wait for the next conversation: a TLS handshake is half of what a sign-in costs."""

from __future__ import annotations

import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ldap3 import Connection
from ldap3.core.exceptions import LDAPException

from .servers import Server

_KEPT_FOR = 10.0
"""Seconds. Firewalls and directories end what is idle for minutes; a class that signs in needs no longer."""


@dataclass(frozen=True)
class Kept:
    """A healthy connection, verified by `context`; whoever takes it binds anew before anything else."""

    connection: Connection
    server: Server
    context: ssl.SSLContext
    since: float


class KeptConnections:
    """At most `most` of them, shared by all threads."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._kept: deque[Kept] = deque()
        self._lock = threading.Lock()
        self._closing: threading.Timer | None = None

    def take(self, context: ssl.SSLContext) -> Kept | None:
        """The latest that is fit for use; the others are closed."""
        with self._lock:
            mine = self._kept.pop() if self._kept else None
            stale = [kept for kept in self._kept if self._is_stale(kept, context)]
            for kept in stale:
                self._kept.remove(kept)
            if mine and self._is_stale(mine, context):
                stale.append(mine)
                mine = None
        for kept in stale:
            end(kept.connection)
        return mine

    def put(self, connection: Connection, server: Server, context: ssl.SSLContext) -> None:
        """Keep it for the next conversation."""
        with self._lock:
            self._kept.append(Kept(connection, server, context, self._clock()))
            surplus = self._kept.popleft() if len(self._kept) > self._most else None
            if self._closing is None:
                # It is still the last person's: it must not stay so for longer than it can be of use.
                self._closing = threading.Timer(_KEPT_FOR, self._close_old)
                self._closing.daemon = True
                self._closing.start()
        if surplus:
            end(surplus.connection)

    def _close_old(self) -> None:
        now = self._clock()
        with self._lock:
            old = [kept for kept in self._kept if now - kept.since >= _KEPT_FOR]
            self._kept = deque(kept for kept in self._kept if kept not in old)
            self._closing = threading.Timer(_KEPT_FOR, self._close_old) if self._kept else None
            if self._closing:
                self._closing.daemon = True
                self._closing.start()
        for kept in old:
            end(kept.connection)

    def clear(self) -> None:
        """Close them all."""
        with self._lock:
            kept, self._kept = self._kept, deque()
            if self._closing:
                self._closing.cancel()
        for one in kept:
            end(one.connection)

    def _is_stale(self, kept: Kept, context: ssl.SSLContext) -> bool:
        # Another context: the CA file has changed, and with it whom to trust.
        return kept.context is not context or self._clock() - kept.since > _KEPT_FOR


def end(connection: Connection) -> None:
    """Say good-bye and close; a connection that failed has told why already."""
    with suppress(LDAPException, OSError):
        connection.unbind()
    if connection.socket is not None:
        connection.socket.close()
