"""Whose name it is: whom the directory renames keeps their home, who gets a used name does not inherit one."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from onehub.core.homes import home_volume
from onehub.core.identities import Identity, settle
from onehub.core.logins import hub_name
from onehub.core.people import Person

from .directory.pool import DirectoryPool
from .directory.session import Entry
from .identities import Identities, record_mark
from .leaving import delete_user, rename_user, stop_servers


class NameTaken(Exception):
    """Two living accounts of the directory come to the same name in the hub."""


class Naming:
    """Settles who has which name and which home, by the directory's mark of each person."""

    def __init__(self, pool: DirectoryPool, identities: Identities, prefix: str, log: logging.Logger) -> None:
        self._pool = pool
        self._identities = identities
        self._prefix = prefix
        self._log = log
        self._one_at_a_time = asyncio.Lock()

    def records_of(self, person: Person, users) -> list:
        """The hub's records that are this person's: marked as theirs, or of their name and marked as nobody's."""
        mine = self._identities.by_id(person.id) if person.id else None
        records = (self._record(mine, users), users.get(person.name))
        found = {record.id: record for record in records if record is not None}
        return [record for record in found.values() if self._identities.by_record(record) in (None, mine)]

    async def settle(self, person: Person, users) -> None:
        """Let the mark decide; the hub's records follow. Raises NameTaken, DirectoryDown and Busy."""
        async with self._one_at_a_time:
            rivals = self._rivals(person, users)
            if person.id:
                for rival in rivals:
                    await self._vacate(rival, person, users)
                await self._settle(person, users)
            elif rivals:
                raise NameTaken(f"{person.dn} has no mark, and {person.name!r} is the name of {rivals[0].id}")

    async def _settle(self, person: Person, users) -> None:
        mine = self._identities.by_id(person.id)
        record = await self._own_record(mine, person.name, users)
        identity = settle(
            person.id,
            person.name,
            mine,
            self._identities.by_name(person.name),
            self._identities.homes(),
            self._prefix,
        )
        if record and mine is None and identity.home != home_volume(self._prefix, person.name):
            # An admin may have started one for the name before anybody knew whose it is.
            await stop_servers(record)
        self._identities.remember(
            replace(identity, record=record_mark(record) if record else ""), person.password_expires
        )

    async def _own_record(self, mine: Identity | None, name: str, users):
        """The person's record, under their name of today."""
        own, at_name = self._record(mine, users), users.get(name)
        if own is None or own.name == name:
            return at_name
        self._log.info("%s is called %s now", own.name, name)
        if at_name is None:
            await rename_user(users, own, name)
            return users.get(name)
        await delete_user(users, own)
        return at_name

    def _rivals(self, person: Person, users) -> list[Identity]:
        """Others who have the name, or whose record has it."""
        record = users.get(person.name)
        found = (self._identities.by_name(person.name), self._identities.by_record(record) if record else None)
        rivals = {rival.id: rival for rival in found if rival and rival.id != person.id}
        return list(rivals.values())

    async def _vacate(self, rival: Identity, person: Person, users) -> None:
        """Move somebody to the name that they have now; their record first, so that it is theirs at every moment."""
        entry: Entry | None = await self._pool.ask("identity", lambda session: session.find_again(rival.id))
        if entry and hub_name(entry.login) == person.name:
            raise NameTaken(f"{entry.dn} and {person.dn} are both {person.name!r} in the hub")
        self._log.warning("The name %s was %s and is %s now", person.name, rival.id, person.id)
        name, record = hub_name(entry.login) if entry else "", self._record(rival, users)
        if record is None and rival.name == person.name:
            record = users.get(person.name)  # made before anybody could be marked in it
        free = bool(name) and users.get(name) is None and self._identities.by_name(name) is None
        if record is not None and free:
            mark = record_mark(record)
            await rename_user(users, record, name)
            self._identities.move(rival.id, name, mark)
        else:
            if record is not None:
                await delete_user(users, record)
            self._identities.move(rival.id, "", "")

    def _record(self, identity: Identity | None, users):
        if identity is None or not identity.record:
            return None
        record = users.get(int(identity.record.partition("-")[0]))
        return record if record is not None and record_mark(record) == identity.record else None
