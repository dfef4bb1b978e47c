"""Looks at the front door and changes nothing: Apache httpd, certificates, the site as a browser meets it."""

from __future__ import annotations

import base64
import http.client
import itertools
import os
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from onehub.core.doorstep import Answer, Certificate, Doorstep, missing_modules
from onehub.core.errors import HostNotReady, StepFailed
from onehub.core.settings import Settings
from onehub.core.vhost import HOST_MODULES, WSTUNNEL, vhost_of

from .runner import told

_PATIENCE = 10
"""Seconds for each answer."""
_SYSTEM_CAS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


def look(settings: Settings, directory: Path, apachectl: str, *, rewrite: bool = False) -> Doorstep:
    """Everything about the front door. Raises HostNotReady where there is no Apache httpd to ask."""
    config_test: str | None = None
    missing: tuple[str, ...] = ()
    if settings.site.certificate:
        certificate = served(settings)
    else:
        config_test, missing = _apache(apachectl, directory, rewrite)
        vhost = vhost_of(settings)
        certificate = in_file(directory / vhost.certificate_file, directory / vhost.key_file)
    page = _page(settings)
    return Doorstep(
        config_test=config_test,
        missing_modules=missing,
        certificate=certificate,
        reachable_at=_reachable_at(settings.names.port),
        page=page,
        websocket=_websocket(settings, trusted=not page.untrusted) if page.status == 200 else None,
    )


def _apache(apachectl: str, directory: Path, rewrite: bool) -> tuple[str, tuple[str, ...]]:
    wanted = (*HOST_MODULES, *((WSTUNNEL,) if rewrite else ()))
    try:
        code, said = told((apachectl, "-t"), directory)
        _, listed = told((apachectl, "-M"), directory)
    except StepFailed as error:
        hint = "`apt-get install apache2`, or use the httpd service: front.certificate in onehub.toml"
        raise HostNotReady(f"Apache httpd cannot be asked: {error}", hint) from error
    refused = said if code else ""
    loaded = {words[0] for line in listed.splitlines() if (words := line.split())}
    return refused, missing_modules(refused, loaded, wanted)


# -- certificates


def in_file(path: Path, key_path: Path) -> Certificate:
    """What is in a certificate file, with its key beside it."""
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
        key = load_pem_private_key(key_path.read_bytes(), None)
    except FileNotFoundError as error:
        return Certificate(str(path), f"there is no {error.filename}")
    except PermissionError as error:
        return Certificate(str(path), f"{error.filename} is not readable for you; run this as root")
    except (ValueError, TypeError) as error:
        return Certificate(str(path), f"it or its key is not PEM without a password ({error})")
    fits = _public(key.public_key()) == _public(chain[0].public_key())
    return _told_of(str(path), chain, fits_key=fits, chain_whole=_is_whole(chain))


def served(settings: Settings) -> Certificate | None:
    """What the site shows; None where it shows none, or is not to be asked."""
    site = settings.site
    if not site.address:
        return None
    if site.certificate:
        host, port = settings.names.listen.strip("[]"), settings.names.https_port
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    else:
        host, port = site.host, site.port
    context = _any_certificate()
    try:
        with (
            socket.create_connection((host, port), timeout=_PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=site.host) as connection,
        ):
            shown = connection.getpeercert(binary_form=True)
    except OSError:
        return None
    return _told_of(site.address, [x509.load_der_x509_certificate(shown)]) if shown else None


def _told_of(
    name: str, chain: list[x509.Certificate], *, fits_key: bool = True, chain_whole: bool = True
) -> Certificate:
    leaf = chain[0]
    left = leaf.not_valid_after_utc - datetime.now(UTC)
    return Certificate(name, "", _names(leaf), left.days, fits_key, chain_whole, _has_ocsp(leaf))


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))


def _has_ocsp(certificate: x509.Certificate) -> bool:
    try:
        access = certificate.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_INFORMATION_ACCESS).value
    except x509.ExtensionNotFound:
        return False
    assert isinstance(access, x509.AuthorityInformationAccess)  # noqa: S101 (what that OID means)
    return any(entry.access_method == AuthorityInformationAccessOID.OCSP for entry in access)


def _is_whole(chain: list[x509.Certificate]) -> bool:
    """Whether each signed the one before it, up to a CA that signed itself or that this host knows."""
    if not all(_signed(issuer, subject) for subject, issuer in itertools.pairwise(chain)):
        return False
    last = chain[-1]
    return _signed(last, last) or any(_signed(ca, last) for ca in _system_cas() if ca.subject == last.issuer)


def _signed(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _system_cas() -> Iterable[x509.Certificate]:
    for candidate in (os.environ.get("SSL_CERT_FILE", ""), *_SYSTEM_CAS):
        if candidate and Path(candidate).is_file():
            return x509.load_pem_x509_certificates(Path(candidate).read_bytes())
    return ()


def _public(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


# -- the site


def _page(settings: Settings) -> Answer:
    path = f"{settings.site.path}hub/login"
    try:
        return _ask(settings, path, ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        problem = f"its certificate is not trusted here ({error.verify_message})"
    except (OSError, http.client.HTTPException) as error:
        return Answer(problem=f"it does not answer ({error})")
    try:
        status = _ask(settings, path, _any_certificate()).status
    except (OSError, http.client.HTTPException) as error:
        return Answer(problem=f"it does not answer ({error})")
    return Answer(status, problem, untrusted=True)


def _websocket(settings: Settings, *, trusted: bool) -> Answer:
    key = base64.b64encode(os.urandom(16)).decode()
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers |= {"Sec-WebSocket-Key": key, "Origin": settings.site.origin}
    context = ssl.create_default_context() if trusted else _any_certificate()
    try:
        return _ask(settings, f"{settings.site.path}hub/knock", context, headers)
    except (OSError, http.client.HTTPException) as error:
        return Answer(problem=str(error))


def _ask(settings: Settings, path: str, context: ssl.SSLContext, headers: dict[str, str] | None = None) -> Answer:
    address = urlsplit(settings.address)
    connection = http.client.HTTPSConnection(
        address.hostname or "", address.port or 443, timeout=_PATIENCE, context=context
    )
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        if answer.status == http.HTTPStatus.OK and not answer.getheader("X-JupyterHub-Version"):
            return Answer(problem="something answers that is not the hub")
        return Answer(answer.status)
    finally:
        connection.close()


def _any_certificate() -> ssl.SSLContext:
    """To look at it; nothing that this host keeps secret is sent."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _reachable_at(port: int) -> str:
    for address in sorted(_own_addresses()):
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            continue
        return f"{address}:{port}"
    return ""


def _own_addresses() -> set[str]:
    """By which others reach this host."""
    found = set()
    for family, somewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((somewhere, 9))  # sends nothing, but says which address would
            except OSError:
                continue
            found.add(str(probe.getsockname()[0]))
    return {address for address in found if not address.startswith("127.") and address != "::1"}
