"""Names that change hands, with JupyterHub's own records: nobody gets what is somebody else's."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from jupyterhub import orm
from jupyterhub.user import User, UserDict

from onehub.core.people import Person
from onehub.hub.directory.pool import DirectoryPool
from onehub.hub.identities import HomeTaken, Identities
from onehub.hub.naming import NameTaken, Naming
from tests.doubles import Account, FakeDirectory


class Hub:
    """A hub, a directory, and people who sign in."""

    def __init__(self, users: UserDict, *names: str) -> None:
        self.users = users
        self.directory = FakeDirectory("dc=x", tuple(Account(name, "p", id=name * 3) for name in names))
        self.identities = Identities(Path(":memory:"), "home-")
        pool = DirectoryPool(self.directory, 2, 5)
        self.naming = Naming(pool, self.identities, "home-", logging.getLogger("naming"))

    def add(self, name: str, **rights: object) -> User:
        """A record, as the admin page or a first sign-in makes it."""
        record = orm.User(name=name, **rights)
        self.users.db.add(record)
        self.users.db.commit()
        return self.users[record]

    def rename(self, login: str, new: str | None) -> None:
        """In the directory."""
        self.directory.change(login, login=new)

    async def sign_in(self, name: str) -> User:
        """With the hub's part of it that concerns names."""
        account = next(account for account in self.directory.accounts if account.login == name)
        await self.naming.settle(Person(name, f"uid={name}", id=account.mark), self.users)
        record = self.users.get(name)
        if record is None:
            record = self.add(name)
            self.identities.attach(record)
        return record


async def test_a_renamed_persons_record_goes_with_them(users):
    hub = Hub(users, "bob")
    record = await hub.sign_in("bob")
    record.admin = True
    hub.rename("bob", "robert")
    again = await hub.sign_in("robert")
    assert (again.id, again.name, again.admin) == (record.id, "robert", True)
    assert hub.identities.home_of(again) == "home-bob"


async def test_who_gets_a_used_name_gets_neither_record_nor_home(users):
    hub = Hub(users, "bob", "anna")
    old = await hub.sign_in("bob")
    hub.rename("bob", None)
    hub.rename("anna", "bob")
    new = await hub.sign_in("bob")
    assert new.orm_user is not old.orm_user
    assert hub.identities.home_of(new) == "home-bobX-" + hub.identities.by_name("bob").home[-12:]


async def test_whose_name_a_newcomer_takes_is_moved_with_record_and_home(users):
    hub = Hub(users, "bob", "anna")
    old = (await hub.sign_in("bob")).id
    hub.rename("bob", "robert")
    hub.rename("anna", "bob")
    await hub.sign_in("bob")
    robert = users.get("robert")
    assert robert.id == old
    assert hub.identities.home_of(robert) == "home-bob"


async def test_a_record_that_was_moved_stays_its_owners_through_two_renames(users):
    hub = Hub(users, "bob", "anna", "rita")
    bob = await hub.sign_in("bob")
    bob.admin = True
    hub.rename("bob", "robert")
    hub.rename("anna", "bob")
    await hub.sign_in("bob")
    hub.rename("robert", "bert")
    hub.rename("rita", "robert")
    rita = await hub.sign_in("robert")
    assert not rita.admin
    assert (await hub.sign_in("bert")).admin


async def test_a_record_of_somebody_else_is_not_taken_over_by_its_name(users):
    hub = Hub(users, "carol", "bob")
    carol = await hub.sign_in("carol")
    users.delete(carol.id)
    bob = await hub.sign_in("bob")
    bob.admin = True
    hub.rename("carol", "carla")
    hub.rename("bob", "carol")
    assert (await hub.sign_in("carol")).admin
    assert not (await hub.sign_in("carla")).admin


async def test_two_living_accounts_never_share_a_name(users):
    hub = Hub(users, "bob")
    await hub.sign_in("bob")
    twin = Person("bob", "uid=BOB,ou=other", id="another")
    with pytest.raises(NameTaken, match="are both 'bob' in the hub"):
        await hub.naming.settle(twin, users)


async def test_who_has_no_mark_gets_no_marked_persons_name(users):
    hub = Hub(users, "bob")
    await hub.sign_in("bob")
    with pytest.raises(NameTaken, match="has no mark"):
        await hub.naming.settle(Person("bob", "uid=bob,ou=other"), users)


async def test_a_record_for_a_name_whose_home_is_somebodys_has_no_home(users):
    """An admin adds a new carol and starts her server, before she has ever signed in."""
    hub = Hub(users, "carol")
    await hub.sign_in("carol")
    hub.rename("carol", "caroline")
    await hub.sign_in("caroline")
    with pytest.raises(HomeTaken):
        hub.identities.home_of(hub.add("carol"))


async def test_a_record_made_in_advance_is_taken_by_the_first_of_that_name(users):
    hub = Hub(users, "bob")
    invited = hub.add("bob")
    assert (await hub.sign_in("bob")).id == invited.id
    assert hub.identities.by_record(invited).name == "bob"


async def test_an_interruption_leaves_the_record_with_its_owner(users, monkeypatch):
    hub = Hub(users, "bob", "anna")
    bob = await hub.sign_in("bob")
    bob.admin = True
    hub.rename("bob", None)
    hub.rename("anna", "bob")

    async def fails(*_: object) -> None:
        raise OSError("Docker is away")

    with monkeypatch.context() as broken:
        broken.setattr("onehub.hub.leaving.stop_servers", fails)
        with pytest.raises(OSError, match="Docker is away"):
            await hub.sign_in("bob")
    assert not (await hub.sign_in("bob")).admin


async def test_records_of_others_do_not_count_as_ones_own(users):
    hub = Hub(users, "bob", "anna")
    await hub.sign_in("bob")
    hub.rename("bob", None)
    hub.rename("anna", "bob")
    anna = Person("bob", "uid=bob", id="annaannaanna")
    assert hub.naming.records_of(anna, users) == []
