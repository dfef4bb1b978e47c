"""One suite, seven directories: the fake of the unit tests, and real ones, each over LDAPS and StartTLS."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onehub.core.dn import canonical_dn
from onehub.core.logins import read_login
from onehub.core.obstacles import Obstacle
from onehub.hub.directory.session import group_problems, identify, look_up

from .conftest import PASSWORDS
from .worlds import World, ask, ds389_world, fake_world, openldap_world, samba_world


@pytest.fixture(
    scope="module",
    params=[
        "fake",
        "openldap-ldaps",
        "openldap-starttls",
        "samba-ldaps",
        "samba-starttls",
        "ds389-ldaps",
        "ds389-starttls",
    ],
)
def world(request: pytest.FixtureRequest) -> World:
    kind, _, transport = request.param.partition("-")
    if kind == "fake":
        return fake_world(PASSWORDS)
    running = request.getfixturevalue(kind)
    if kind == "openldap":
        return openldap_world(running, transport, PASSWORDS)
    return samba_world(running, transport) if kind == "samba" else ds389_world(running, transport)


def test_the_right_password_proves_everybody_and_nobody_else(world):
    for name, password in world.passwords.items():
        person = ask(world.directory, name, password).person
        assert person is not None, name
        assert person.name == name.lower()
        assert person.id


def test_the_name_is_the_directorys_whatever_was_typed(world):
    for typed in ("ALICE", "EXAMPLE\\alice", "alice@example.test", " alice ", "\uff21lice"):
        answer = ask(world.directory, typed, world.passwords["alice"])
        assert answer.person is not None, typed
        assert answer.person.name == "alice"


def test_a_wrong_password_is_nobody(world):
    for password in ("wrong", "", world.passwords["ada"]):
        answer = ask(world.directory, "alice", password)
        assert (answer.person, answer.obstacle, answer.proven) == (None, Obstacle.WRONG_PASSWORD, False)


@pytest.mark.parametrize(
    "name",
    ["nobody", "*", "a*", "alice)(uid=*", "alice)(|(uid=*", "uid=alice", "Ålice", "\\2a", "alice#", "(alice)"],
)
def test_a_name_that_is_not_there_is_nobody(world, name):
    answer = ask(world.directory, name, world.passwords["alice"])
    assert (answer.person, answer.obstacle) == (None, Obstacle.UNKNOWN_NAME)


def test_groups_include_those_around_groups(world):
    person = ask(world.directory, world.nested, world.passwords[world.nested]).person
    assert {group.name for group in person.groups} == world.groups


def test_groups_are_found_by_dn_in_any_spelling_and_by_name(world):
    person = ask(world.directory, world.nested, world.passwords[world.nested]).person
    group = next(group for group in person.groups if group.name == world.middle)
    spelled = canonical_dn(group.dn).upper().replace(",", " ,  ").replace("STUDENTS", "\\53tudents")
    with world.directory.session() as session:
        for written in (group.dn, spelled, group.name, group.name.upper(), group.sid or group.name):
            assert session.find_groups(written) == (group,), written
            assert group.answers_to(written), written
        assert group_problems(session, [group.dn, "no such group", f"cn=none,{group.dn}"]) == [
            "the group 'no such group' does not exist",
            f"the group 'cn=none,{group.dn}' does not exist",
        ]


def test_a_person_is_found_again_by_their_mark(world):
    person = ask(world.directory, "alice", world.passwords["alice"]).person
    with world.directory.session() as session:
        assert look_up(session, person.id) == person
        assert look_up(session, "0f8fad5b-d9cb-469f-a165-70867728950e") is Obstacle.GONE


@pytest.mark.parametrize("password", ["\u00ad", "a\u00adb", "\u200bx", "\u0627a1", "x" * 1000])
def test_a_strange_password_is_a_wrong_one_and_not_an_outage(world, password):
    assert ask(world.directory, "alice", password).obstacle is Obstacle.WRONG_PASSWORD
    # Or the next ones would find the account locked.
    assert ask(world.directory, "alice", world.passwords["alice"]).person


def test_the_gate_is_asked_before_the_password_is_tried(world):
    asked = []

    def closed(entry) -> bool:
        asked.append(entry and entry.login.lower())
        return False

    for name in ("alice", "nobody"):
        with world.directory.session() as session:
            answer = identify(session, read_login(name), world.passwords["alice"], closed)
        assert (answer.person, answer.obstacle) == (None, Obstacle.THROTTLED)
    assert asked == ["alice", None]


_TRICKY = st.sampled_from(
    ["*", "(", ")", "\\", "\0", ",", "=", "#", "+", '"', "<", ">", ";", "/", "|", "&", "!", "~"]
)
_PIECES = st.one_of(
    st.sampled_from(
        ["alice", "ada", "ALICE", "@", "@example.test", "EXAMPLE\\", " ", "uid=", "cn=", "objectClass", "2a"]
    ),
    _TRICKY,
    st.text(max_size=4),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(_PIECES, min_size=1, max_size=5))
def test_no_input_signs_in_as_somebody_whose_password_it_is_not(world, pieces):
    """ada's password, whatever stands in the name, opens ada's account or none."""
    login = read_login("".join(pieces))
    if login is None:
        return
    with world.directory.session() as session:
        answer = identify(session, login, world.passwords["ada"])
    assert answer.person is None or answer.person.name == "ada"
