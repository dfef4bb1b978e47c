"""People at their browsers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .deployment import TestDeployment
from .person import Person


@pytest.fixture
def person(deployment: TestDeployment) -> Iterator[Callable[[str], Person]]:
    """Somebody who has just signed in; their server is stopped afterwards."""
    people: list[Person] = []

    def sign_in(name: str) -> Person:
        somebody = Person(deployment.base, name)
        people.append(somebody)
        answer = somebody.sign_in(deployment.passwords()[name])
        assert answer.status_code == 302, answer.text
        return somebody

    yield sign_in
    for somebody in people:
        if somebody.token:
            somebody.stop()
        somebody.client.close()
