"""People who are signed in, looked up again: with JupyterHub's own records and a directory in memory."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jupyterhub import orm
from jupyterhub.user import User, UserDict

from onehub.core.identities import Identity
from onehub.core.obstacles import Obstacle
from onehub.core.settings import Access, Directory
from onehub.core.sources import Named
from onehub.hub.directory.pool import DirectoryPool
from onehub.hub.identities import Identities, record_mark
from onehub.hub.leaving import Leaving
from onehub.hub.naming import Naming
from onehub.hub.review import Review
from tests.doubles import Account, FakeDirectory

STAFF = "cn=staff,dc=example,dc=test"
ADMINS = "cn=admins,dc=example,dc=test"


class Rules:
    """Rules that a test edits."""

    def __init__(self, **values: object) -> None:
        self.access = Access.model_validate({"allowed_groups": ["staff"]} | values)

    def current(self) -> Access:
        return self.access

    settled = current


class Hub:
    """A hub in which alice has signed in."""

    def __init__(self, users: UserDict, rules: Rules, **settings: object) -> None:
        self.users = users
        self.directory = FakeDirectory(
            "dc=example,dc=test", (Account("alice", "a", (STAFF,)), Account("bob", "b", (STAFF,)))
        )
        self.now = datetime.now(UTC)
        self.identities = Identities(Path(":memory:"), "home-", clock=lambda: self.now)
        own = Directory.model_validate({"lookup_user": "svc", "notice": "30m"} | settings)
        log = logging.getLogger("review")
        self.leaving = Leaving(own.notice, log)
        pool = DirectoryPool(self.directory, 2, 5)
        naming = Naming(pool, self.identities, "home-", log)
        self.review = Review(own, pool, rules, self.identities, naming, self.leaving, log)
        record = orm.User(name="alice")
        users.db.add(record)
        users.db.commit()
        mark = self.directory.accounts[0].mark
        self.identities.remember(Identity(mark, "alice", "home-alice", record_mark(record)), None)
        self.alice: User = users[record]
        self.alice.new_api_token()

    def is_signed_in(self, cookie: str) -> bool:
        return self.alice.orm_user.cookie_id == cookie and bool(self.alice.orm_user.api_tokens)


async def test_who_may_go_on_keeps_everything_and_gets_the_groups_of_today(users):
    hub = Hub(users, Rules())
    cookie = hub.alice.orm_user.cookie_id
    assert await hub.review.one(hub.alice) == {"name": "alice", "admin": None, "groups": [STAFF]}
    assert hub.is_signed_in(cookie)
    assert [group.name for group in hub.alice.groups] == [STAFF]


@pytest.mark.parametrize(
    "change",
    [
        {"obstacle": Obstacle.DISABLED},
        {"obstacle": Obstacle.ACCOUNT_EXPIRED},
        {"groups": ()},
        {"login": None},
    ],
)
async def test_who_is_disabled_expired_out_of_every_group_or_deleted_is_signed_out(users, change):
    hub = Hub(users, Rules())
    cookie = hub.alice.orm_user.cookie_id
    hub.directory.change("alice", **change)
    assert await hub.review.one(hub.alice) is False
    assert hub.alice.orm_user.cookie_id != cookie
    assert hub.alice.orm_user.api_tokens == []


async def test_who_is_blocked_is_signed_out(users):
    rules = Rules()
    hub = Hub(users, rules)
    rules.access = rules.access.model_copy(update={"blocked": ("alice",)})
    assert await hub.review.one(hub.alice) is False


async def test_who_leaves_the_admin_group_is_no_admin_any_more(users):
    hub = Hub(users, Rules(admin_groups=["admins"]))
    hub.directory.change("alice", groups=(STAFF, ADMINS))
    await hub.review.one(hub.alice)
    assert hub.alice.admin
    hub.directory.change("alice", groups=(STAFF,))
    await hub.review.one(hub.alice)
    assert not hub.alice.admin
    assert [role.name for role in hub.alice.orm_user.roles] == ["user"]


async def test_who_is_renamed_goes_on_under_the_old_name(users):
    hub = Hub(users, Rules())
    hub.directory.change("alice", login="alina")
    assert (await hub.review.one(hub.alice))["name"] == "alice"


async def test_somebody_else_of_the_same_name_keeps_nobody_in(users):
    hub = Hub(users, Rules())
    hub.directory.change("alice", login=None)
    hub.directory.accounts += (Account("alice", "x", (STAFF,), id="0f8fad5b-d9cb-469f-a165-70867728950e"),)
    assert await hub.review.one(hub.alice) is False


async def test_without_the_directory_people_go_on(users):
    hub = Hub(users, Rules())
    cookie = hub.alice.orm_user.cookie_id
    hub.directory.down = True
    assert await hub.review.one(hub.alice) is True
    assert hub.is_signed_in(cookie)


async def test_but_not_for_ever(users):
    hub = Hub(users, Rules(), keep_without="1h")
    hub.now -= timedelta(days=1)
    await hub.review.one(hub.alice)
    hub.directory.down = True
    assert await hub.review.one(hub.alice) is False


async def test_without_a_lookup_account_nobody_can_be_looked_up(users):
    hub = Hub(users, Rules(), lookup_user="")
    assert await hub.review.one(hub.alice) is True
    assert hub.directory.asked == []


async def test_who_was_never_marked_is_looked_up_by_name(users):
    hub = Hub(users, Rules(people=[Named("alice")]))
    hub.identities.move(hub.identities.by_name("alice").id, "", "")
    assert (await hub.review.one(hub.alice))["name"] == "alice"
    assert hub.directory.asked == ["alice"]


async def test_everybody_who_was_here_lately_is_looked_up(users):
    hub = Hub(users, Rules())
    for name, days in (("bob", 1), ("old", 30)):
        users.db.add(orm.User(name=name, last_activity=datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days)))
    users.db.commit()
    await hub.review.everybody(users)
    assert hub.directory.asked == ["bob"]


async def test_a_lookup_account_that_sees_nobody_any_more_shows_nobody_out(users):
    hub = Hub(users, Rules())
    hub.directory.accounts = ()
    assert await hub.review.one(hub.alice) is True


async def test_groups_that_do_not_exist_are_told_once_for_each_change(users, caplog):
    rules = Rules()
    hub = Hub(users, rules)
    for groups, said in ((("staff",), []), (("gone",), ["access rules: the group 'gone' does not exist"])):
        rules.access = rules.access.model_copy(update={"allowed_groups": groups})
        for expected in (said, []):
            caplog.clear()
            await hub.review.groups_of_rules()
            assert caplog.messages == expected
