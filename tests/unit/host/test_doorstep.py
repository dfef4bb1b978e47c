"""What is read from certificates, sockets and Apache httpd itself."""

from __future__ import annotations

import datetime
import socket

import pytest
import trustme

from onehub.core.errors import HostNotReady
from onehub.host import doorstep
from tests.unit.examples import make_settings

HUB = make_settings(front={"address": "https://hub.example.com/"})


def write(folder, issued, *, chain=True):
    for index, pem in enumerate(issued.cert_chain_pems):
        if index == 0 or chain:
            pem.write_to_path(folder / "c.pem", append=index > 0)
    issued.private_key_pem.write_to_path(folder / "k.pem")
    return doorstep.in_file(folder / "c.pem", folder / "k.pem")


@pytest.fixture
def ca(tmp_path, monkeypatch) -> trustme.CA:
    """A CA that this host knows."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "known.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "known.pem"))
    return made


def test_a_good_certificate(tmp_path, ca):
    seen = write(tmp_path, ca.issue_cert("hub.example.com", "*.hub.example.com"))
    assert seen.names == ("hub.example.com", "*.hub.example.com")
    assert (seen.problem, seen.fits_key, seen.chain_whole, seen.ocsp) == ("", True, True, False)
    assert seen.days_left > 100


def test_one_that_ended(tmp_path, ca):
    ended = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=3)
    begun = ended - datetime.timedelta(days=90)
    seen = write(tmp_path, ca.issue_cert("hub.example.com", not_before=begun, not_after=ended))
    assert seen.days_left in (-3, -4)


def test_a_key_of_another(tmp_path, ca):
    write(tmp_path, ca.issue_cert("hub.example.com"))
    ca.issue_cert("other.example.com").private_key_pem.write_to_path(tmp_path / "k.pem")
    assert not doorstep.in_file(tmp_path / "c.pem", tmp_path / "k.pem").fits_key


def test_an_intermediate_that_is_missing(tmp_path, ca):
    issued = ca.create_child_ca().issue_cert("hub.example.com")
    assert not write(tmp_path, issued, chain=False).chain_whole
    assert write(tmp_path, issued).chain_whole


def test_a_ca_that_nobody_knows(tmp_path, ca):
    assert not write(tmp_path, trustme.CA().issue_cert("hub.example.com")).chain_whole


def test_files_that_are_missing_or_something_else(tmp_path):
    assert "there is no" in doorstep.in_file(tmp_path / "c.pem", tmp_path / "k.pem").problem
    (tmp_path / "c.pem").write_text("nothing")
    assert "is not PEM" in doorstep.in_file(tmp_path / "c.pem", tmp_path / "k.pem").problem


def test_a_port_that_is_open_to_others_is_seen():
    with socket.create_server(("0.0.0.0", 0)) as everybody, socket.create_server(("127.0.0.1", 0)) as nobody:
        assert doorstep._reachable_at(nobody.getsockname()[1]) == ""
        port = everybody.getsockname()[1]
        told = doorstep._reachable_at(port)
        # Where this host has no other address, nobody else reaches it.
        assert told.endswith(f":{port}") or not doorstep._own_addresses()


def test_a_host_without_apache_is_told_what_to_install(tmp_path):
    with pytest.raises(HostNotReady, match="the program no-apachectl is not installed"):
        doorstep.look(HUB, tmp_path, "no-apachectl")
