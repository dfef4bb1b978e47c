"""The conversation with LDAP or Active Directory: find a person, prove the password, read the groups.

Blocking, with a deadline on every network operation; `authenticator` runs it off the event loop.
Refuses to talk over a connection whose certificate it has not verified.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ldap3 import NONE, SUBTREE, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn

from onehub.core.people import Person
from onehub.core.settings import DEMO_CA_FILE, Settings
from onehub.core.settings import Directory as DirectorySettings

_INVALID_CREDENTIALS = 49
_ANSWERED = (0, 4)
"""Success, and more entries than were asked for."""
_HIDDEN = (32, 50)
"""No such object, insufficient rights: how servers say that one may not look."""
_NESTING_DEPTH = 10
_GROUP_LIMIT = 1000
"""Bounds of the walk up the groups; a directory with loops or thousands of groups cannot stall a sign-in."""


class DirectoryDown(Exception):
    """The directory cannot answer now: not reachable, silent, an untrusted certificate, a bad lookup account."""


@dataclass(frozen=True)
class Entry:
    """A person as the directory knows them: the DN to bind with, and the canonical login name."""

    dn: str
    login: str


class Session(Protocol):
    """One sign-in's conversation. The seam behind which the library can be changed."""

    def find(self, login: str) -> Entry | None:
        """The one person with this login name, or None. Two are None as well: nobody may be mistaken."""

    def prove(self, entry: Entry, password: str) -> bool:
        """Whether the password is right: one bind, one failed attempt at most."""

    def groups(self, entry: Entry) -> frozenset[str]:
        """DNs of all groups the person is in, nested ones included."""


def identify(session: Session, login: str, password: str) -> Person | None:
    """The person behind a login name and password, or None if either is wrong.

    Raises DirectoryDown, which is never the same as a wrong password.
    """
    entry = session.find(login)
    if entry is None or not session.prove(entry, password):
        return None
    return Person(entry.login.lower(), entry.dn, session.groups(entry))


class LdapDirectory:
    """The configured directory. Opens a session per sign-in and holds no state between them."""

    def __init__(self, settings: Settings, deployment: Path) -> None:
        self._settings = settings.directory
        ca_file = str(deployment / self._settings.ca_file) if self._settings.ca_file else None
        login_attribute = self._settings.login_attribute
        if settings.is_demo:
            ca_file, login_attribute = DEMO_CA_FILE, "uid"
        self._ca_file = ca_file
        self.login_attribute = login_attribute

    @contextmanager
    def session(self) -> Iterator[LdapSession]:
        """A conversation; closes its connections. Raises DirectoryDown."""
        dialogue = LdapSession(self._settings, self._ca_file, self.login_attribute)
        try:
            yield dialogue
        except (LDAPException, OSError) as error:
            where = f"{self._settings.server}:{self._settings.effective_port}"
            raise DirectoryDown(f"the directory {where} does not answer: {_reason(error)}") from error
        finally:
            dialogue.close()


class _VerifiedTls(Tls):
    """TLS by the standard library's rules: certificate and host name verified in the handshake, TLS 1.2 or newer.

    ldap3's own wrapping leaves the name to a second look and the sockets that fail it open.
    """

    def __init__(self, ca_file: str | None) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._ca_file = ca_file

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:
        context = ssl.create_default_context()
        if self._ca_file:
            context.load_verify_locations(self._ca_file)
        connection.socket = context.wrap_socket(connection.socket, server_hostname=connection.server.host)


class LdapSession:
    """A sign-in's conversation with a real directory."""

    def __init__(self, settings: DirectorySettings, ca_file: str | None, login_attribute: str) -> None:
        self._settings = settings
        self._ca_file = ca_file
        self._login_attribute = login_attribute
        self._opened: list[Connection] = []
        self._reader: Connection | None = None

    def find(self, login: str) -> Entry | None:
        if not self._settings.lookup_user:
            # Without a lookup account the template is all there is; the login proves itself in `prove`.
            return Entry(self._settings.bind_templates[0].replace("{username}", escape_rdn(login)), login)
        attribute = self._login_attribute
        rows = self._search(f"({attribute}={escape_filter_chars(login)})", [attribute], limit=2)
        if len(rows) != 1:
            return None
        values = rows[0]["raw_attributes"][attribute]
        return Entry(rows[0]["dn"], values[0].decode("utf-8")) if len(values) == 1 else None

    def prove(self, entry: Entry, password: str) -> bool:
        # A simple bind without a password succeeds anonymously, so it must never reach the server.
        if not password:
            return False
        connection = self._open(entry.dn, password)
        if connection is None:
            return False
        if not self._settings.lookup_user:
            self._reader = connection
        return True

    def groups(self, entry: Entry) -> frozenset[str]:
        if not self._settings.search_base:
            return frozenset()
        found: set[str] = set()
        frontier = [entry.dn]
        for _ in range(_NESTING_DEPTH):
            frontier = [dn for dn in self._groups_holding(frontier) if dn not in found]
            found.update(frontier)
            if not frontier or len(found) > _GROUP_LIMIT:
                break
        return frozenset(found)

    def _groups_holding(self, members: Iterable[str]) -> list[str]:
        conditions = "".join(f"(member={escape_filter_chars(dn)})" for dn in members)
        return [row["dn"] for row in self._search(f"(|{conditions})", ["1.1"])]

    def knows_anybody(self) -> bool:
        """Whether the lookup account sees anyone with a login name, for the doctor."""
        return bool(self._search(f"({self._login_attribute}=*)", ["1.1"], limit=1))

    def _search(self, condition: str, attributes: list[str], limit: int = 0) -> list[dict[str, Any]]:
        reader, base = self._reader or self._lookup_connection(), self._settings.search_base
        reader.search(base, condition, SUBTREE, attributes=attributes, size_limit=limit)
        # Somebody who looks with their own account may not be let see the groups; they have none, then.
        accepted = _ANSWERED if self._settings.lookup_user else (*_ANSWERED, *_HIDDEN)
        if reader.result["result"] not in accepted:
            raise DirectoryDown(f"the directory cannot search below {base!r}: {reader.result['description']}")
        return [row for row in reader.response or () if row["type"] == "searchResEntry"]

    def _lookup_connection(self) -> Connection:
        if self._reader is None:
            password = self._settings.lookup_password.get_secret_value()
            self._reader = self._open(self._settings.lookup_user, password)
            if self._reader is None:
                raise DirectoryDown(f"the directory refuses the lookup account {self._settings.lookup_user}")
        return self._reader

    def _open(self, user: str, password: str) -> Connection | None:
        """A bound connection over verified TLS, or None if the password is wrong."""
        connection = Connection(
            self._server(),
            user=user,
            password=password,
            receive_timeout=self._settings.answer_timeout,
            auto_referrals=False,
            raise_exceptions=False,
        )
        self._opened.append(connection)
        connection.open()
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._settings.tls == "starttls" and not connection.start_tls():
            raise DirectoryDown(f"the directory refuses StartTLS: {connection.result['description']}")
        if connection.bind():
            return connection
        if connection.result["result"] == _INVALID_CREDENTIALS:
            return None
        raise DirectoryDown(f"the directory refuses to check a password: {connection.result['description']}")

    def _server(self) -> Server:
        # A new one each time: ldap3 takes a server that answered once for one that answers.
        return Server(
            self._settings.server,
            port=self._settings.effective_port,
            use_ssl=self._settings.tls == "ldaps",
            tls=_VerifiedTls(self._ca_file),
            get_info=NONE,  # the schema is 100 KB at every bind, and nobody reads it
            connect_timeout=self._settings.connect_timeout,
        )

    def close(self) -> None:
        for connection in self._opened:
            # A connection that failed has told why already, and cannot say good-bye in order.
            with suppress(LDAPException, OSError):
                connection.unbind()
            if connection.socket is not None:
                connection.socket.close()


def _reason(error: Exception) -> str:
    """The innermost cause, in its own words: ldap3 wraps socket and TLS errors into tuples of tuples."""
    cause: BaseException = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    return str(cause) or type(cause).__name__
