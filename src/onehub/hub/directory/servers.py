"""Which servers there are, and which of them answer: the sick are passed by until they may be well again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import dns.exception
import dns.resolver

from onehub.core.settings import Directory

from .session import DirectoryDown

_log = logging.getLogger("onehub.directory")

_SICK_FOR = 30.0
"""Seconds that a server which failed is asked last."""
_AGAIN_AFTER = 2.0
"""Seconds until a server is tried again where none is well: an outage must not cost every sign-in a time-out."""
_SRV_FOR = 300.0
"""Seconds that DNS's answer is good for."""
_SRV_WITHIN = 5.0


@dataclass(frozen=True)
class Server:
    """Where to connect. The certificate must be for `host`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass
class _Illness:
    last_tried: float
    reason: str


class Resolver(Protocol):
    """The part of dnspython's resolver that is used."""

    def resolve(self, qname: str, rdtype: str, *, lifetime: float) -> dns.resolver.Answer:
        """The records of a name."""


class Servers:
    """The configured servers with what is known of their health; shared by all threads."""

    def __init__(
        self,
        settings: Directory,
        resolver: Resolver | None = None,
        clock: Callable[[], float] = time.monotonic,
        watch: Callable[[Server, bool], None] = lambda server, well: None,
    ) -> None:
        self._settings = settings
        self._resolver = resolver
        self._clock = clock
        self._watch = watch
        self._sick: dict[Server, _Illness] = {}
        self._found: tuple[float, tuple[Server, ...]] | None = None
        self._lock = threading.Lock()

    def candidates(self) -> Iterator[Server]:
        """Servers in the order in which to try them; the sick ones last, if at all, until their time is over.

        Raises DirectoryDown where there is none to try.
        """
        left = []
        tried = False
        for server in self._servers():
            if self._may_try(server, after=_SICK_FOR):
                tried = True
                yield server
            else:
                left.append(server)
        for server in left:
            if self._may_try(server, after=_AGAIN_AFTER):
                tried = True
                yield server
        if not tried:
            with self._lock:
                told = "; ".join(f"{server}: {self._sick[server].reason}" for server in left if server in self._sick)
            raise DirectoryDown(f"no server of the directory answers ({told}); they are tried again soon", "down")

    def failed(self, server: Server, reason: str) -> None:
        """It was refused, silent or showed a wrong certificate."""
        with self._lock:
            self._sick[server] = _Illness(self._clock(), reason)
        self._watch(server, False)

    def answered(self, server: Server) -> None:
        """It is well."""
        with self._lock:
            self._sick.pop(server, None)
        self._watch(server, True)

    def _may_try(self, server: Server, after: float) -> bool:
        """Whether it is well, or sick for so long that one sign-in should try; the others do not wait with it."""
        now = self._clock()
        with self._lock:
            illness = self._sick.get(server)
            if illness is None:
                return True
            if now - illness.last_tried < after:
                return False
            illness.last_tried = now
            return True

    def _servers(self) -> tuple[Server, ...]:
        port = self._settings.effective_port
        if not self._settings.srv:
            return tuple(Server(host, port) for host in self._settings.servers)
        now = self._clock()
        with self._lock:
            if self._found and now < self._found[0]:
                return self._found[1]
        try:
            found, good_for = self._ask_dns(), _SRV_FOR
        except DirectoryDown as error:
            # What DNS said last is better than nothing while it is away; nobody waits for it again at once.
            if not self._found:
                raise
            _log.warning("%s; its last answer holds", error)
            found, good_for = self._found[1], _SICK_FOR
        with self._lock:
            self._found = (now + good_for, found)
        return found

    def _ask_dns(self) -> tuple[Server, ...]:
        name = self._settings.srv
        domain = name.removeprefix("_ldap._tcp").rstrip(".")
        for part in ("._msdcs.", "._sites."):
            domain = domain.rpartition(part)[2]
        domain = domain.removeprefix(".")
        try:
            resolver = self._resolver or dns.resolver.Resolver()
            records = resolver.resolve(name, "SRV", lifetime=_SRV_WITHIN)
        except dns.exception.DNSException as error:
            raise DirectoryDown(f"DNS names no servers for {name}: {error}", "dns") from error
        # By priority, then the heavier ones first; a hub with few sign-ins need not draw lots.
        ordered = sorted(records, key=lambda record: (record.priority, -record.weight))
        hosts = [record.target.to_text(omit_final_dot=True) for record in ordered]
        if hosts == [""]:
            raise DirectoryDown(f"DNS says that {domain} has no directory ({name})", "dns")
        # DNS can be forged, certificates cannot: a host elsewhere would bring a valid certificate of its own.
        strangers = [host for host in hosts if not f".{host.lower()}".endswith(f".{domain}")]
        if strangers:
            raise DirectoryDown(f"DNS names {strangers[0]} for {name}, which is outside {domain}: not trusted", "dns")
        port = self._settings.port
        use = {"ldaps": 636}.get(self._settings.transport)
        return tuple(Server(host, port or use or record.port) for host, record in zip(hosts, ordered, strict=True))
