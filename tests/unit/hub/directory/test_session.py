from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from onehub.core.groups import Group
from onehub.core.logins import Login
from onehub.core.obstacles import Obstacle
from onehub.core.people import Person
from onehub.hub.directory.session import (
    Answer,
    DirectoryDown,
    Entry,
    Proof,
    Session,
    group_problems,
    identify,
    look_up,
)
from tests.doubles import Account, FakeDirectory

BASE = "dc=example,dc=test"
STAFF, PEOPLE = f"cn=Staff,ou=groups,{BASE}", f"cn=People,ou=groups,{BASE}"
TWIN = f"cn=staff,ou=others,{BASE}"
MARK = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
LATER = datetime.now(UTC) + timedelta(days=9)

ALICE = Account("Alice", "right", (STAFF,), qualified="alice@example.test", id=MARK, password_expires=LATER)
ALICE_DN = f"uid=Alice,ou=people,{BASE}"
GROUPS = frozenset({Group(STAFF, "staff"), Group(PEOPLE, "people")})
PERSON = Person("alice", ALICE_DN, GROUPS, MARK, LATER)


def directory(**changes: object) -> FakeDirectory:
    return FakeDirectory(BASE, (replace(ALICE, **changes), Account("bob", "b")), {STAFF: (PEOPLE,)})


def ask(known: FakeDirectory, login: Login, password: str, **gate) -> Answer:
    with known.session() as session:
        return identify(session, login, password, **gate)


@pytest.mark.parametrize("login", [Login("alice"), Login("ALICE"), Login("alice", "Alice@Example.Test")])
def test_the_right_password_shows_the_person_with_all_their_groups(login):
    assert ask(directory(), login, "right") == Answer(PERSON, proven=True)


def test_a_wrong_password_shows_nobody():
    known = directory()
    assert ask(known, Login("alice"), "wrong") == Answer(None, Obstacle.WRONG_PASSWORD)
    assert known.tried == [ALICE_DN]


def test_nobody_is_tried_for_a_name_that_nobody_has():
    known = directory()
    assert ask(known, Login("mallory"), "right") == Answer(None, Obstacle.UNKNOWN_NAME)
    assert known.tried == []


def test_nobody_is_tried_for_a_name_that_two_have():
    known = directory()
    known.accounts += (Account("ALICE", "right"),)
    assert ask(known, Login("alice"), "right") == Answer(None, Obstacle.UNKNOWN_NAME)
    assert known.tried == []


def test_a_password_that_is_empty_never_reaches_the_directory():
    known = directory()
    assert ask(known, Login("alice"), "") == Answer(None, Obstacle.WRONG_PASSWORD, "empty password")
    assert known.asked == known.tried == []


@pytest.mark.parametrize(("login", "mark"), [(Login("alice"), MARK), (Login("mallory"), None)])
def test_a_closed_gate_keeps_the_password_from_the_directory(login, mark):
    known, seen = directory(), []

    def gate(entry: Entry | None) -> bool:
        seen.append(entry)
        return False

    assert ask(known, login, "right", may_try=gate) == Answer(None, Obstacle.THROTTLED)
    assert [entry and entry.id for entry in seen] == [mark]
    assert known.tried == []


@pytest.mark.parametrize(
    ("changes", "password", "answer"),
    [
        (
            {"refusal": Obstacle.PASSWORD_EXPIRED},
            "right",
            Answer(None, Obstacle.PASSWORD_EXPIRED, proven=True),
        ),
        ({"refusal": Obstacle.LOCKED}, "right", Answer(None, Obstacle.LOCKED)),
        (
            {"obstacle": Obstacle.DISABLED},
            "right",
            Answer(None, Obstacle.DISABLED, "by the entry's attributes", proven=True),
        ),
        ({"obstacle": Obstacle.DISABLED}, "wrong", Answer(None, Obstacle.WRONG_PASSWORD)),
        ({"refusal": Obstacle.PASSWORD_EXPIRED}, "wrong", Answer(None, Obstacle.WRONG_PASSWORD)),
        (
            {"password_expires": datetime.now(UTC) - timedelta(minutes=1)},
            "right",
            Answer(None, Obstacle.PASSWORD_EXPIRED, "by the entry's attributes", proven=True),
        ),
        (
            {"password_expires": datetime.now(UTC) - timedelta(minutes=1)},
            "wrong",
            Answer(None, Obstacle.WRONG_PASSWORD),
        ),
        (
            {"obstacle": Obstacle.ACCOUNT_EXPIRED, "refusal": Obstacle.MUST_CHANGE_PASSWORD},
            "right",
            Answer(None, Obstacle.MUST_CHANGE_PASSWORD, proven=True),
        ),
    ],
)
def test_only_the_right_password_learns_what_is_wrong_with_the_account(changes, password, answer):
    assert ask(directory(**changes), Login("alice"), password) == answer


def test_a_directory_that_is_down_is_no_wrong_password():
    known = directory()
    known.down = True
    with pytest.raises(DirectoryDown, match=r"^the directory does not answer$"):
        ask(known, Login("alice"), "right")


@dataclass
class WithoutLookup:
    """A conversation without a lookup account: only who has proven themselves may read."""

    session: Session
    proven: bool = False
    reads_first = False

    def find(self, login: Login) -> Entry | None:
        return self.session.find(login) if self.proven else Entry(f"EXAMPLE\\{login.name}", login.name)

    def prove(self, entry: Entry, password: str) -> Proof:
        proof = self.session.prove(self.session.find(Login(entry.login)), password)
        self.proven = not proof.obstacle
        return proof

    def groups(self, entry: Entry) -> frozenset[Group]:
        assert self.proven
        return self.session.groups(entry)


@pytest.fixture
def own_account() -> Iterator[WithoutLookup]:
    with directory().session() as session:
        yield WithoutLookup(session)


def test_without_a_lookup_account_people_are_read_with_their_own(own_account):
    assert identify(own_account, Login("ALICE"), "right") == Answer(PERSON, proven=True)


def test_without_a_lookup_account_a_wrong_password_reads_nothing(own_account):
    assert identify(own_account, Login("alice"), "wrong") == Answer(None, Obstacle.WRONG_PASSWORD)


# --- later


def test_a_person_is_found_again_by_their_mark_under_a_new_name():
    known = directory()
    known.change("Alice", login="Alice.H", groups=())
    with known.session() as session:
        assert look_up(session, MARK) == Person("alice.h", f"uid=Alice.H,ou=people,{BASE}", frozenset(), MARK, LATER)


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [({"login": None}, Obstacle.GONE), ({"obstacle": Obstacle.DISABLED}, Obstacle.DISABLED)],
)
def test_who_is_gone_or_disabled_is_not_found_again(changes, obstacle):
    known = directory()
    known.change("Alice", **changes)
    with known.session() as session:
        assert look_up(session, MARK) == obstacle


# --- groups as the operator wrote them


@pytest.mark.parametrize(
    ("written", "problems"),
    [
        ((), []),
        ((PEOPLE, PEOPLE.upper(), "People"), []),
        ((STAFF, TWIN), []),
        (("Sales",), ["the group 'Sales' does not exist"]),
        ((f"cn=Sales,{BASE}",), [f"the group 'cn=Sales,{BASE}' does not exist"]),
        (("S-1-5-32-544",), ["the group 'S-1-5-32-544' does not exist"]),
        (
            ("Sales", "Staff"),
            [
                "the group 'Sales' does not exist",
                f"the group 'Staff' could be any of {STAFF}; {TWIN}: give the DN",
            ],
        ),
    ],
)
def test_groups_that_are_missing_or_several_are_told(written, problems):
    known = directory()
    known.accounts += (Account("carol", "c", (TWIN,)),)
    with known.session() as session:
        assert group_problems(session, written) == problems
