"""One suite, three directories: the fake of the unit tests, and a real OpenLDAP over LDAPS and StartTLS."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
import trustme

from onehub.core.settings import Settings
from onehub.hub.directory import DirectoryDown, Entry, LdapDirectory, identify
from tests.doubles import Account, FakeDirectory

from .conftest import LOOKUP_PASSWORD, PASSWORDS, RunningDirectory

BASE = "dc=example,dc=test"
STUDENTS, SCIENCE, ADMINS = (f"cn={name},ou=groups,{BASE}" for name in ("students", "data science", "admins"))
GROUPS = {"ada": (ADMINS,), "bob": (STUDENTS,), "carol": (STUDENTS,)}


def settings_for(running: RunningDirectory, tls: str, **changes: object) -> Settings:
    directory = {
        "server": "localhost",
        "tls": tls,
        "port": running.ldaps if tls == "ldaps" else running.starttls,
        "ca_file": str(running.ca_file),
        "lookup_user": f"cn=lookup,{BASE}",
        "lookup_password": LOOKUP_PASSWORD,
        "search_base": BASE,
        "login_attribute": "uid",
        "connect_timeout": 2,
        "answer_timeout": 2,
    }
    return Settings.model_validate({"directory": directory | changes})


@pytest.fixture(params=["fake", "ldaps", "starttls"])
def directory(request: pytest.FixtureRequest):
    if request.param == "fake":
        accounts = tuple(Account(name, password, GROUPS.get(name, ())) for name, password in PASSWORDS.items())
        return FakeDirectory(BASE, accounts, parents={STUDENTS: (SCIENCE,)})
    running = request.getfixturevalue("openldap")
    return LdapDirectory(settings_for(running, request.param), Path("/"))


def ask(directory, login: str, password: str):
    with directory.session() as session:
        return identify(session, login, password)


@pytest.mark.parametrize("name", sorted(PASSWORDS))
def test_the_right_password_proves_the_person(directory, name):
    person = ask(directory, name, PASSWORDS[name])
    assert (person.name, person.dn) == (name, f"uid={name},ou=people,{BASE}")


def test_the_name_is_the_directorys_whatever_was_typed(directory):
    assert ask(directory, "ALICE", PASSWORDS["alice"]).name == "alice"


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("alice", ""), ("alice", PASSWORDS["ada"])])
def test_a_wrong_password_is_nobody(directory, name, password):
    assert ask(directory, name, password) is None


@pytest.mark.parametrize("name", ["nobody", "*", "a*", "alice)(uid=*", "", "alice\x00", "uid=alice", "Ålice"])
def test_a_name_that_is_not_there_is_nobody(directory, name):
    assert ask(directory, name, PASSWORDS["alice"]) is None


def test_groups_include_those_around_groups(directory):
    assert ask(directory, "bob", PASSWORDS["bob"]).groups == {STUDENTS, SCIENCE}
    assert ask(directory, "mallory", PASSWORDS["mallory"]).groups == frozenset()


def test_proof_is_one_bind_with_the_dn_found(directory):
    with directory.session() as session:
        entry = session.find("alice")
        assert entry == Entry(f"uid=alice,ou=people,{BASE}", "alice")
        assert session.prove(entry, PASSWORDS["alice"])
        assert not session.prove(entry, "wrong")


@pytest.mark.parametrize("tls", ["ldaps", "starttls"])
class TestOnlyTheRealOne:
    """What a double cannot show."""

    def test_a_certificate_of_another_ca_is_refused(self, openldap, tls, tmp_path):
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        directory = LdapDirectory(settings_for(openldap, tls, ca_file=str(tmp_path / "other.pem")), Path("/"))
        with pytest.raises(DirectoryDown, match="certificate verify failed"):
            ask(directory, "alice", PASSWORDS["alice"])

    def test_a_certificate_for_another_name_is_refused(self, openldap, tls):
        # 127.0.0.2 is the same server, but its certificate does not say so.
        directory = LdapDirectory(settings_for(openldap, tls, server="127.0.0.2"), Path("/"))
        with pytest.raises(DirectoryDown):
            ask(directory, "alice", PASSWORDS["alice"])

    def test_a_wrong_lookup_password_is_the_operators_problem(self, openldap, tls):
        directory = LdapDirectory(settings_for(openldap, tls, lookup_password="wrong"), Path("/"))
        with pytest.raises(DirectoryDown, match="refuses the lookup account cn=lookup"):
            ask(directory, "alice", PASSWORDS["alice"])

    def test_a_search_base_that_is_not_there_is_the_operators_problem(self, openldap, tls):
        directory = LdapDirectory(settings_for(openldap, tls, search_base="dc=exmaple,dc=test"), Path("/"))
        with pytest.raises(DirectoryDown, match="cannot search below 'dc=exmaple,dc=test': noSuchObject"):
            ask(directory, "alice", PASSWORDS["alice"])

    def test_whether_there_is_anybody_with_a_login_name(self, openldap, tls):
        for attribute, anybody in (("uid", True), ("sAMAccountName", False)):
            directory = LdapDirectory(settings_for(openldap, tls, login_attribute=attribute), Path("/"))
            with directory.session() as session:
                assert session.knows_anybody() is anybody

    def test_a_port_where_nobody_listens_is_down(self, openldap, tls):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            directory = LdapDirectory(settings_for(openldap, tls, port=unused.getsockname()[1]), Path("/"))
            with pytest.raises(DirectoryDown, match="does not answer"):
                ask(directory, "alice", PASSWORDS["alice"])

    def test_a_silent_server_is_left_at_the_deadline(self, openldap, tls):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            directory = LdapDirectory(settings_for(openldap, tls, port=silent.getsockname()[1]), Path("/"))
            begun = time.monotonic()
            with pytest.raises(DirectoryDown):
                ask(directory, "alice", PASSWORDS["alice"])
        assert time.monotonic() - begun < 20

    def test_a_password_is_never_sent_in_clear(self, openldap, tls):
        """A server that takes the connection and writes down every byte sees no secret."""
        heard = bytearray()
        with socket.create_server(("127.0.0.1", 0)) as server:
            listener = threading.Thread(target=_write_down, args=(server, heard))
            listener.start()
            directory = LdapDirectory(settings_for(openldap, tls, port=server.getsockname()[1]), Path("/"))
            with pytest.raises(DirectoryDown):
                ask(directory, "alice", PASSWORDS["alice"])
            listener.join(timeout=10)
        assert heard
        assert LOOKUP_PASSWORD.encode() not in heard
        assert PASSWORDS["alice"].encode() not in heard

    def test_a_template_serves_where_there_is_no_lookup_account(self, openldap, tls):
        settings = settings_for(
            openldap,
            tls,
            lookup_user="",
            lookup_password="",
            bind_templates=(f"uid={{username}},ou=people,{BASE}",),
        )
        directory = LdapDirectory(settings, Path("/"))
        assert ask(directory, "alice", PASSWORDS["alice"]).name == "alice"
        assert ask(directory, "alice", "wrong") is None
        assert ask(directory, "alice,ou=people", PASSWORDS["alice"]) is None


def _write_down(server: socket.socket, heard: bytearray) -> None:
    connection, _ = server.accept()
    with connection:
        connection.settimeout(5)
        try:
            while chunk := connection.recv(4096):
                heard.extend(chunk)
        except TimeoutError:
            return


def test_the_directory_refuses_passwords_in_clear(openldap):
    """The demo's own server, too: not even by mistake."""
    words = ("ldapwhoami", "-x", "-H", "ldap://127.0.0.1", "-D", f"uid=bob,ou=people,{BASE}", "-w", PASSWORDS["bob"])
    done = subprocess.run(("docker", "exec", openldap.container, *words), capture_output=True, text=True)
    assert done.returncode == 13, done.stderr
