from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from onehub.core.obstacles import Obstacle
from onehub.core.rehearsal import Decision, Rehearsal, Request
from onehub.core.sources import Named
from onehub.hub.notes import Notes
from onehub.hub.rehearsal import converse
from tests.doubles import Account, FakeDirectory
from tests.unit.examples import make_settings

BASE = "dc=example,dc=test"
STUDENTS, SCIENCE = (f"cn={name},ou=groups,{BASE}" for name in ("Students", "Data Science"))
RULES = {"people": (Named("alice"),), "allowed_groups": (SCIENCE,)}


def directory(*more: Account, **changes: object) -> FakeDirectory:
    people = (
        Account("alice", "right", id="mark-1"),
        Account("bob", "b", (STUDENTS,)),
        Account("mallory", "m"),
        *more,
    )
    return FakeDirectory(BASE, people, {STUDENTS: (SCIENCE,)}, **changes)


def ask(asked: FakeDirectory, name: str | None = None, password: str | None = None, **access: object) -> Rehearsal:
    secret = None if password is None else SecretStr(password)
    request = Request(make_settings(access=RULES | access), name, secret)
    return converse(asked, request, Notes(clock=lambda: 0.0))


def lines(rehearsal: Rehearsal) -> list[tuple[str, str, str]]:
    return [(stage.about, stage.level, stage.text) for stage in rehearsal.stages]


def stage(rehearsal: Rehearsal, about: str):
    return next(stage for stage in rehearsal.stages if stage.about == about)


def test_a_whole_sign_in_stage_by_stage():
    rehearsal = ask(directory(lockout_threshold=5), "Alice", "right")
    assert lines(rehearsal) == [
        ("lookup account", "ok", "svc is accepted"),
        ("search base", "ok", "openldap, people below dc=example,dc=test"),
        ("lock-out", "ok", "after 5 wrong passwords; the hub asks 4 times at most"),
        ("access rule", "ok", "exists"),
        ("search", "ok", "uid=alice,ou=people,dc=example,dc=test"),
        ("account", "ok", "neither disabled nor expired, as far as the entry shows"),
        ("groups", "ok", "in no groups"),
        ("password", "ok", "right"),
        ("decision", "ok", "alice may sign in: named in userlist (not an admin)"),
    ]
    assert stage(rehearsal, "search").details == ("filter (uid=Alice)", "1 hit, login name alice, mark mark-1")
    assert stage(rehearsal, "decision").details == ("home volume jupyterhub-user-alice",)
    assert rehearsal.decision == Decision("alice", True, "named in userlist", False, "jupyterhub-user-alice")


def test_a_group_is_told_with_the_way_to_it():
    rehearsal = ask(directory(), "bob")
    assert stage(rehearsal, "groups").text == "in 2 groups"
    assert stage(rehearsal, "groups").details == ("data science ← students", "students")
    assert rehearsal.decision
    assert rehearsal.decision.because == f"member of {SCIENCE}"


def test_without_a_password_none_is_tried():
    asked = directory()
    rehearsal = ask(asked, "alice")
    assert rehearsal.decision
    assert rehearsal.decision.allowed
    assert asked.tried == []
    assert "password" not in {stage.about for stage in rehearsal.stages}


def test_a_password_is_tried_once():
    asked = directory()
    rehearsal = ask(asked, "alice", "wrong")
    assert lines(rehearsal)[-2:] == [
        ("password", "failed", "wrong password"),
        ("decision", "failed", "alice may not sign in: wrong password"),
    ]
    assert len(asked.tried) == 1


@pytest.mark.parametrize("password", ["", "with\0nul", "x" * 1025])
def test_what_no_password_can_be_never_reaches_the_directory(password):
    asked = directory()
    rehearsal = ask(asked, "alice", password)
    assert lines(rehearsal)[-2:] == [
        ("password", "failed", "what was typed cannot be a login name or a password"),
        ("decision", "failed", "alice may not sign in: what was typed cannot be a login name or a password"),
    ]
    assert asked.tried == []


def test_the_directorys_own_reason_for_the_right_password_is_told():
    old = Account("old", "right", refusal=Obstacle.PASSWORD_EXPIRED)
    rehearsal = ask(directory(old), "old", "right", people=(Named("old"),))
    assert str(rehearsal.decision) == f"old may not sign in: {Obstacle.PASSWORD_EXPIRED.meaning}"
    assert stage(rehearsal, "password").fix == "mend the account in the directory"


def test_an_account_that_cannot_be_used_ends_it_and_spares_the_password():
    asked = directory(Account("gone", "right", (STUDENTS,), obstacle=Obstacle.DISABLED))
    assert lines(ask(asked, "gone", "right"))[-4:] == [
        ("account", "failed", "the account is disabled"),
        ("groups", "not reached", ""),
        ("password", "not reached", ""),
        ("decision", "failed", "gone may not sign in: the account is disabled"),
    ]
    assert asked.tried == []


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("nobody", "no account has this login name"),
        ("twin", "2 entries of the directory have this login name, so it is nobody's"),
        ("", "'' cannot be a login name"),
    ],
)
def test_nobody_has_their_reason(typed, reason):
    asked = directory(Account("twin", "x"), Account("twin", "y"))
    rehearsal = ask(asked, typed)
    assert stage(rehearsal, "search").text == reason
    assert str(rehearsal.decision) == f"{typed} may not sign in: {reason}"


def test_who_is_in_no_list_is_refused_with_what_to_do():
    rehearsal = ask(directory(), "mallory", "m")
    assert stage(rehearsal, "password").level == "ok"
    assert str(rehearsal.decision) == (
        "mallory may not sign in: neither named in userlist nor in an allowed group, "
        "unless an admin added them on the admin page"
    )
    assert stage(rehearsal, "decision").fix == "a line in userlist, or one of their groups in ad_allowed_groups"


def test_a_name_that_the_hub_cannot_have_is_refused():
    rehearsal = ask(directory(Account("o`dd", "x")), "o`dd", allow_all=True, allowed_groups=())
    assert str(rehearsal.decision) == (
        "o`dd may not sign in: the name holds a character that none in the hub may have"
    )


def test_a_password_that_soon_expires_is_told():
    soon = Account("alice", "right", password_expires=datetime.now(UTC) + timedelta(days=3, hours=1))
    asked = FakeDirectory(BASE, (soon,))
    assert stage(ask(asked, "alice"), "account").text == (
        "neither disabled nor expired, as far as the entry shows; the password expires in 3 days"
    )


def test_the_directory_alone_can_be_asked():
    rehearsal = ask(directory(), allowed_groups=(SCIENCE, "nix"))
    assert lines(rehearsal) == [
        ("lookup account", "ok", "svc is accepted"),
        ("search base", "ok", "openldap, people below dc=example,dc=test"),
        ("access rule", "ok", "exists"),
        ("access rule", "warning", "the group 'nix' does not exist"),
    ]
    assert rehearsal.decision is None
    assert rehearsal.failed is None


def test_a_directory_that_is_down_leaves_the_rest_unreached():
    rehearsal = ask(directory(down=True), "alice", "right")
    assert lines(rehearsal) == [
        ("lookup account", "failed", "the directory does not answer"),
        *((about, "not reached", "") for about in ("search base", "access rule", "search", "account", "groups")),
        ("password", "not reached", ""),
    ]
    assert rehearsal.decision is None


def test_a_directory_without_people_has_the_wrong_base():
    rehearsal = ask(FakeDirectory(BASE, ()), "alice")
    assert rehearsal.failed
    assert rehearsal.failed.text == (
        "nobody below 'dc=example,dc=test' has the attribute uid (directory.login_attribute)"
    )
    assert rehearsal.decision is None
