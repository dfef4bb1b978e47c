from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onehub.core.identities import Identity, settle
from onehub.hub.identities import Identities

PREFIX = "jupyterhub-user-"
ALICE = Identity("6f9619ff-8b86-d011-b42d-00c04fc964ff", "alice", f"{PREFIX}alice")
ANOTHER = Identity("550e8400-e29b-41d4-a716-446655440000", "alice", f"{PREFIX}aliceX-550e8400e29b")


def user(name: str, number: int = 1) -> SimpleNamespace:
    """The hub's record."""
    return SimpleNamespace(id=number, created=datetime(2030, 1, 1), name=name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.sqlite"


@pytest.fixture
def people(file: Path) -> Iterator[Identities]:
    with closing(Identities(file, PREFIX)) as identities:
        yield identities


def test_nobody_is_known_at_first(people):
    assert people.by_id(ALICE.id) is people.by_name("alice") is people.confirmed(user("alice")) is None
    assert people.password_expires(user("alice")) is None
    assert people.homes() == frozenset()


@pytest.mark.parametrize(("name", "home"), [("alice", f"{PREFIX}alice"), ("o'brien", f"{PREFIX}oX27brien")])
def test_the_home_of_a_stranger_is_the_one_that_the_name_gives(people, name, home):
    assert people.home_of(user(name)) == home


def test_a_person_is_found_by_mark_and_by_name_and_has_the_remembered_home(people):
    people.remember(ANOTHER, None)
    assert people.by_id(ANOTHER.id) == people.by_name("alice") == ANOTHER
    assert people.home_of(user("alice")) == ANOTHER.home
    assert people.homes() == frozenset({ANOTHER.home})


def test_times_are_kept_as_they_were_said(people):
    expires = datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC)
    people.remember(ALICE, expires)
    assert people.password_expires(user("alice")) == expires
    assert timedelta() <= datetime.now(UTC) - people.confirmed(user("alice")) < timedelta(minutes=1)
    people.remember(ALICE, None)
    assert people.password_expires(user("alice")) is None


def test_a_new_name_stays_with_the_home_and_the_mark(people):
    people.remember(ALICE, None)
    people.remember(Identity(ALICE.id, "alice.h", "somewhere-else"), None)
    assert people.by_id(ALICE.id) == Identity(ALICE.id, "alice.h", ALICE.home)
    assert people.by_name("alice") is None


def test_who_has_lost_the_name_keeps_the_home(people):
    people.remember(ALICE, None)
    people.move(ALICE.id, "", "")
    assert people.by_name("alice") is people.by_name("") is None
    assert people.by_id(ALICE.id) == Identity(ALICE.id, "", ALICE.home)
    people.remember(ANOTHER, None)
    people.move(ANOTHER.id, "", "")
    assert people.homes() == frozenset({ALICE.home, ANOTHER.home})


@pytest.mark.parametrize(
    "other", [Identity("x", "alice", "another-home"), Identity("x", "bob", ALICE.home)], ids=["name", "home"]
)
def test_two_people_never_have_one_name_or_one_home(people, other):
    people.remember(ALICE, None)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed: people"):
        people.remember(other, None)
    assert people.by_id("x") is None
    assert people.by_name("alice") == ALICE


def test_it_is_all_there_after_a_restart(file, people):
    people.remember(ALICE, datetime(2030, 1, 1, tzinfo=UTC))
    with closing(Identities(file, PREFIX)) as again:
        assert again.by_name("alice") == ALICE
        assert again.confirmed(user("alice")) == people.confirmed(user("alice"))
        assert again.password_expires(user("alice")) == datetime(2030, 1, 1, tzinfo=UTC)


def test_the_table_takes_only_what_fits(file, people):
    with closing(sqlite3.connect(file)) as database:
        for values in ("('x', 'y', NULL, NULL, 0, NULL)", "('x', 'y', 'z', NULL, 'now', NULL)"):
            with pytest.raises(sqlite3.IntegrityError):
                database.execute(f"INSERT INTO people VALUES {values}")
        assert "STRICT" in database.execute("SELECT sql FROM sqlite_master WHERE name = 'people'").fetchone()[0]


IDS = st.sampled_from([ALICE.id, ANOTHER.id, *(f"{number:08x}-0000-1000-8000-000000000000" for number in range(3))])
NAMES = st.sampled_from(["alice", "bob", "o'brien", "ox27brien", "alicex-6f9619ff8b86", "jürgen"])


@settings(max_examples=10)
@given(sign_ins=st.lists(st.tuples(IDS, NAMES, st.booleans()), max_size=10))
def test_homes_stay_with_their_people_through_renames_reused_names_and_restarts(tmp_path_factory, sign_ins):
    file = tmp_path_factory.mktemp("hub") / "people.sqlite"
    people = Identities(file, PREFIX)
    homes: dict[str, str] = {}
    for id, name, restart in sign_ins:
        if restart:
            people.close()
            people = Identities(file, PREFIX)
        holder = people.by_name(name)
        if holder and holder.id != id:
            people.move(holder.id, "", "")
            holder = None
        identity = settle(id, name, people.by_id(id), holder, people.homes(), PREFIX)
        people.remember(identity, None)
        assert people.by_name(name) == people.by_id(id) == identity
        assert homes.setdefault(id, identity.home) == people.home_of(user(name))
        assert people.homes() == frozenset(homes.values())
        assert len(people.homes()) == len(homes)
    people.close()
