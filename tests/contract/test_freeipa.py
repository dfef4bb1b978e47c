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
    """The preset must be named, as this server lacks what FreeIPA adds; the base is found out."""
    return ldap(ds389, transport, preset="freeipa")


def groups_of(directory, name: str) -> set[str]:
    return {group.name for group in ask(directory, name, PASSWORDS[name]).person.groups}


class TestShape:
    def test_the_base_is_found_out(self, directory, ds389):
        with directory.session() as session:
            shape = session.shape
        assert (shape.preset, shape.base, shape.top) == (PRESETS["freeipa"], BASE_DN, BASE_DN)
        with ds389.connection() as anybody:
            anybody.search("", "(objectClass=*)", ldap3.BASE, attributes=["vendorName"])
            assert anybody.response[0]["raw_attributes"]["vendorName"] == [b"389 Project"]

    def test_a_base_that_is_given_is_used(self, ds389, transport):
        directory = ldap(ds389, transport, preset="freeipa", search_base=ACCOUNTS)
        with directory.session() as session:
            assert session.shape.base == ACCOUNTS
        assert groups_of(directory, "alice") == {"ipausers", "students", "data science"}

    def test_the_mark_is_freeipas(self, directory):
        assert ask(directory, "alice", PASSWORDS["alice"]).person.id == mark("alice")

    def test_a_plain_389_directory_server_is_not_taken_for_freeipa(self, ds389, transport):
        with ldap(ds389, transport).session() as session:
            assert session.shape.preset.name == "openldap"

    def test_passwords_go_over_tls_alone(self, ds389):
        with pytest.raises(DirectoryDown, match="confidentialityRequired"):
            ask(ldap(ds389, "starttls", insecure=True), "alice", PASSWORDS["alice"])

    def test_strangers_see_names_and_nothing_else(self, ds389):
        """As in FreeIPA; so a lookup account is needed for groups, states and marks."""
        hidden = ["memberOf", "ipaUniqueID", "krbPrincipalName", "nsAccountLock"]
        with ds389.connection() as anybody:
            anybody.search(person_dn("disabled"), "(objectClass=*)", ldap3.BASE, attributes=["uid", *hidden])
            seen = anybody.response[0]["raw_attributes"]
        assert {name for name, values in seen.items() if values} == {"uid"}


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
        """So nothing is proven, and the person reads of a wrong name or password; the operator reads the reason."""
        for password in (PASSWORDS["disabled"], "wrong"):
            assert ds389.bind("disabled", password) == (53, INACTIVATED)
            answer = ask(directory, "disabled", password)
            assert (answer.person, answer.obstacle, answer.proven) == (None, Obstacle.DISABLED, False)
            assert answer.detail == f"unwillingToPerform ({INACTIVATED})"
            assert answer.obstacle.shown(proven=answer.proven) is Obstacle.WRONG_PASSWORD

    @pytest.mark.parametrize(
        ("name", "obstacle"),
        [("expired", Obstacle.ACCOUNT_EXPIRED), ("pwexpired", Obstacle.PASSWORD_EXPIRED)],
    )
    def test_what_the_server_does_not_look_at_is_told_to_the_right_password(self, directory, ds389, name, obstacle):
        assert ds389.bind(name, PASSWORDS[name]) == (0, "")
        right = ask(directory, name, PASSWORDS[name])
        assert (right.person, right.obstacle, right.proven) == (None, obstacle, True)
        assert ds389.bind(name, "wrong") == (49, "")
        wrong = ask(directory, name, "wrong")
        assert (wrong.obstacle, wrong.proven) == (Obstacle.WRONG_PASSWORD, False)

    def test_a_password_that_expires_soon_is_said_to(self, directory):
        person = ask(directory, "soon", PASSWORDS["soon"]).person
        left = person.password_expires - datetime.now(UTC)
        assert timedelta(days=4, hours=23) < left <= timedelta(days=5)
        assert ask(directory, "alice", PASSWORDS["alice"]).person.password_expires is None

    def test_a_locked_account_proves_nothing(self, directory, ds389):
        ds389.modify("cn=config", passwordLockout="on", passwordMaxFailure="3")
        try:
            assert [ds389.bind("locked", "wrong") for _ in range(4)] == [(49, "")] * 3 + [(19, RETRY_LIMIT)]
            for password in (PASSWORDS["locked"], "wrong"):
                answer = ask(directory, "locked", password)
                assert (answer.person, answer.obstacle, answer.proven) == (None, Obstacle.LOCKED, False)
                assert answer.detail == f"constraintViolation ({RETRY_LIMIT})"
        finally:
            ds389.modify("cn=config", passwordLockout="off")
            ds389.modify(person_dn("locked"), passwordRetryCount=[], retryCountResetTime=[], accountUnlockTime=[])
        assert ask(directory, "locked", PASSWORDS["locked"]).person

    def test_who_is_looked_up_again_is_as_they_are_now(self, directory, ds389):
        with directory.session() as session:
            assert look_up(session, mark("disabled")) is Obstacle.DISABLED
            assert look_up(session, mark("expired")) is Obstacle.ACCOUNT_EXPIRED
            before = look_up(session, mark("ada"))
            ds389.modify(person_dn("ada"), nsAccountLock="TRUE")
            try:
                assert look_up(session, mark("ada")) is Obstacle.DISABLED
            finally:
                ds389.modify(person_dn("ada"), nsAccountLock=[])
            assert look_up(session, mark("ada")) == before


def rule(name: str, member: str) -> tuple[str, dict[str, str]]:
    """One of FreeIPA's access rules; they are in their people's memberOf too."""
    attributes = {"objectClass": "ipaHBACRule", "ipaUniqueID": mark(name), "cn": name, "memberUser": member}
    return f"ipaUniqueID={mark(name)},cn=hbac,{BASE_DN}", attributes


def shadow(name: str) -> tuple[str, dict[str, str]]:
    """What FreeIPA shows of a group to old clients, below cn=compat."""
    attributes = {"objectClass": "posixGroup", "gidNumber": "5000", "memberUid": "alice"}
    return f"cn={name},cn=groups,cn=compat,{BASE_DN}", attributes


class TestGroups:
    def test_are_direct_and_nested(self, directory):
        assert groups_of(directory, "alice") == {"ipausers", "students", "data science"}
        assert groups_of(directory, "ada") == {"ipausers", "admins"}

    @pytest.mark.parametrize("written", ["data science", "Data Science", group_dn("data science")])
    def test_are_found_by_name_and_dn(self, directory, written):
        with directory.session() as session:
            (group,) = session.find_groups(written)
            assert (group.dn, group.name) == (group_dn("data science"), "data science")
            assert group_problems(session, [written]) == []

    def test_who_leaves_is_out_of_the_groups_around_as_well(self, directory, ds389):
        ds389.modify(group_dn("students"), member=[person_dn("ada")])
        try:
            assert groups_of(directory, "alice") == {"ipausers"}
            assert groups_of(directory, "ada") == {"ipausers", "admins", "students", "data science"}
        finally:
            ds389.modify(group_dn("students"), member=[person_dn("alice")])
        assert groups_of(directory, "alice") == {"ipausers", "students", "data science"}

    def test_a_rule_is_in_member_of(self, ds389):
        dn, attributes = rule("admins", person_dn("alice"))
        with ds389.holding(dn, **attributes), ds389.managing() as connection:
            connection.search(person_dn("alice"), "(objectClass=*)", ldap3.BASE, attributes=["memberOf"])
            assert dn.encode() in connection.response[0]["raw_attributes"]["memberOf"]

    def test_a_rule_is_no_group_whatever_its_name(self, directory, ds389):
        dn, attributes = rule("admins", person_dn("alice"))
        with ds389.holding(dn, **attributes):
            assert groups_of(directory, "alice") == {"ipausers", "students", "data science"}

    def test_a_shadow_for_old_clients_makes_no_name_ambiguous(self, directory, ds389):
        dn, attributes = shadow("students")
        with ds389.holding(dn, **attributes), directory.session() as session:
            assert group_problems(session, ["students"]) == []

    def test_below_accounts_there_are_no_shadows(self, ds389, transport):
        dn, attributes = shadow("students")
        directory = ldap(ds389, transport, search_base=ACCOUNTS)
        with ds389.holding(dn, **attributes), directory.session() as session:
            assert group_problems(session, ["students"]) == []
