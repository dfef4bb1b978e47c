"""People at their browsers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .deployment import TestDeployment
from .person import Person


@pytest.fixture
def visitor(deployment: TestDeployment) -> Iterator[Callable[[str], Person]]:
    """Somebody who has the login page before them."""
    people: list[Person] = []

    def visit(name: str) -> Person:
        people.append(Person(deployment.base, name))
        return people[-1]

    yield visit
    for somebody in people:
        somebody.client.close()


@pytest.fixture
def person(deployment: TestDeployment, visitor: Callable[[str], Person]) -> Iterator[Callable[[str], Person]]:
    """Somebody who has just signed in; their server is stopped afterwards."""
    people: list[Person] = []

    def sign_in(name: str) -> Person:
        somebody = visitor(name)
        people.append(somebody)
        answer = somebody.sign_in(deployment.passwords()[name])
        assert answer.status_code == 302, answer.text
        return somebody

    yield sign_in
    for somebody in people:
        if somebody.token:
            somebody.stop()
