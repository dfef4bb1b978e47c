"""Sign-in, with a directory in memory and rules as they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from onehub.core.obstacles import Obstacle
from onehub.core.settings import Access, Settings
from onehub.core.sources import Named
from onehub.hub import authenticator as module
from onehub.hub.authenticator import DirectoryAuthenticator
from onehub.hub.review import INVITED
from onehub.hub.sign_in import SignInRefused
from tests.doubles import Account, FakeDirectory

BASE = "dc=example,dc=test"
STAFF = f"cn=Staff,{BASE}"
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LEAST_SECONDS", 0.0)


def people(*more: Account) -> FakeDirectory:
    accounts = (Account("Alice", "a"), Account("bob", "b", (STAFF,)), Account("mallory", "m"), *more)
    return FakeDirectory(BASE, accounts)


class FixedRules:
    """Rules that stay as they are."""

    def __init__(self, **values: object) -> None:
        self._access = Access.model_validate(values)

    def current(self) -> Access:
        return self._access


NAMED = FixedRules(people=(Named("alice", admin=True), Named("bob")))
EVERYBODY = FixedRules(allow_all=True)


class Users(dict):
    """The hub's records by name; JupyterHub's finds them by number as well."""

    def get(self, key: object) -> SimpleNamespace | None:
        return next((record for record in self.values() if key in (record.id, record.name)), None)


@dataclass
class Handler:
    """JupyterHub's request handler and its records, as far as sign-in looks at them."""

    users: Users = field(default_factory=Users)
    request: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(remote_ip="192.0.2.1"))

    def find_user(self, name: str) -> SimpleNamespace | None:
        return self.users.get(name)

    def knows(self, name: str, invited: bool = False) -> Handler:
        groups = [SimpleNamespace(name=INVITED)] if invited else []
        self.users[name] = SimpleNamespace(id=len(self.users) + 1, created=NOW, name=name, groups=groups, spawners={})
        return self


def record(name: str) -> SimpleNamespace:
    """A record of the hub that is marked as nobody's."""
    return SimpleNamespace(id=99, created=NOW, name=name)


def authenticator(rules: FixedRules, directory: FakeDirectory | None = None, **settings: object):
    made = Settings.model_validate({"directory": settings})
    return DirectoryAuthenticator(settings=made, directory=directory or people(), rules=rules)


async def sign_in(made: DirectoryAuthenticator, username: str, password: str, handler: Handler | None = None):
    return await made.authenticate(handler or Handler(), {"username": username, "password": password})


async def refusal(made: DirectoryAuthenticator, username: str, password: str, handler: Handler | None = None):
    with pytest.raises(SignInRefused) as refused:
        await sign_in(made, username, password, handler)
    return refused.value


async def test_a_named_person_is_admitted_under_the_directorys_name_in_lower_case():
    model = await sign_in(authenticator(NAMED), "CORP\\ALICE", "a")
    assert model == {"name": "alice", "admin": True, "groups": []}


async def test_a_member_of_an_allowed_group_is_admitted_and_brings_the_groups_along():
    made = authenticator(FixedRules(allowed_groups=["CN=staff, DC=example,DC=test"]))
    assert await sign_in(made, "bob", "b") == {"name": "bob", "admin": None, "groups": [STAFF]}


async def test_who_is_in_an_admin_group_is_an_admin_and_who_is_not_is_none_any_more():
    made = authenticator(FixedRules(people=(Named("alice"),), admin_groups=["Staff"]))
    assert (await sign_in(made, "bob", "b"))["admin"] is True
    assert (await sign_in(made, "alice", "a"))["admin"] is False


async def test_an_invited_person_is_admitted_and_stays_invited():
    model = await sign_in(authenticator(NAMED), "mallory", "m", Handler().knows("mallory", invited=True))
    assert model == {"name": "mallory", "admin": None, "groups": [INVITED]}


@pytest.mark.parametrize("handler", [Handler(), Handler().knows("mallory")])
async def test_having_been_here_before_admits_nobody(handler):
    refused = await refusal(authenticator(NAMED), "mallory", "m", handler)
    assert (refused.obstacle, refused.status_code) == (Obstacle.NOT_ALLOWED, 403)
    assert "Your password is right, but your account may not use this service." in refused.markup()


@pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("nobody", "a")])
async def test_a_wrong_password_and_a_wrong_name_sound_the_same(name, password):
    refused = await refusal(authenticator(NAMED), name, password)
    assert refused.status_code == 403
    assert refused.markup().startswith("Wrong user name or password.<br>")


async def test_the_page_shows_the_reference_that_is_in_the_log(caplog):
    made = authenticator(NAMED)
    made.log.propagate = True
    refused = await refusal(made, "mallory", "m")
    assert f"Reference: {refused.reference}" in refused.markup()
    said = f"Sign-in of 'mallory' from 192.0.2.1 refused [{refused.reference}]: the access rules do not let this"
    assert said in caplog.text


@pytest.mark.parametrize(
    ("obstacle", "words"),
    [
        (Obstacle.PASSWORD_EXPIRED, "Your password has expired. Please set a new one"),
        (Obstacle.MUST_CHANGE_PASSWORD, "You must change your password"),
        (Obstacle.DISABLED, "Your account is disabled."),
        (Obstacle.LOCKED, "Wrong user name or password."),
    ],
)
async def test_only_what_proves_the_password_is_told(obstacle, words):
    made = authenticator(EVERYBODY, people(Account("eve", "e", refusal=obstacle)), password_help="https://pw.example")
    refused = await refusal(made, "eve", "e")
    assert words in refused.markup()
    assert ("https://pw.example" in refused.markup()) is obstacle.about_password
    wrong = await refusal(made, "eve", "wrong")
    assert wrong.obstacle.words == "Wrong user name or password."


async def test_an_entry_that_is_disabled_lets_nobody_in_whatever_the_bind_says():
    made = authenticator(EVERYBODY, people(Account("eve", "e", obstacle=Obstacle.DISABLED)))
    assert (await refusal(made, "eve", "e")).obstacle is Obstacle.DISABLED


async def test_a_directory_that_is_down_is_503_and_says_so():
    refused = await refusal(authenticator(NAMED, FakeDirectory("", (), down=True)), "alice", "a")
    assert refused.status_code == 503
    assert "directory does not answer, so nobody can sign in" in refused.markup()


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
    untouched = people()
    refused = await refusal(authenticator(NAMED, untouched), username, password)
    assert refused.obstacle is Obstacle.NOT_A_NAME
    assert untouched.asked == []


class TestThrottle:
    async def test_wrong_passwords_stop_before_the_directory_would_lock(self):
        directory = people()
        made = authenticator(NAMED, directory, wrong_passwords=4)
        spellings = ["alice", "ALICE", "EXAMPLE\\alice", "\uff21lice", "alice", "Alice"]
        obstacles = [(await refusal(made, spelling, "wrong")).obstacle for spelling in spellings]
        assert obstacles == [Obstacle.WRONG_PASSWORD] * 3 + [Obstacle.THROTTLED] * 3
        assert len(directory.tried) == 3

    async def test_another_address_has_the_last_attempt(self):
        made = authenticator(NAMED, wrong_passwords=4)
        for _ in range(5):
            await refusal(made, "alice", "wrong")
        elsewhere = Handler(request=SimpleNamespace(remote_ip="192.0.2.2"))
        assert (await sign_in(made, "alice", "a", elsewhere))["name"] == "alice"

    async def test_a_right_password_starts_anew(self):
        made = authenticator(NAMED, wrong_passwords=3)
        for _ in range(3):
            assert (await refusal(made, "alice", "wrong")).obstacle is Obstacle.WRONG_PASSWORD
            assert await sign_in(made, "alice", "a")

    async def test_names_that_are_nobodys_are_throttled_as_well(self):
        made = authenticator(NAMED, wrong_passwords=3)
        obstacles = [(await refusal(made, "nobody", "x")).obstacle for _ in range(4)]
        assert obstacles == [Obstacle.UNKNOWN_NAME] * 2 + [Obstacle.THROTTLED] * 2


class TestHomes:
    async def test_the_home_is_the_seeds_on_the_first_sign_in(self):
        made = authenticator(NAMED)
        await sign_in(made, "alice", "a")
        assert made.identities.home_of(record("alice")) == "jupyterhub-user-alice"

    async def test_who_is_renamed_keeps_the_home(self):
        directory = people()
        made = authenticator(EVERYBODY, directory)
        await sign_in(made, "bob", "b")
        directory.change("bob", login="robert")
        assert (await sign_in(made, "robert", "b"))["name"] == "robert"
        assert made.identities.home_of(record("robert")) == "jupyterhub-user-bob"

    async def test_who_gets_a_used_name_gets_a_home_of_their_own(self):
        directory = people()
        made = authenticator(EVERYBODY, directory)
        await sign_in(made, "bob", "b")
        directory.change("bob", login=None)
        directory.accounts += (Account("bob", "new", id="0f8fad5b-d9cb-469f-a165-70867728950e"),)
        await sign_in(made, "bob", "new")
        assert made.identities.home_of(record("bob")) == "jupyterhub-user-bobX-0f8fad5bd9cb"

    async def test_two_living_accounts_never_share_a_name(self):
        directory = people(Account("BOB", "other", id="0f8fad5b-d9cb-469f-a165-70867728950e", qualified="bob@other"))
        made = authenticator(EVERYBODY, directory)
        directory.change("bob", qualified="bob@one")
        await sign_in(made, "bob@one", "b")
        assert (await refusal(made, "bob@other", "other")).obstacle is Obstacle.NAME_TAKEN
        assert made.identities.home_of(record("bob")) == "jupyterhub-user-bob"


@pytest.mark.parametrize(
    ("left", "notice"),
    [
        (timedelta(days=40), ""),
        (timedelta(days=5, hours=1), "Your password expires in 5 days."),
        (timedelta(days=1, hours=1), "Your password expires tomorrow."),
        (timedelta(hours=3), "Your password expires today."),
        (None, ""),
    ],
)
async def test_the_home_page_warns_of_a_password_that_expires_soon(left, notice):
    expires = datetime.now(UTC) + left if left else None
    made = authenticator(EVERYBODY, people(Account("eve", "e", password_expires=expires)))
    await sign_in(made, "eve", "e")
    assert made.password_notice(record("eve")) == notice


@pytest.mark.parametrize("name", ["x`) || PathPrefix(`/hub", "corp\\xaver", "a\x7fb", "a\u2028b", "a/b", ""])
async def test_a_name_that_could_change_the_proxys_rules_is_nobodys(name):
    assert not authenticator(NAMED).validate_username(name)


@pytest.mark.parametrize("name", ["alice", "o'brien", "jürgen", "first.last", "anna maria", '(x)|$%"'])
async def test_other_names_are_names(name):
    assert authenticator(NAMED).validate_username(name)


async def test_nobody_is_allowed_but_through_authenticate():
    made = authenticator(NAMED)
    assert not made.check_allowed("alice", None)
    assert not made.allow_all
    assert not made.allow_existing_users
