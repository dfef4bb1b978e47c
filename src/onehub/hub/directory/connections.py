"""The connections of one conversation: to which server, over which TLS, until when."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ldap3 import NONE, SIMPLE, Connection
from ldap3 import Server as LdapServer
from ldap3.core.exceptions import (
    LDAPCommunicationError,
    LDAPException,
    LDAPInvalidServerError,
    LDAPSessionTerminatedByServerError,
    LDAPStartTLSError,
)

from onehub.core.settings import Directory

from .active_directory import bind_obstacle
from .kept import KeptConnections, end
from .servers import Server, Servers
from .session import DirectoryDown
from .tls import VerifiedTls, looking_context, peer_certificate

_INVALID_CREDENTIALS = 49
_NO_ADDRESS = "invalid server address"
"""What ldap3 says of a name that DNS does not know."""

Row = dict[str, Any]

SERVER_FAILED = (LDAPCommunicationError, LDAPInvalidServerError, LDAPStartTLSError, OSError)
"""What ldap3 raises when it is the server's or the network's fault, so that another server may do better."""


class Connections:
    """Opens connections, to the next server where one fails, and ends them all at the deadline."""

    def __init__(self, settings: Directory, servers: Servers, kept: KeptConnections, context: ssl.SSLContext) -> None:
        self._settings = settings
        self._kept = kept
        self._reading: Connection | None = None
        self._servers = servers
        self._context = context
        self._opened: list[Connection] = []
        self._server: Server | None = None
        self._over = False
        self._ends = time.monotonic() + settings.deadline
        self._watchdog = threading.Timer(settings.deadline, self._cut)
        self._watchdog.daemon = True
        self._watchdog.start()

    def for_reading(self) -> Connection:
        """A connection of the lookup account. Raises DirectoryDown."""
        self._reading = self._from_kept() or self._to_any(self._bind_lookup)
        return self._reading

    def _from_kept(self) -> Connection | None:
        """One of an earlier conversation, bound anew. That it ended meanwhile says nothing about its server."""
        kept = self._kept.take(self._context)
        if kept is None:
            return None
        self._opened.append(kept.connection)
        try:
            result = self._bind_lookup(kept.connection)
        except SERVER_FAILED:
            return None
        self._server = kept.server
        self._require_lookup(result)
        return kept.connection

    def _bind_lookup(self, connection: Connection) -> Row:
        password = self._settings.lookup_password.get_secret_value()
        return bind(connection, self._settings.lookup_user, password)

    def for_proof(self) -> Connection:
        """A connection that nobody has bound yet. Raises DirectoryDown."""
        return self._to_any(None)

    def give_up(self, error: Exception) -> None:
        """The server failed in the middle: remember it as sick. Raises `error` where there is no time for another."""
        if self._over or not self._server:
            raise error
        self._servers.failed(self._server, reason_of(error))

    def open(self, server: Server) -> Connection:
        """A connection over verified TLS (or none, if the settings insist) that nobody has bound yet."""
        connection = self._open(server, self._context)
        if self._settings.transport != "plain" and not isinstance(connection.socket, ssl.SSLSocket):
            raise DirectoryDown(f"{server} does not speak TLS", "tls")
        return connection

    def look_at(self, server: Server) -> Connection:
        """A connection whose certificate nobody has verified: only to look at that. Never bind on it."""
        return self._open(server, looking_context())

    def _to_any(self, then: Callable[[Connection], Row] | None) -> Connection:
        """A connection to the first server that answers, `then` done with it."""
        failures: list[tuple[str, str]] = []
        for server in self._servers.candidates():
            if self._over:
                break
            try:
                connection = self.open(server)
                result = then(connection) if then else None
            except SERVER_FAILED as error:
                story = self._story(server, error)
                failures.append((f"the directory {server} cannot be asked: {story}", kind_of(error)))
                self._servers.failed(server, story)
                continue
            self._servers.answered(server)
            self._server = server
            self._require_lookup(result)
            return connection
        if self._over or not failures:
            raise DirectoryDown(f"the directory took longer than {self._settings.deadline} s", "silent")
        raise DirectoryDown("; ".join(story for story, _ in failures), failures[-1][1])

    def _require_lookup(self, result: Row | None) -> None:
        account = self._settings.lookup_user
        if result and result["result"] == _INVALID_CREDENTIALS:
            raise DirectoryDown(f"the directory refuses the lookup account {account}: {_meaning(result)}", "lookup")
        if result and result["result"] != 0:
            raise DirectoryDown(f"the directory refuses to check a password: {told(result)}", "refused")

    def _open(self, server: Server, context: ssl.SSLContext) -> Connection:
        seconds = min(self._settings.connect_timeout, max(0.1, self._ends - time.monotonic()))
        connection = Connection(
            # A new one each time: ldap3 takes a server that answered once for one that answers.
            LdapServer(
                server.host,
                port=server.port,
                use_ssl=self._settings.transport == "ldaps",
                tls=VerifiedTls(context),
                get_info=NONE,  # the schema is 100 KB at every bind, and nobody reads it
                connect_timeout=seconds,
            ),
            auto_referrals=False,
            check_names=False,  # the server knows better than ldap3 which spellings of a DN are legal
            raise_exceptions=False,
        )
        self._opened.append(connection)
        connection.open(read_server_info=False)
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._settings.transport == "starttls" and not connection.start_tls(read_server_info=False):
            raise DirectoryDown(f"{server} refuses StartTLS: {connection.result['description']}", "tls")
        connection.socket.settimeout(self._settings.answer_timeout)
        return connection

    def _cut(self) -> None:
        """The deadline has come: whoever waits for an answer is woken by the end of the connection."""
        self._over = True
        for connection in list(self._opened):
            if connection.socket is not None:
                with suppress(OSError):
                    # Not the TLS socket's own shutdown: it stops encrypting a moment before it stops sending.
                    socket.socket.shutdown(connection.socket, socket.SHUT_RDWR)

    def close(self, *, well: bool) -> None:
        """The end of the conversation. If all went `well`, the connection waits for the next one."""
        self._watchdog.cancel()
        for connection in self._opened:
            if well and connection is self._reading and self._server and not self._over:
                self._kept.put(connection, self._server, self._context)
            else:
                end(connection)

    def down(self, error: Exception) -> DirectoryDown:
        """What a failure of the network means for the operator."""
        where = str(self._server) if self._server else self._settings.server
        if self._over:
            return DirectoryDown(f"the directory {where} took longer than {self._settings.deadline} s", "silent")
        return DirectoryDown(f"the directory {where} cannot be asked: {reason_of(error)}", kind_of(error))

    def _story(self, server: Server, error: Exception) -> str:
        """Why a server could not be used; of a refused certificate: which one, for which names, by which CA."""
        reason = reason_of(error)
        if not _is_about_certificate(error):
            return reason
        try:
            shown = peer_certificate(self.look_at(server).socket)
        except (LDAPException, OSError, ValueError):
            return reason
        return f"{reason}; {server} shows {shown}"


def bind(connection: Connection, user: str, password: str) -> Row:
    """One simple bind; the directory's answer."""
    # As bytes: ldap3 would change or refuse some passwords (SASLprep) that the directory takes.
    connection.user, connection.password, connection.authentication = user, password.encode(), SIMPLE
    try:
        connection.bind(read_server_info=False)
    finally:
        connection.password = None  # the connection may wait for somebody else
    return dict(connection.result)


def told(result: Row) -> str:
    message = str(result["message"]).strip("\0 \n")
    return f"{result['description']} ({message})" if message else str(result["description"])


def _meaning(result: Row) -> str:
    message = str(result["message"])
    return f"{bind_obstacle(message).meaning}: {told(result)}" if "data " in message else told(result)


def causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def reason_of(error: BaseException) -> str:
    """What went wrong in a few words: the innermost cause's, as ldap3 wraps socket and TLS errors into tuples."""
    chain = list(causes(error))
    for words, kind in (
        ("it did not answer in time", TimeoutError),
        ("it refused the connection", ConnectionRefusedError),
        ("it closed the connection", (ConnectionError, LDAPSessionTerminatedByServerError)),
    ):
        if any(isinstance(cause, kind) for cause in chain):
            return words
    said = str(chain[-1]) or type(chain[-1]).__name__
    return "its name has no address" if said == _NO_ADDRESS else said


def _is_about_certificate(error: BaseException) -> bool:
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error))


def kind_of(error: BaseException) -> str:
    """A word for the metrics."""
    chain = list(causes(error))
    for kind, types in (
        ("tls", (ssl.SSLCertVerificationError,)),
        ("silent", (TimeoutError,)),
        ("refused", (ConnectionRefusedError,)),
        ("tls", (ssl.SSLError,)),
    ):
        if any(isinstance(cause, types) for cause in chain):
            return kind
    return "dns" if str(chain[-1]) == _NO_ADDRESS else "broken"
