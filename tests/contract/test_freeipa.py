"""What FreeIPA's directory shows: its codes, its groups, its names and marks, found out without being told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import ldap3
import pytest

from onehub.core.obstacles import Obstacle
from onehub.core.presets import PRESETS
from onehub.hub.directory.session import DirectoryDown, group_problems, look_up

from .ds389 import ACCOUNTS, BASE_DN, PASSWORDS, group_dn, mark, person_dn
from .worlds import ask, ldap

INACTIVATED = "Account inactivated. Contact system administrator."
RETRY_LIMIT = "Exceed password retry limit. Please try later."


@pytest.fixture(scope="module", params=["ldaps", "starttls"])
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def directory(ds389, transport):
    """With server, lookup account and password alone; everything else is found out."""
    return ldap(ds389, transport)


def groups_of(directory, name: str) -> set[str]:
    return {group.name for group in ask(directory, name, PASSWORDS[name]).person.groups}


class TestShape:
    def test_kind_and_base_are_found_out(self, directory, ds389):
        with directory.session() as session:
            shape = session.shape
        assert (shape.preset, shape.base, shape.top) == (PRESETS["freeipa"], BASE_DN, BASE_DN)
        with ds389.connection() as anybody:
            anybody.search("", "(objectClass=*)", ldap3.BASE, attributes=["vendorName"])
            assert anybody.response[0]["raw_attributes"]["vendorName"] == [b"389 Project"]

    def test_a_base_that_is_given_is_used(self, ds389, transport):
        with ldap(ds389, transport, search_base=ACCOUNTS).session() as session:
            assert (session.shape.preset.name, session.shape.base) == ("freeipa", ACCOUNTS)
        assert groups_of(ldap(ds389, transport, search_base=ACCOUNTS), "alice") == {
            "ipausers",
            "students",
            "data science",
        }

    def test_the_preset_may_be_named(self, ds389, transport):
        directory = ldap(ds389, transport, preset="freeipa", search_base=ACCOUNTS)
        assert ask(directory, "alice", PASSWORDS["alice"]).person.id == mark("alice")

    def test_passwords_go_over_tls_alone(self, ds389):
        with pytest.raises(DirectoryDown, match="confidentialityRequired"):
            ask(ldap(ds389, "starttls", insecure=True), "alice", PASSWORDS["alice"])

    def test_strangers_see_names_and_nothing_else(self, ds389):
        """As in FreeIPA; so a lookup account is needed for groups, states and marks."""
        hidden = ["memberOf", "ipaUniqueID", "krbPrincipalName", "nsAccountLock"]
        with ds389.connection() as anybody:
            anybody.search(person_dn("disabled"), "(objectClass=*)", ldap3.BASE, attributes=["uid", *hidden])
            assert set(anybody.response[0]["raw_attributes"]) == {"uid"}


class TestNames:
    @pytest.mark.parametrize(
        ("typed", "name"),
        [
            ("alice", "alice"),
            ("Alice", "alice"),
            ("alice@EXAMPLE.TEST", "alice"),
            ("Alice@example.test", "alice"),
            ("alice.alias@EXAMPLE.TEST", "alice"),
            ("EXAMPLE\\alice", "alice"),
            ("bob.smith", "Bob.Smith"),
        ],
    )
    def test_every_kind_comes_to_the_directorys_own(self, directory, typed, name):
        person = ask(directory, typed, PASSWORDS[name]).person
        assert (person.name, person.dn, person.id) == (name.lower(), person_dn(name), mark(name))

    def test_a_principal_name_is_its_owners_whoever_is_called_so(self, directory, ds389):
        """ada@… is Bob's principal name now: who signs in so is Bob, and needs Bob's password."""
        ds389.modify(person_dn("ada"), krbPrincipalName=[])
        ds389.modify(person_dn("Bob.Smith"), krbPrincipalName=["Bob.Smith@EXAMPLE.TEST", "ada@EXAMPLE.TEST"])
        try:
            assert ask(directory, "ada@EXAMPLE.TEST", PASSWORDS["Bob.Smith"]).person.name == "bob.smith"
            assert ask(directory, "ada@EXAMPLE.TEST", PASSWORDS["ada"]).person is None
            assert ask(directory, "ada", PASSWORDS["ada"]).person.name == "ada"
        finally:
            for name in ("Bob.Smith", "ada"):
                principals = [f"{name}@EXAMPLE.TEST", f"{name}.alias@EXAMPLE.TEST"]
                ds389.modify(person_dn(name), krbPrincipalName=principals)

    def test_the_mark_outlives_a_new_name(self, directory, ds389):
        before = ask(directory, "ada", PASSWORDS["ada"]).person
        assert before.id == mark("ada")
        with ds389.managing() as connection:
            assert connection.modify_dn(before.dn, "uid=lovelace"), connection.result
        try:
            with directory.session() as session:
                after = look_up(session, before.id)
            assert (after.name, after.dn) == ("lovelace", person_dn("lovelace"))
        finally:
            with ds389.managing() as connection:
                assert connection.modify_dn(person_dn("lovelace"), "uid=ada"), connection.result


class TestStates:
    def test_a_disabled_account_is_answered_alike_whatever_the_password(self, directory, ds389):
        for password in (PASSWORDS["disabled"], "wrong"):
            print(ds389.bind("disabled", password))
    def test_locked(self, directory, ds389):
        ds389.modify("cn=config", passwordLockout="on", passwordMaxFailure="3")
        for password in ["wrong"]*5+[PASSWORDS["locked"]]:
            print(ds389.bind("locked", password))
        for n in ("expired", "pwexpired", "alice", "disabled", "locked"):
            print(n, ds389.bind(n, PASSWORDS[n]), ds389.bind(n, "wrong"), ask(directory, n, PASSWORDS[n]), ask(directory, n, "wrong"))
        ds389.modify("cn=config", passwordLockout="off")
        print("off", ds389.bind("locked", PASSWORDS["locked"]), ds389.bind("locked", "wrong"))
