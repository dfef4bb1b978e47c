from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onehub.core.homes import home_volume

PREFIX = "jupyterhub-user-"
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).map(str.lower)


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


@given(name=NAMES)
def test_every_home_is_a_legal_volume_name(name):
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", home_volume(PREFIX, name))
