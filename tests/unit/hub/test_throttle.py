from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from onehub.hub.throttle import Throttle

HERE, THERE, ELSEWHERE = "192.0.2.1", "192.0.2.2", "2001:db8::1"


def attempts(throttle: Throttle, person: str, address: str, times: int) -> list[bool]:
    return [throttle.may_try(person, address) for _ in range(times)]


def test_one_address_may_try_once_less_than_all_of_them():
    throttle = Throttle(4, 60)
    assert attempts(throttle, "alice", HERE, 5) == [True, True, True, False, False]
    assert attempts(throttle, "alice", THERE, 3) == [True, False, False]
    assert attempts(throttle, "alice", ELSEWHERE, 1) == [False]


def test_nobody_suffers_for_anybody_else():
    throttle = Throttle(4, 60)
    attempts(throttle, "alice", HERE, 9)
    assert attempts(throttle, "bob", HERE, 3) == [True, True, True]
    assert attempts(throttle, "alice/", HERE, 3) == [True, True, True]


@pytest.mark.parametrize(("limit", "here"), [(1, [True, False]), (2, [True, False]), (3, [True, True, False])])
def test_small_limits_leave_one_attempt(limit, here):
    assert attempts(Throttle(limit, 60), "alice", HERE, len(here)) == here


def test_a_right_password_takes_all_wrong_ones_back():
    throttle = Throttle(4, 60)
    attempts(throttle, "alice", HERE, 3)
    throttle.forgive("alice", HERE)
    assert attempts(throttle, "alice", HERE, 4) == [True, True, True, False]


def test_a_right_password_from_elsewhere_does_not_help_who_guesses():
    throttle = Throttle(4, 60)
    attempts(throttle, "alice", HERE, 3)
    assert throttle.may_try("alice", THERE)
    throttle.forgive("alice", THERE)
    assert attempts(throttle, "alice", HERE, 1) == [False]
    assert attempts(throttle, "alice", THERE, 4) == [True, True, True, False]


def test_forgiving_a_stranger_is_nothing():
    Throttle(4, 60).forgive("alice", HERE)


def test_attempts_are_forgotten_when_they_are_old():
    now = [0.0]
    throttle = Throttle(2, 60, clock=lambda: now[0])
    assert attempts(throttle, "alice", HERE, 2) == [True, False]
    now[0] = 61
    assert attempts(throttle, "alice", HERE, 2) == [True, False]


@pytest.mark.parametrize("limit", [1, 4, 10])
def test_many_at_once_are_never_more_than_the_limit(limit):
    throttle = Throttle(limit, 60)
    together = threading.Barrier(16)

    def attempt(number: int) -> bool:
        together.wait()
        return throttle.may_try("alice", f"192.0.2.{number}")

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(attempt, range(16))) == limit


def test_many_at_once_from_one_address_leave_one_attempt_to_the_others():
    throttle = Throttle(4, 60)
    together = threading.Barrier(16)

    def attempt(number: int) -> bool:
        together.wait()
        return throttle.may_try("alice", HERE)

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(attempt, range(16))) == 3
    assert attempts(throttle, "alice", THERE, 2) == [True, False]
