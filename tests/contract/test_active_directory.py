"""What only a real Active Directory shows: its codes, its groups, its names, its lockout, its domain controllers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dns.resolver
import pytest

from onehub.core.groups import Group
from onehub.core.logins import Login
from onehub.core.obstacles import Obstacle
from onehub.hub.directory.session import DirectoryDown

from .worlds import AD_PASSWORDS, ask, ldap


@pytest.fixture(scope="module", params=["ldaps", "starttls"])
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def domain(samba, transport):
    """With server, lookup account and password alone; everything else is found out."""
    return ldap(samba, transport)


@pytest.mark.parametrize(
    ("name", "obstacle", "code"),
    [
        ("disabled", Obstacle.DISABLED, "533"),
        ("expired", Obstacle.ACCOUNT_EXPIRED, "701"),
        ("pwexpired", Obstacle.PASSWORD_EXPIRED, "532"),
        ("mustchange", Obstacle.MUST_CHANGE_PASSWORD, "773"),
        ("hours", Obstacle.LOGON_HOURS, "530"),
        ("workstation", Obstacle.WORKSTATION, "531"),
    ],
)
def test_the_reason_is_told_to_the_right_password_alone(domain, samba, name, obstacle, code):
    right = ask(domain, name, AD_PASSWORDS[name])
    assert (right.person, right.obstacle, right.proven) == (None, obstacle, True)
    assert f"data {code}" in right.detail
    wrong = ask(domain, name, "wrong")
    assert (wrong.obstacle, wrong.proven) == (Obstacle.WRONG_PASSWORD, False)
    samba.unlock(name)


def test_a_locked_account_proves_nothing(domain, samba):
    samba.lock("locked")
    for password in (AD_PASSWORDS["locked"], "wrong"):
        answer = ask(domain, "locked", password)
        assert (answer.person, answer.obstacle, answer.proven) == (None, Obstacle.LOCKED, False)
        assert "data 775" in answer.detail


def test_an_unknown_name_is_not_even_tried(domain):
    assert ask(domain, "nobody", "x").obstacle is Obstacle.UNKNOWN_NAME


def test_one_wrong_password_is_one_failed_bind(domain, samba):
    samba.unlock("ada")
    before = samba.bad_password_count("ada")
    assert ask(domain, "ada", "wrong").person is None
    assert samba.bad_password_count("ada") == before + 1
    assert ask(domain, "ada", AD_PASSWORDS["ada"]).person


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Bob.Smith", "bob.smith"),
        ("bob.smith@example.test", "bob.smith"),
        ("O'BRIEN", "o'brien"),
        ("JÜRGEN", "jürgen"),
        ("Anna Maria", "anna maria"),
        ("EXAMPLE\\anna maria", "anna maria"),
        ("carol.carter@example.test", "carol"),
        ("carol@example.test", "carol"),
        ("team", "team"),
        ("jdoe", "jdoe"),
        ("star", "star"),
    ],
)
def test_every_kind_of_name_comes_to_the_directorys_own(domain, typed, name):
    sam = next(sam for sam in AD_PASSWORDS if sam.lower() == name)
    assert ask(domain, typed, AD_PASSWORDS[sam]).person.name == name


def test_two_accounts_with_one_cn_never_meet(domain):
    assert ask(domain, "dup1", AD_PASSWORDS["dup1"]).person.name == "dup1"
    assert ask(domain, "dup2", AD_PASSWORDS["dup2"]).person.name == "dup2"
    assert ask(domain, "dup2", AD_PASSWORDS["dup1"]).person is None
    assert ask(domain, "Same Name", AD_PASSWORDS["dup1"]).person is None


def test_a_principal_name_is_its_owners_whoever_is_called_so(domain):
    assert ask(domain, "swap1@example.test", AD_PASSWORDS["swap2"]).person.name == "swap2"
    assert ask(domain, "swap1@example.test", AD_PASSWORDS["swap1"]).person is None
    assert ask(domain, "swap1", AD_PASSWORDS["swap1"]).person.name == "swap1"


def groups_of(domain, name: str) -> set[str]:
    return {group.name for group in ask(domain, name, AD_PASSWORDS[name]).person.groups}


class TestGroups:
    def test_are_nested_primary_and_built_in(self, domain):
        assert groups_of(domain, "alice") == {"Students", "Data Science", "Domain Users", "Users"}
        assert groups_of(domain, "o'brien") == {"Loop A", "Loop B", "Domain Users", "Users"}
        assert groups_of(domain, "Bob.Smith") == {"Comma Group", "Domain Users", "Users"}

    def test_in_chain_is_the_second_choice(self, domain, monkeypatch):
        with domain.session() as session:
            entry = session.find(Login("alice"))
            monkeypatch.setattr(session, "_token_groups", lambda dn: [])
            names = {group.name for group in session.groups(entry)}
        assert names == {"Students", "Data Science", "Domain Users"}

    def test_are_found_by_sid_and_by_dn_with_a_comma(self, domain):
        with domain.session() as session:
            users = session.find_groups("Domain Users")
            assert session.find_groups(users[0].sid) == users
            comma = session.find_groups("cn=comma\\2C group , OU=Groups,dc=EXAMPLE,dc=test")
        assert comma == (Group("CN=Comma\\, Group,OU=Groups,DC=example,DC=test", "Comma Group", comma[0].sid),)

    def test_outside_the_search_base_count_as_well(self, samba, transport):
        domain = ldap(samba, transport, search_base="OU=People,DC=example,DC=test")
        assert "Domain Users" in groups_of(domain, "alice")
        assert ask(domain, "dup2", AD_PASSWORDS["dup2"]).obstacle is Obstacle.UNKNOWN_NAME


def test_what_kind_it_is_is_found_out(domain):
    with domain.session() as session:
        assert session.shape.preset.name == "active-directory"
        assert session.shape.base == "DC=example,DC=test"
        assert session.lockout_threshold() == 5


def test_the_end_of_a_password_shows(domain):
    now = datetime.now(UTC)
    soon = ask(domain, "soon", AD_PASSWORDS["soon"]).person.password_expires
    assert timedelta(days=3) < soon - now < timedelta(days=5)
    assert ask(domain, "alice", AD_PASSWORDS["alice"]).person.password_expires - now > timedelta(days=30)


class TestDomainControllers:
    @pytest.mark.parametrize("fault", ["kill", "pause"])
    def test_one_that_ends_in_the_middle_of_the_day_is_replaced(self, samba, second_dc, transport, fault):
        other = second_dc()
        domain = ldap(samba, transport, server="127.0.0.2 127.0.0.1")
        assert ask(domain, "alice", AD_PASSWORDS["alice"]).person
        getattr(other, fault)()
        assert ask(domain, "alice", AD_PASSWORDS["alice"]).person

    def test_dns_names_them(self, samba, transport):
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], samba.dns
        found = ldap(samba, transport, server="_ldap._tcp.example.test")
        found.servers._resolver = resolver
        assert [str(server) for server in found.servers.candidates()] == [
            f"dc1.example.test:{samba.ldaps if transport == 'ldaps' else samba.starttls}"
        ]

    def test_a_domain_that_dns_does_not_know_is_told(self, samba, transport):
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], samba.dns
        domain = ldap(samba, transport, server="_ldap._tcp.elsewhere.test")
        domain.servers._resolver = resolver
        with pytest.raises(DirectoryDown, match=r"DNS names no servers for _ldap\._tcp\.elsewhere\.test"):
            ask(domain, "alice", "x")
