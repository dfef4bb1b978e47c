"""Real directories over real sockets: certificates, men in the middle, dead, silent and slow servers."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from typing import Any

import pytest
import trustme

from onehub.core.obstacles import Obstacle
from onehub.hub.directory.session import DirectoryDown

from .conftest import PASSWORDS
from .sluices import Babbler, Eavesdropper, Stripper, delayed, drip, listener, silent
from .worlds import AD_PASSWORDS, BASE, ask, ldap

PASSWORD = {"openldap": PASSWORDS["alice"], "samba": AD_PASSWORDS["alice"]}


@pytest.fixture(params=["openldap", "samba"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def running(request: pytest.FixtureRequest, kind: str) -> Any:
    return request.getfixturevalue(kind)


@pytest.fixture(params=["ldaps", "starttls"])
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


def sign_in(directory: Any, kind: str) -> Any:
    return ask(directory, "alice", PASSWORD[kind])


def failure(directory: Any, kind: str) -> str:
    with pytest.raises(DirectoryDown) as down:
        sign_in(directory, kind)
    return str(down.value)


class TestCertificates:
    def test_of_another_ca_is_refused_and_described(self, running, kind, transport, tmp_path):
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        said = failure(ldap(running, transport, ca_file=str(tmp_path / "other.pem")), kind)
        assert "certificate verify failed" in said
        assert "shows the certificate" in said
        assert "localhost" in said
        assert "signed by" in said

    def test_for_another_name_is_refused_and_described(self, running, kind, transport):
        # 127.0.0.3 is the same server, but its certificate does not say so.
        port = running.ldaps if transport == "ldaps" else running.starttls
        with listener(delayed(port, 0), host="127.0.0.3", port=0) as away:
            said = failure(ldap(running, transport, server="127.0.0.3", port=away), kind)
        assert "127.0.0.3" in said
        assert "shows the certificate" in said

    def test_a_ca_file_that_is_gone_is_the_operators_problem(self, running, kind, transport):
        said = failure(ldap(running, transport, ca_file="/nowhere/ca.pem"), kind)
        assert said == "the CA certificate /nowhere/ca.pem cannot be read: No such file or directory"

    def test_without_tls_only_by_explicit_order(self, running, kind, transport):
        if kind == "openldap":
            said = failure(ldap(running, transport, insecure=True, port=running.starttls), kind)
            assert "confidentialityRequired" in said
        else:
            said = failure(ldap(running, transport, insecure=True, port=running.starttls), kind)
            assert "strongerAuthRequired" in said


class TestMenInTheMiddle:
    @pytest.mark.parametrize("fault", ["another CA", "another name"])
    def test_hear_no_password(self, running, kind, transport, fault, tmp_path):
        ours, theirs = trustme.CA(), trustme.CA()
        ours.cert_pem.write_to_path(tmp_path / "ca.pem")
        issuer, name = (theirs, "localhost") if fault == "another CA" else (ours, "evil.example")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issuer.issue_cert(name).configure_cert(context)
        man = Eavesdropper(context, starttls=transport == "starttls")
        with listener(man) as port:
            said = failure(ldap(running, transport, port=port, ca_file=str(tmp_path / "ca.pem")), kind)
        assert "certificate verify failed" in said
        assert running.lookup_password.encode() not in man.heard
        assert PASSWORD[kind].encode() not in man.heard

    def test_cannot_strip_starttls(self, running, kind):
        man = Stripper()
        with listener(man) as port:
            said = failure(ldap(running, "starttls", port=port), kind)
        assert "cannot be asked" in said
        assert man.heard
        assert running.lookup_password.encode() not in man.heard
        assert PASSWORD[kind].encode() not in man.heard


class TestServers:
    def test_a_port_where_nobody_listens_is_down(self, running, kind, transport):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            said = failure(ldap(running, transport, port=unused.getsockname()[1]), kind)
        assert "cannot be asked" in said
        assert "it refused the connection" in said

    def test_a_silent_server_is_left_at_its_deadline_and_remembered(self, running, kind, transport):
        with listener(silent) as port:
            directory = ldap(running, transport, port=port)
            begun = time.monotonic()
            assert "did not answer in time" in failure(directory, kind)
            assert time.monotonic() - begun < 10
            begun = time.monotonic()
            assert "they are tried again soon" in failure(directory, kind)
            assert time.monotonic() - begun < 1

    def test_no_server_can_hold_a_sign_in_longer_than_its_deadline(self, running, kind, transport):
        with listener(drip) as port:
            begun = time.monotonic()
            failure(ldap(running, transport, port=port, deadline=3), kind)
        assert time.monotonic() - begun < 8

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\x30\x80",
            b"\x30\x05NUMBER\x61\x00",
            b"\x30\x0cNUMBER\x61\x07\x0a\x01\x00\x04\x00\x04",
            b"\x30\x0cNUMBER\x61\x07\x0a\x01\xff\x04\x00\x04\x00",
            b"\x30\x0cNUMBER\x64\x07\x0a\x01\x00\x04\x00\x04\x00",
            b"\x30\x0cNUMBER\x61\x07\x04\x01\x00\x04\x00\x04\x00",
            b"\xff" * 64,
        ],
    )
    def test_an_answer_that_is_none_is_a_directory_that_is_down(self, answer, kind, running, tmp_path):
        ca = trustme.CA()
        ca.cert_pem.write_to_path(tmp_path / "ca.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost").configure_cert(context)
        with listener(Babbler(context, answer)) as port:
            assert failure(ldap(running, "ldaps", port=port, ca_file=str(tmp_path / "ca.pem"), deadline=5), kind)

    def test_a_slow_server_is_waited_for(self, running, kind, transport):
        real = running.ldaps if transport == "ldaps" else running.starttls
        with listener(delayed(real, 1)) as port:
            assert sign_in(ldap(running, transport, port=port), kind).person

    @pytest.mark.parametrize("fault", ["dead", "silent"])
    def test_the_next_one_is_asked_and_the_sick_one_passed_by(self, running, kind, transport, fault):
        real = running.ldaps if transport == "ldaps" else running.starttls
        if fault == "dead":
            directory = ldap(running, transport, server="127.0.0.2 127.0.0.1")
            assert sign_in(directory, kind).person
            return
        with listener(silent, host="127.0.0.2", port=real):
            directory = ldap(running, transport, server="127.0.0.2 127.0.0.1")
            begun = time.monotonic()
            assert sign_in(directory, kind).person
            first = time.monotonic() - begun
            begun = time.monotonic()
            assert sign_in(directory, kind).person
            assert time.monotonic() - begun < first / 2

    def test_a_name_without_an_address_is_told(self, running, kind, transport):
        said = failure(ldap(running, transport, server="no-such-host.invalid"), kind)
        assert "no-such-host.invalid" in said


class TestLookupAccount:
    def test_a_wrong_password_is_the_operators_problem(self, running, kind, transport):
        said = failure(ldap(running, transport, lookup_password="wrong"), kind)
        assert said.startswith(f"the directory refuses the lookup account {running.lookup_user}: ")

    def test_a_search_base_that_is_not_there_is_the_operators_problem(self, running, kind, transport):
        said = failure(ldap(running, transport, search_base="dc=exmaple,dc=test"), kind)
        assert said.startswith("the directory cannot search below 'dc=exmaple,dc=test': ")

    def test_whether_there_is_anybody_with_a_login_name(self, running, kind, transport):
        for changes, anybody in (({}, True), ({"login_attribute": "employeeNumber"}, False)):
            with ldap(running, transport, **changes).session() as session:
                assert session.knows_anybody() is anybody


class TestWithoutLookupAccount:
    def test_a_dn_template_serves(self, openldap, transport):
        template = f"uid={{username}},ou=people,{BASE}"
        directory = ldap(openldap, transport, lookup_user="", lookup_password="", bind_templates=(template,))
        assert ask(directory, "Alice", PASSWORDS["alice"]).person.name == "alice"
        assert ask(directory, "alice", "wrong").obstacle is Obstacle.WRONG_PASSWORD
        assert ask(directory, "alice,ou=people", PASSWORDS["alice"]).person is None

    @pytest.mark.parametrize("template", ["EXAMPLE\\{username}", "{username}@example.test"])
    @pytest.mark.parametrize("name", ["alice", "Bob.Smith", "o'brien", "jürgen", "anna maria"])
    def test_windows_templates_serve(self, samba, transport, template, name):
        directory = ldap(samba, transport, lookup_user="", lookup_password="", bind_templates=(template,))
        person = ask(directory, name.upper(), AD_PASSWORDS[name]).person
        assert person.name == name.lower()
        assert "Domain Users" in {group.name for group in person.groups}

    def test_the_person_is_whom_the_password_proved_not_whom_the_letters_name(self, samba, transport):
        """swap1@… is swap2's principal name: who signs in so is swap2, and needs swap2's password."""
        template = "{username}@example.test"
        directory = ldap(samba, transport, lookup_user="", lookup_password="", bind_templates=(template,))
        assert ask(directory, "swap1", AD_PASSWORDS["swap2"]).person.name == "swap2"
        assert ask(directory, "swap1", AD_PASSWORDS["swap1"]).person is None


def test_the_demos_directory_refuses_passwords_in_clear(openldap):
    """Not even by mistake."""
    words = ("ldapwhoami", "-x", "-H", "ldap://127.0.0.1", "-D", f"uid=bob,ou=people,{BASE}", "-w", PASSWORDS["bob"])
    done = subprocess.run(("docker", "exec", openldap.container, *words), capture_output=True, text=True)
    assert done.returncode == 13, done.stderr
