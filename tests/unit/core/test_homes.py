from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onehub.core.homes import home_volume, later_home_volume

PREFIX = "jupyterhub-user-"
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).map(str.lower)
ALICE = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
IDS = st.uuids().map(str)


@pytest.mark.parametrize(
    ("name", "volume"),
    [
        ("alice", "jupyterhub-user-alice"),
        ("alice.b-c_d1", "jupyterhub-user-alice.b-c_d1"),
        ("o'brien", "jupyterhub-user-oX27brien"),
        ("jürgen", "jupyterhub-user-jXC3XBCrgen"),
        ("a b", "jupyterhub-user-aX20b"),
        ("..", "jupyterhub-user-.."),
    ],
)
def test_the_seeds_name_where_docker_allows_it_else_an_escaped_one(name, volume):
    assert home_volume(PREFIX, name) == volume


@pytest.mark.parametrize("name", ["Alice", "alicX27e", "a\nb", "a\0", "\u200balice", ""])
def test_what_is_no_hub_name_has_no_home(name):
    with pytest.raises(ValueError, match="is not a hub name: those are lower case and without control characters"):
        home_volume(PREFIX, name)


@given(one=NAMES, another=NAMES)
@example("o'brien", "ox27brien")
@example("a¡", "ac2a1")
def test_two_people_never_share_a_home(one, another):
    assert (home_volume(PREFIX, one) == home_volume(PREFIX, another)) == (one == another)


def test_a_later_home_carries_the_beginning_of_the_directorys_mark():
    assert later_home_volume(PREFIX, "o'brien", ALICE) == "jupyterhub-user-oX27brienX-6f9619ff8b86"
    assert later_home_volume(PREFIX, "alice", ALICE.upper()) == "jupyterhub-user-aliceX-6f9619ff8b86"


@given(one=NAMES, another=NAMES, id=IDS)
@example("alice", "alicex-6f9619ff8b86", ALICE)
@example("alice", "alice-6f9619ff8b86", ALICE)
def test_a_later_home_is_nobodys_first_one(one, another, id):
    assert later_home_volume(PREFIX, one, id) != home_volume(PREFIX, another)


@given(one=NAMES, another=NAMES, id=IDS, other=IDS)
def test_later_homes_are_the_same_only_for_the_same_person(one, another, id, other):
    same = later_home_volume(PREFIX, one, id) == later_home_volume(PREFIX, another, other)
    assert same == (one == another and id.replace("-", "")[:12] == other.replace("-", "")[:12])


@given(name=NAMES, id=IDS)
def test_every_home_is_a_legal_volume_name(name, id):
    for home in (home_volume(PREFIX, name), later_home_volume(PREFIX, name, id)):
        assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", home)
