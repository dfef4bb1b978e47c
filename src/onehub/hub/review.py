"""Whether everybody who is signed in still may be: each is looked up again, and shown out if not."""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import docker.errors
from jupyterhub import orm
from jupyterhub.roles import assign_default_roles
from jupyterhub.user import UserDict
from sqlalchemy.exc import SQLAlchemyError

from onehub.core.identities import Identity
from onehub.core.logins import Login
from onehub.core.obstacles import Obstacle
from onehub.core.people import Admitted, Person, Refused, admit
from onehub.core.settings import Directory

from .directory.pool import Busy, DirectoryPool
from .directory.session import DirectoryDown, Session, group_problems, look_up, state_of
from .identities import Identities
from .leaving import Leaving
from .naming import NameTaken, Naming
from .rules import LiveRules

INVITED = "added-by-admin"
"""The hub group of people whom an admin added on the admin page."""

_SEEN_WITHIN = 14 * 24 * 3600
"""Seconds; whoever has not been here for longer has no valid cookie."""


class Review:
    """Looks people up again and keeps the hub's record of them true."""

    def __init__(
        self,
        settings: Directory,
        pool: DirectoryPool,
        rules: LiveRules,
        identities: Identities,
        naming: Naming,
        leaving: Leaving,
        log: logging.Logger,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._rules = rules
        self._identities = identities
        self._naming = naming
        self._leaving = leaving
        self._log = log
        self._started = datetime.now(UTC)
        self._checked: tuple[str, ...] | None = None

    async def everybody(self, users: UserDict) -> None:
        """Look up everybody who is signed in or has a server, one after the other."""
        await self.groups_of_rules()
        for record in users.db.query(orm.User).all():
            user = users[record]
            if self._concerns(user):
                try:
                    await self.one(user)
                except (SQLAlchemyError, sqlite3.Error, docker.errors.DockerException, OSError, ValueError):
                    # Whatever is wrong with one person must not keep the others from being looked up.
                    self._log.exception("%s could not be looked up again", user.name)

    def _concerns(self, user) -> bool:
        """Whoever could do something: with a server, a token, a cookie that may be valid, or rights over others."""
        seen = user.last_activity
        recently = seen is None or (datetime.now(UTC).replace(tzinfo=None) - seen).total_seconds() < _SEEN_WITHIN
        return recently or user.active or user.admin or bool(user.orm_user.api_tokens)

    async def groups_of_rules(self) -> None:
        """Say in the log which groups of the rules do not exist, or are several; once for each change."""
        access = self._rules.current()
        written = (*access.allowed_groups, *access.admin_groups)
        if written == self._checked:
            return
        try:
            for problem in await self._pool.ask("groups", lambda session: group_problems(session, written)):
                self._log.error("access rules: %s", problem)
            self._checked = written
        except (Busy, DirectoryDown) as error:
            self._log.warning("The groups of the access rules could not be checked: %s", error)

    async def one(self, user, users: UserDict | None = None):
        """JupyterHub's auth model if the person may go on, False if not: then they are on their way out."""
        if user.name in self._rules.settled().blocked:
            return self._expel(user, f"{user.name} is in access.blocked")
        if not self._settings.lookup_user:
            return True  # nobody could look them up; their sign-in ends with its cookie
        identity = self._identities.of(user)
        try:
            found = await self._pool.ask("refresh", lambda session: _look_up(session, user.name, identity))
        except (Busy, DirectoryDown) as error:
            return self._keep(user, str(error) or "every directory worker is busy")
        if isinstance(found, Obstacle):
            return self._expel(user, found.meaning)
        # Renamed people go on under the name they signed in with, until they sign in again.
        person = replace(found, name=user.name)
        rules = self._rules.settled()
        decision = admit(person, rules, invited=is_invited(user))
        if found.name in rules.blocked:
            decision = Refused(f"{found.name} is in access.blocked")
        if isinstance(decision, Refused):
            return self._expel(user, decision.reason)
        if identity:
            self._identities.confirm(identity.id, person.password_expires)
        elif users is not None and not await self._settle(user, found, users):
            return False
        self._leaving.stays(user.name)
        model = auth_model(person, decision, invited=is_invited(user))
        user.sync_groups(model["groups"])
        if decision.admin is not None and decision.admin != user.admin:
            self._log.warning("%s is %s an admin", user.name, "now" if decision.admin else "no longer")
            user.admin = decision.admin
            assign_default_roles(user.db, user.orm_user)
        return model

    async def _settle(self, user, person: Person, users: UserDict) -> bool:
        """Whose name and home it is, before a server can be started under it."""
        if person.name != user.name:
            return self._expel(user, f"the directory calls {user.name} {person.name}: they must sign in")
        try:
            await self._naming.settle(person, users)
        except NameTaken as error:
            return self._expel(user, str(error))
        except (Busy, DirectoryDown) as error:
            return self._keep(user, str(error))
        return True

    def _keep(self, user, reason: str):
        """While the directory is away people go on, but not for ever."""
        confirmed = self._identities.confirmed(user) or self._started
        without = (datetime.now(UTC) - confirmed).total_seconds()
        if without < self._settings.keep_without:
            self._log.warning("%s is not looked up again now: %s", user.name, reason)
            return True
        return self._expel(user, f"the directory could not be asked for {without / 3600:.1f} h: {reason}")

    def _expel(self, user, reason: str) -> bool:
        self._leaving.expel(user, reason)
        return False


def _look_up(session: Session, name: str, identity: Identity | None) -> Person | Obstacle:
    if identity:
        return look_up(session, identity.id)
    return state_of(session, session.find(Login(name)))


def is_invited(user) -> bool:
    """Whether an admin added them on the admin page."""
    return user is not None and any(group.name == INVITED for group in user.groups)


def auth_model(person: Person, decision: Admitted, *, invited: bool):
    """JupyterHub's auth model. Groups appear there by DN, which is the one name of a group that cannot be two's."""
    groups = sorted(group.dn for group in person.groups) + ([INVITED] if invited else [])
    return {"name": person.name, "admin": decision.admin, "groups": groups}
