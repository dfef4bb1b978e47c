"""Verified TLS, and what a certificate that was refused looks like."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID
from ldap3 import Connection, Tls


class VerifiedTls(Tls):
    """TLS by the standard library's rules: certificate and host name verified in the handshake, TLS 1.2 or newer.

    ldap3's own wrapping leaves the name to a second look and the sockets that fail it open.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=context.verify_mode)
        self._context = context

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:
        """ldap3 calls it after connecting, or after the answer to StartTLS."""
        # The handshake comes second, so that whoever has to end it at the deadline finds the socket.
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=connection.server.host, do_handshake_on_connect=False
        )
        connection.socket.do_handshake()


class Trust:
    """The system's CAs and the deployment's own, read again when that file changes: it costs 20 ms each time."""

    def __init__(self, ca_file: Path | None) -> None:
        self.ca_file = ca_file
        self._lock = threading.Lock()
        self._read: tuple[float, ssl.SSLContext] | None = None

    def context(self) -> ssl.SSLContext:
        """What verifies certificates. Raises OSError for a file that cannot be read."""
        with self._lock:  # or every thread would read them at once
            changed = self.ca_file.stat().st_mtime if self.ca_file else 0.0
            if self._read is None or self._read[0] != changed:
                context = ssl.create_default_context()
                if self.ca_file:
                    context.load_verify_locations(self.ca_file)
                self._read = (changed, context)
            return self._read[1]


def looking_context() -> ssl.SSLContext:
    """Trusts anybody: to look at a certificate that was refused. Nothing secret may follow over it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@dataclass(frozen=True)
class Certificate:
    """What matters about a server's certificate."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    ends: datetime
    chain: tuple[str, ...] = ()
    """From the server's to the CA's, by subject; empty where Python cannot tell (before 3.13)."""

    @property
    def days_left(self) -> int:
        """Until it expires; negative if it has."""
        return (self.ends - datetime.now(UTC)).days

    def __str__(self) -> str:
        names = ", ".join(self.names) or "no name"
        return f"the certificate {self.subject} for {names}, signed by {self.issuer}, good until {self.ends:%Y-%m-%d}"


def peer_certificate(socket: ssl.SSLSocket) -> Certificate:
    """The certificate at the other end of a TLS connection, verified or not."""
    own = x509.load_der_x509_certificate(socket.getpeercert(binary_form=True) or b"")
    verified = getattr(socket, "get_verified_chain", None)
    chain = [x509.load_der_x509_certificate(raw) for raw in verified()] if verified else []
    return Certificate(
        subject=_short(own.subject),
        issuer=_short(own.issuer),
        names=_names(own),
        ends=own.not_valid_after_utc,
        chain=tuple(_short(one.subject) for one in chain),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (
        *found.get_values_for_type(x509.DNSName),
        *(str(address) for address in found.get_values_for_type(x509.IPAddress)),
    )


def _short(name: x509.Name) -> str:
    common: Sequence[x509.NameAttribute] = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return repr(str(common[0].value)) if common else repr(name.rfc4514_string())
