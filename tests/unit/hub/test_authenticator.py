"""Sign-in, with a directory in memory and rules as they come."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from onehub.core.people import Rules
from onehub.core.settings import Settings
from onehub.core.sources import Named
from onehub.hub.authenticator import INVITED, DirectoryAuthenticator, SignInRefused, read_login
from tests.doubles import Account, FakeDirectory

DIRECTORY = FakeDirectory(
    "dc=example,dc=test",
    (Account("Alice", "a"), Account("bob", "b", ("cn=Staff,dc=x",)), Account("mallory", "m")),
)


class FixedRules:
    """Rules that stay as they are."""

    def __init__(self, *people: Named, groups: tuple[str, ...] = ()) -> None:
        self._rules = Rules(people, groups)

    def current(self) -> Rules:
        return self._rules


def authenticator(rules: FixedRules, directory: FakeDirectory = DIRECTORY) -> DirectoryAuthenticator:
    made = DirectoryAuthenticator(settings=Settings())
    made.directory, made.rules = directory, rules
    return made


def handler(*known: str, invited: bool = False):
    """The hub's request handler, as far as sign-in looks at it."""
    groups = [SimpleNamespace(name=INVITED)] if invited else []
    return SimpleNamespace(find_user=lambda name: SimpleNamespace(groups=groups) if name in known else None)


async def sign_in(made: DirectoryAuthenticator, username: str, password: str, asking=None):
    return await made.authenticate(asking or handler(), {"username": username, "password": password})


async def test_a_named_person_is_admitted_under_the_directorys_name_in_lower_case():
    made = authenticator(FixedRules(Named("alice", admin=True)))
    assert await sign_in(made, "CORP\\ALICE", "a") == {"name": "alice", "admin": True, "groups": []}


async def test_a_member_of_an_allowed_group_is_admitted_and_brings_the_groups_along():
    made = authenticator(FixedRules(groups=("CN=staff, DC=x",)))
    assert await sign_in(made, "bob", "b") == {"name": "bob", "admin": None, "groups": ["cn=Staff,dc=x"]}


async def test_an_invited_person_is_admitted_and_stays_invited():
    made = authenticator(FixedRules(Named("ada")))
    model = await sign_in(made, "mallory", "m", handler("mallory", invited=True))
    assert model == {"name": "mallory", "admin": None, "groups": [INVITED]}


@pytest.mark.parametrize("known", [(), ("mallory",)])
async def test_having_been_here_before_admits_nobody(known):
    with pytest.raises(SignInRefused, match="may not use this service") as refusal:
        await sign_in(authenticator(FixedRules(Named("ada"))), "mallory", "m", handler(*known))
    assert refusal.value.status_code == 403


async def test_a_wrong_password_is_none():
    assert await sign_in(authenticator(FixedRules(Named("alice"))), "alice", "wrong") is None


async def test_a_directory_that_is_down_is_503_and_says_so():
    down = FakeDirectory("", (), down=True)
    with pytest.raises(SignInRefused, match="directory does not answer") as refusal:
        await sign_in(authenticator(FixedRules(Named("alice")), down), "alice", "a")
    assert refusal.value.status_code == 503


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("", "a"),
        ("alice", ""),
        ("al\0ice", "a"),
        ("alice", "a\0"),
        ("x" * 300, "a"),
        ("alice", "x" * 2000),
        ("@", "a"),
    ],
)
async def test_impossible_input_never_reaches_the_directory(username, password):
    untouched = FakeDirectory("dc=example,dc=test", (Account("alice", "a"),))
    assert await sign_in(authenticator(FixedRules(Named("alice")), untouched), username, password) is None
    assert untouched.asked == []


@pytest.mark.parametrize(
    ("typed", "login"),
    [
        ("alice", "alice"),
        (" Alice ", "alice"),
        ("EXAMPLE\\alice", "alice"),
        ("alice@example.test", "alice"),
        ("o'brien", "o'brien"),
        ("Jürgen", "jürgen"),
        ("first.last", "first.last"),
        ("\uff21lice", "alice"),
        ("alice @x", "alice"),
        ("@example.test", None),
        ("\u202ealice", None),
        ("", None),
    ],
)
def test_reading_what_people_type(typed, login):
    assert read_login(typed) == login


@pytest.mark.parametrize("name", ["x`) || PathPrefix(`/hub", "corp\\xaver", "a\x7fb", "a\u2028b", "a/b", ""])
def test_a_name_that_could_change_the_proxys_rules_is_nobodys(name):
    assert not authenticator(FixedRules()).validate_username(name)


@pytest.mark.parametrize("name", ["alice", "o'brien", "jürgen", "first.last", "anna maria", '(x)|$%"'])
def test_other_names_are_names(name):
    assert authenticator(FixedRules()).validate_username(name)


def test_nobody_is_allowed_but_through_authenticate():
    made = authenticator(FixedRules(Named("alice")))
    assert not made.check_allowed("alice", None)
    assert not made.allow_all
    assert not made.allow_existing_users
