"""Whether the directory's servers can be reached: names, connections, certificates, one after the other."""

from __future__ import annotations

import re
import socket

from onehub.core.rehearsal import CONNECT, DNS, TLS

from .directory.connections import SERVER_FAILED, Connections, reason_of
from .directory.ldap import LdapDirectory
from .directory.servers import Server
from .directory.tls import Certificate, peer_certificate
from .notes import Draft, Ended, Notes

_FEW_DAYS = 30
_REFUSED = re.compile(r"certificate verify failed: (.*?)(?: \(_ssl|$)")
"""Python's words for a certificate that was refused; ldap3 keeps nothing else of the error."""
_WRAPPING = "\"'(), "
_SERVER_FIX = "AD_SERVER in secrets/ad.env, or the DNS that Docker hands to containers (/etc/resolv.conf)"
_CONNECT_FIX = "AD_SERVER in secrets/ad.env, directory.port and directory.tls in onehub.toml, firewalls on the way"
_TLS_FIX = "directory.tls, directory.port and directory.ca_file in onehub.toml"


def reach(directory: LdapDirectory, notes: Notes) -> None:
    """Try every server. What fails is a warning where another one answers. Raises Ended where none does."""
    servers = _servers(directory, notes)
    answering = [server for server in servers if _answers(directory, server, notes)]
    if not answering:
        raise Ended
    notes.soften()


def _servers(directory: LdapDirectory, notes: Notes) -> tuple[Server, ...]:
    if not directory.settings.srv:
        return tuple(directory.servers.candidates())
    with notes.stage(DNS, directory.settings.srv, _SERVER_FIX) as draft:
        servers = tuple(directory.servers.candidates())
        draft.text = f"names {', '.join(map(str, servers))}"
    return servers


def _answers(directory: LdapDirectory, server: Server, notes: Notes) -> bool:
    tls = [] if directory.settings.transport == "plain" else [TLS]
    left = [DNS, CONNECT, *tls]
    try:
        for about in tuple(left):
            subject = server.host if about == DNS else str(server)
            left.remove(about)
            with notes.stage(about, subject, _TLS_FIX) as draft:
                {DNS: _resolve, CONNECT: _connect, TLS: _shake_hands}[about](directory, server, draft)
    except Ended as ended:
        notes.skip(*left, subject=str(server))
        # The conversation need not try it again.
        directory.servers.failed(server, str(ended.__cause__ or "did not answer"))
        return False
    return True


def _resolve(directory: LdapDirectory, server: Server, draft: Draft) -> None:
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise draft.fail(f"the name {server.host!r} has no address", _SERVER_FIX) from error
    draft.text = ", ".join(dict.fromkeys(str(entry[4][0]) for entry in found))


def _connect(directory: LdapDirectory, server: Server, draft: Draft) -> None:
    seconds = directory.settings.connect_timeout
    try:
        with socket.create_connection((server.host, server.port), seconds) as connection:
            draft.text = f"from {connection.getsockname()[0]} to {connection.getpeername()[0]}"
    except TimeoutError as error:
        raise draft.fail(f"{server} does not answer within {seconds} s", _CONNECT_FIX) from error
    except OSError as error:
        raise draft.fail(f"{server} does not answer: {error.strerror}", _CONNECT_FIX) from error


def _shake_hands(directory: LdapDirectory, server: Server, draft: Draft) -> None:
    with directory.session() as session:
        try:
            connection = session.connections.open(server)
        except SERVER_FAILED as error:
            raise _refusal(session.connections, server, error, draft) from error
        certificate, version = peer_certificate(connection.socket), connection.socket.version()
    draft.text = f"{version}, {certificate}, {certificate.days_left} days left"
    if certificate.chain:
        draft.details = (f"chain: {' ← '.join(certificate.chain)}",)
    if certificate.days_left < _FEW_DAYS:
        message = f"{server} shows {certificate}: {certificate.days_left} days left, then nobody can sign in"
        draft.warn(message, "have it renewed by whoever runs the directory")


def _refusal(connections: Connections, server: Server, error: Exception, draft: Draft) -> Ended:
    """Of a refused certificate: which one, which name was expected, which CA, and what to do about it."""
    reason = reason_of(error)
    refused = _REFUSED.search(reason)
    if refused is None:
        what = "does not speak TLS" if "[SSL" in reason else "does not answer"
        # ldap3 has wrapped it more than once: `("('socket ssl wrapping error: timed out',)",)`.
        return draft.fail(f"{server} {what}: {reason.rpartition('error: ')[2].strip(_WRAPPING)}", _TLS_FIX)
    try:
        shown = peer_certificate(connections.look_at(server).socket)
    except (*SERVER_FAILED, ValueError):
        return draft.fail(f"the certificate of {server} is refused: {refused[1]}", _TLS_FIX)
    why, fix = _complaint(refused[1].lower(), server, shown)
    return draft.fail(f"{why}: {server} shows {shown}", fix)


def _complaint(said: str, server: Server, shown: Certificate) -> tuple[str, str]:
    """OpenSSL's words → ours, and the fix."""
    if "mismatch" in said:
        names = " or ".join(shown.names) or "none as yet; it needs a certificate that holds one"
        return f"the certificate is not for {server.host!r}", f"in secrets/ad.env, a name that it is for: {names}"
    if "expired" in said:
        return "the certificate has expired", "have it renewed by whoever runs the directory"
    if "self-signed" in said or "self signed" in said or "issuer" in said or "first certificate" in said:
        fix = f"put the certificate (PEM) of the CA {shown.issuer} here; its file name is directory.ca_file"
        return "the certificate is of a CA that is not trusted here", fix
    return f"the certificate is refused ({said})", _TLS_FIX
