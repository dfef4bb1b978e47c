"""Real TLS over local sockets, with certificates made for the test."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme
from cryptography import x509

from onehub.hub.directory.tls import Certificate, Trust, VerifiedTls, looking_context, peer_certificate

HOST = "dc1.example.test"
AUTHORITY, STRANGERS = (
    trustme.CA(organization_name=name, organization_unit_name="IT") for name in ("Ours", "Theirs")
)
NOW = datetime.now(UTC)


def issue(*names: str, authority: trustme.CA = AUTHORITY, **details: object) -> trustme.LeafCert:
    return authority.issue_cert(*names, common_name=names[0], **details)


OURS = issue(HOST, "192.0.2.1")
EXPIRED = issue(HOST, not_before=NOW - timedelta(days=9), not_after=NOW - timedelta(days=1, hours=1))


@contextmanager
def serving(certificate: trustme.LeafCert) -> Iterator[int]:
    """A TLS server on a free port that greets whoever gets through the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            caller, _ = listening.accept()
            caller.settimeout(10)
            with suppress(OSError), caller, context.wrap_socket(caller, server_side=True) as safe:
                safe.sendall(b"hello")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


@contextmanager
def calling(port: int, context: ssl.SSLContext, host: str = HOST) -> Iterator[ssl.SSLSocket]:
    """A connection as ldap3 makes it: connected first, then wrapped."""
    connection = SimpleNamespace(
        socket=socket.create_connection(("127.0.0.1", port), timeout=10), server=SimpleNamespace(host=host)
    )
    try:
        VerifiedTls(context).wrap_socket(connection)
        yield connection.socket
    finally:
        connection.socket.close()


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


@pytest.mark.parametrize("host", [HOST, "DC1.example.test", "192.0.2.1"])
def test_a_certificate_of_our_authority_for_the_name_or_address_is_good(ca_file, host):
    with serving(OURS) as port, calling(port, Trust(ca_file).context(), host) as safe:
        assert safe.recv(5) == b"hello"
        assert safe.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize(
    ("certificate", "host", "reason"),
    [
        (issue(HOST, authority=STRANGERS), HOST, "unable to get local issuer certificate"),
        (OURS, "dc2.example.test", "Hostname mismatch, certificate is not valid for 'dc2.example.test'"),
        (OURS, "example.test", "Hostname mismatch, certificate is not valid for 'example.test'"),
        (OURS, "192.0.2.2", "IP address mismatch, certificate is not valid for '192.0.2.2'"),
        (EXPIRED, HOST, "certificate has expired"),
    ],
    ids=["another authority", "another name", "the domain", "another address", "expired"],
)
def test_any_other_certificate_ends_the_handshake(ca_file, certificate, host, reason):
    trusted, refused = Trust(ca_file).context(), pytest.raises(ssl.SSLCertVerificationError)
    with serving(certificate) as port, refused as caught, calling(port, trusted, host):
        pass
    assert caught.value.verify_message.rstrip(".") == reason


def test_without_a_file_only_the_systems_authorities_are_trusted():
    trusted, refused = Trust(None).context(), pytest.raises(ssl.SSLCertVerificationError)
    with serving(OURS) as port, refused, calling(port, trusted):
        pass


def test_tls_from_before_1_2_is_refused(ca_file):
    assert Trust(ca_file).context().minimum_version >= ssl.TLSVersion.TLSv1_2
    assert looking_context().minimum_version >= ssl.TLSVersion.TLSv1_2


def test_the_file_is_read_again_when_it_changes(ca_file):
    trust = Trust(ca_file)
    before = trust.context()
    assert trust.context() is before
    STRANGERS.cert_pem.write_to_path(ca_file)
    os.utime(ca_file, (0, 0))
    assert trust.context() is not before
    with serving(issue(HOST, authority=STRANGERS)) as port, calling(port, trust.context()) as safe:
        assert safe.recv(5) == b"hello"


@pytest.mark.parametrize("content", [b"", b"no certificate", None])
def test_a_file_that_holds_no_certificate_is_an_error_of_the_file(tmp_path, content):
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(OSError):
        Trust(tmp_path / "ca.pem").context()


@pytest.mark.parametrize("certificate", [issue(HOST, "192.0.2.1", authority=STRANGERS), EXPIRED])
def test_a_refused_certificate_can_still_be_looked_at(certificate):
    with serving(certificate) as port, calling(port, looking_context(), "whatever") as seen:
        shown = peer_certificate(seen)
    parsed = x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes())
    assert shown.ends == parsed.not_valid_after_utc
    assert shown.names[0] == HOST


def test_a_certificate_is_told_with_its_names_its_issuer_and_its_end():
    with serving(OURS) as port, calling(port, looking_context()) as seen:
        shown = peer_certificate(seen)
    assert (shown.subject, shown.issuer) == (f"'{HOST}'", "'OU=IT,O=Ours'")
    assert shown.names == (HOST, "192.0.2.1")


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            (HOST, "192.0.2.1"),
            "the certificate 'dc1' for dc1.example.test, 192.0.2.1, signed by 'Our CA', good until 2026-07-01",
        ),
        ((), "the certificate 'dc1' for no name, signed by 'Our CA', good until 2026-07-01"),
    ],
)
def test_a_certificate_in_words(names, told):
    assert str(Certificate("'dc1'", "'Our CA'", names, datetime(2026, 7, 1, tzinfo=UTC))) == told


@pytest.mark.parametrize(("ends", "days"), [(timedelta(days=3, hours=1), 3), (timedelta(hours=-1), -1)])
def test_the_days_that_are_left(ends, days):
    assert Certificate("'dc1'", "'Our CA'", (), datetime.now(UTC) + ends).days_left == days
