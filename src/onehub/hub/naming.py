"""Whose name it is: whom the directory renames keeps their home, who gets a used name does not inherit one."""

from __future__ import annotations

import asyncio
import logging

from onehub.core.identities import Identity, settle
from onehub.core.logins import hub_name
from onehub.core.people import Person

from .directory.pool import DirectoryPool
from .directory.session import Entry
from .identities import Identities
from .leaving import delete_user, rename_user


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

    def records_of(self, person: Person, handler) -> list:
        """The hub's records that are this person's, not those of somebody who had the name before."""
        known = self._identities.by_id(person.id) if person.id else None
        holder = self._identities.by_name(person.name)
        names = {known.name} if known else set()
        if holder is None or holder.id == person.id:
            names.add(person.name)
        return [user for name in names if name and (user := handler.find_user(name)) is not None]

    async def settle(self, person: Person, handler) -> None:
        """Let the mark decide; the hub's records follow. Raises NameTaken, DirectoryDown and Busy."""
        if person.id:
            async with self._one_at_a_time:
                await self._settle(person, handler)

    async def _settle(self, person: Person, handler) -> None:
        holder = await self._vacate(person, handler)
        known = self._identities.by_id(person.id)
        settled = settle(person.id, person.name, known, holder, self._identities.homes(), self._prefix)
        if settled.renamed_from:
            await self._rename(settled.renamed_from, person.name, handler)
        self._identities.remember(settled.identity, person.password_expires)

    async def _vacate(self, person: Person, handler) -> Identity | None:
        """Whoever has the person's name, if that is themselves; anybody else is moved to the name they have now."""
        holder = self._identities.by_name(person.name)
        if holder is None or holder.id == person.id:
            return holder
        entry: Entry | None = await self._pool.ask("identity", lambda session: session.find_again(holder.id))
        if entry and hub_name(entry.login) == person.name:
            raise NameTaken(f"{entry.dn} and {person.dn} are both {person.name!r} in the hub")
        self._log.warning("The name %s was %s and is %s now", person.name, holder.id, person.id)
        self._identities.release(person.name)
        await self._rename(person.name, hub_name(entry.login) if entry else "", handler)
        return None

    async def _rename(self, old: str, new: str, handler) -> None:
        """Move the hub's record of a person to another name; without one, or where there is a record, forget it."""
        user = handler.find_user(old)
        if user is None:
            return
        if new and handler.find_user(new) is None:
            self._log.info("%s is called %s now", old, new)
            await rename_user(handler.users, user, new)
        else:
            await delete_user(handler.users, user)
