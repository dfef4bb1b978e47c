from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core.identities import Identity, settle

PREFIX = "jupyterhub-user-"
ALICE, ANOTHER = "6f9619ff-8b86-d011-b42d-00c04fc964ff", "550e8400-e29b-41d4-a716-446655440000"
HOME = f"{PREFIX}alice"


def test_the_first_sign_in_adopts_the_home_that_the_seed_gave():
    assert settle(ALICE, "alice", None, None, frozenset(), PREFIX) == Identity(ALICE, "alice", HOME)


def test_a_later_sign_in_changes_nothing():
    known = Identity(ALICE, "alice", HOME)
    assert settle(ALICE, "alice", known, known, frozenset({HOME}), PREFIX) == known


def test_whom_the_directory_renames_keeps_their_home():
    known = Identity(ALICE, "alice", HOME)
    settled = settle(ALICE, "alice.hargreaves", known, None, frozenset({HOME}), PREFIX)
    assert settled == Identity(ALICE, "alice.hargreaves", HOME)


def test_who_lost_the_name_and_gets_it_back_has_the_old_home():
    known = Identity(ALICE, "", HOME)
    assert settle(ALICE, "alice", known, None, frozenset({HOME}), PREFIX) == Identity(ALICE, "alice", HOME)


def test_who_gets_a_used_name_gets_a_home_of_their_own():
    settled = settle(ANOTHER, "alice", None, None, frozenset({HOME}), PREFIX)
    assert settled == Identity(ANOTHER, "alice", f"{HOME}X-550e8400e29b")


def test_nobody_gets_a_name_that_somebody_still_has():
    with pytest.raises(ValueError) as caught:
        settle(ANOTHER, "alice", None, Identity(ALICE, "alice", HOME), frozenset({HOME}), PREFIX)
    assert str(caught.value) == f"'alice' is still {ALICE}'s"


IDS = st.sampled_from([ALICE, ANOTHER, *(f"{number:08x}-0000-1000-8000-000000000000" for number in range(3))])
NAMES = st.sampled_from(["alice", "bob", "o'brien", "ox27brien", "alicex-6f9619ff8b86", "jürgen"])


@given(sign_ins=st.lists(st.tuples(IDS, NAMES), max_size=20))
def test_a_person_has_one_home_for_ever_and_shares_it_with_nobody(sign_ins):
    people: dict[str, Identity] = {}
    homes: dict[str, str] = {}
    for id, name in sign_ins:
        for holder in [one for one in people.values() if one.name == name and one.id != id]:
            people[holder.id] = Identity(holder.id, "", holder.home)
        holder = next((one for one in people.values() if one.name == name), None)
        taken = frozenset(one.home for one in people.values())
        identity = settle(id, name, people.get(id), holder, taken, PREFIX)
        people[id] = identity
        assert (identity.id, identity.name) == (id, name)
        assert homes.setdefault(id, identity.home) == identity.home
        assert len(set(homes.values())) == len(homes)
