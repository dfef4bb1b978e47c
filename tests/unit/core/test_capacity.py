from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core.capacity import Capacity, estimate, room_for

GIB = 1024**3


def test_a_server_that_fits_is_let_in():
    assert room_for(Capacity(2, 8 * GIB), GIB, [GIB] * 7) is None


def test_memory_that_is_given_away_is_not_given_twice():
    full = room_for(Capacity(2, 8 * GIB), GIB, [GIB] * 8)
    assert full.words == (
        "The memory of this machine is given away: 8G to 8 servers, and yours needs 1G. Please try again later, or "
        "ask somebody who is done to stop their server."
    )


def test_the_operators_limit_holds_whatever_the_memory():
    full = room_for(Capacity(2, 800 * GIB, servers=3), GIB, [0, 0, 0])
    assert full.words == (
        "All 3 places for servers are taken. Please try again later, or ask somebody "
        "who is done to stop their server."
    )


@given(memory=st.integers(0, 100), wanted=st.integers(0, 50), promised=st.lists(st.integers(0, 20), max_size=10))
def test_what_is_promised_never_exceeds_what_there_is(memory, wanted, promised):
    if room_for(Capacity(2, memory), wanted, promised) is None:
        assert sum(promised) + wanted <= memory


@pytest.mark.parametrize(
    ("position", "at_once", "measured", "seconds"),
    [(1, 1, [], 10.0), (1, 2, [4.0], 8.0), (2, 2, [4.0], 8.0), (3, 2, [4.0], 12.0), (10, 3, [1.0, 2.0, 9.0], 10.0)],
)
def test_the_estimate_is_made_of_rounds_as_long_as_the_last_starts(position, at_once, measured, seconds):
    assert estimate(position, at_once, measured) == seconds
