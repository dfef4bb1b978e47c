"""Sign-in: the form → a person → admitted or refused; and whether they still are, later.

The directory is asked in threads, never on the event loop.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jupyterhub import orm
from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.auth import Authenticator
from tornado import web
from tornado.ioloop import PeriodicCallback
from traitlets import Any, Instance, Unicode, default

from onehub.core.logins import can_be_hub_name, hub_name, read_login
from onehub.core.obstacles import Obstacle
from onehub.core.people import Person, Refused, admit
from onehub.core.settings import Settings

from . import metrics
from .culling import Culling
from .directory.ldap import LdapDirectory
from .directory.pool import Busy, DirectoryPool
from .directory.session import Answer, DirectoryDown, Entry, identify
from .identities import Identities
from .leaving import Leaving
from .naming import NameTaken, Naming
from .notices import notice_handlers
from .page import LivePage, page_handlers
from .review import INVITED, Review, auth_model, is_invited
from .rules import LiveRules
from .shared import Shared
from .sign_in import SignInHandler, SignInRefused, SignOutHandler
from .throttle import Throttle
from .turnstile import Turnstile

_MAX_PASSWORD = 1024
_LEAST_SECONDS = 1.0
"""A refusal takes at least so long: whether a name exists must not show in the time."""


class Stopped(Exception):
    """A sign-in ends here: the reason, what the operator may want to know besides, and what the person hears."""

    def __init__(self, obstacle: Obstacle, detail: str = "", *, proven: bool = False) -> None:
        super().__init__(detail)
        self.obstacle = obstacle
        self.detail = detail
        self.shown = obstacle.shown(proven=proven)


@dataclass(frozen=True)
class Attempt:
    """One sign-in: what was typed, from where, and the mark by which page and log find each other."""

    typed: str
    password: str
    address: str
    reference: str


class DirectoryAuthenticator(Authenticator):
    """Admits people whom the directory knows and the access rules allow."""

    settings = Instance(Settings, config=True, help="The deployment's settings.")
    deployment = Unicode("/srv/jupyterhub", config=True, help="The deployment directory, for the access rules.")
    people_file = Unicode(":memory:", config=True, help="Where it is remembered who is who.")
    directory = Any(help="Opens conversations with the directory.")
    rules = Any(help="The access rules of the moment.")
    identities = Any(help="Who is who.")
    any_allow_config = True  # `settings` refuses to load where nothing restricts sign-ins

    @default("directory")
    def _directory(self):
        return LdapDirectory(
            self.settings,
            Path(self.deployment),
            watch=lambda server, well: metrics.DIRECTORY_SERVER_UP.labels(server=str(server)).set(well),
        )

    @default("rules")
    def _rules(self):
        return LiveRules(self.settings.access, Path(self.deployment), self.log)

    @default("identities")
    def _identities(self):
        return Identities(Path(self.people_file), self.settings.servers.home_prefix)

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        own = self.settings.directory
        self._pool = DirectoryPool(self.directory, own.workers, own.deadline)
        self._throttle = Throttle(own.wrong_passwords, own.wrong_passwords_within)
        self._leaving = Leaving(own.notice, self.log)
        self._naming = Naming(self._pool, self.identities, self.settings.servers.home_prefix, self.log)
        # Of its own: strangers who try names must not keep access from being taken away.
        reviewers = DirectoryPool(self.directory, max(1, own.workers // 2), own.deadline)
        self._review = Review(own, reviewers, self.rules, self.identities, self._naming, self._leaving, self.log)
        self._turnstile = Turnstile()
        self._refreshes: Shared = Shared()
        self._newcomers: set[str] = set()

    # -- JupyterHub's seams

    def get_handlers(self, app):
        """JupyterHub asks once, when it starts: the moment to begin looking after everybody."""
        self._watch = PeriodicCallback(
            lambda: self._review.everybody(app.users), self.settings.directory.refresh * 1000
        )
        self._watch.start()
        self._checking = asyncio.ensure_future(self._review.groups_of_rules())
        # What is here now stays: without it, a full collection stops everybody for 80 to 220 ms now and then.
        gc.collect()
        gc.freeze()
        page = LivePage(self.settings.page, Path(self.deployment), self.log)
        culling = Culling(app.users, self.settings, self.log)
        culling.begin()
        own = [("/login", SignInHandler), ("/logout", SignOutHandler)]
        return [*own, *page_handlers(page), *notice_handlers(culling, page)]

    def normalize_username(self, username: str) -> str:
        """The hub's name for a login name."""
        return hub_name(username)

    def validate_username(self, username: str) -> bool:
        """No backtick, backslash or unprintable character: names become part of the proxy's rules."""
        return can_be_hub_name(username) and super().validate_username(username)

    async def authenticate(self, handler, data):
        """Returns JupyterHub's auth model. Raises SignInRefused."""
        if isinstance(handler, APIHandler):
            # JupyterHub would make tokens for a password here, by what it remembers of the person, not by what holds.
            raise web.HTTPError(403, "Sign in on the login page; tokens are made there, too.")
        attempt = Attempt(
            data.get("username", ""), data.get("password", ""), handler.request.remote_ip, secrets.token_hex(4)
        )
        begun = time.monotonic()
        try:
            person = await self._identify(attempt)
            model = await self._admit(person, handler, attempt)
        except Stopped as stop:
            self._tell(attempt, stop)
            await asyncio.sleep(begun + _LEAST_SECONDS - time.monotonic())
            help_page = self.settings.directory.password_help
            raise SignInRefused(stop.shown, attempt.reference, help_page) from stop
        metrics.SIGN_INS.labels(result="admitted").inc()
        return model

    async def refresh_user(self, user, handler):
        """JupyterHub asks before each start of a server, and when the last answer is older than `refresh`."""
        if not hasattr(handler, "_token_authenticated"):
            # JupyterHub 6.1.1 reads it of everybody who may not go on, and sets it for tokens alone: a 500 otherwise.
            handler._token_authenticated = False
        answer = await self._refreshes.get(user.name, lambda: self._refresh(user, handler.users))
        # JupyterHub adds to what it gets, and others may be given the same.
        return dict(answer) if isinstance(answer, dict) else answer

    async def _refresh(self, user, users):
        await self._turnstile.turn()
        return await self._review.one(user, users)

    def check_allowed(self, username, authentication=None) -> bool:
        """Everybody who comes out of `authenticate` was admitted there; nobody else is."""
        return authentication is not None

    def add_user(self, user) -> None:
        """JupyterHub tells of a new person: one who just signed in, or one whom an admin added, who is invited.

        At start it also tells of everybody in its database, as bare records.
        """
        if isinstance(user, orm.User):
            return
        if user.name in self._newcomers:
            self._newcomers.discard(user.name)
            self.identities.attach(user)
            return
        group = orm.Group.find(user.db, INVITED) or orm.Group(name=INVITED)
        group.users.append(user.orm_user)
        user.db.add(group)
        user.db.commit()

    def password_notice(self, user) -> str:
        """For the home page: that the password expires soon, or nothing."""
        expires = self.identities.password_expires(user)
        left = expires - datetime.now(UTC) if expires else None
        if left is None or left.total_seconds() > self.settings.directory.password_warning:
            return ""
        if left.total_seconds() <= 0:
            return "Your password has expired."
        days = left.days
        when = "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"
        return f"Your password expires {when}."

    # -- signing in

    async def _identify(self, attempt: Attempt) -> Person:
        login, password = read_login(attempt.typed), attempt.password
        if login is None or not password or "\0" in password or len(password) > _MAX_PASSWORD:
            raise Stopped(Obstacle.NOT_A_NAME)
        counted: list[str] = []

        def gate(entry: Entry | None) -> bool:
            # By the directory's mark, not by what was typed: there are many spellings of one name.
            person = (
                (entry.id or " ".join(entry.dn.casefold().split())) if entry else f"typed:{login.name.casefold()}"
            )
            counted.append(person)
            return self._throttle.may_try(person, attempt.address)

        try:
            answer: Answer = await self._pool.ask("sign_in", lambda session: identify(session, login, password, gate))
        except Busy as error:
            raise Stopped(Obstacle.BUSY) from error
        except DirectoryDown as error:
            raise Stopped(Obstacle.DIRECTORY_DOWN, str(error)) from error
        if answer.proven:
            for person in counted:
                self._throttle.forgive(person, attempt.address)
        if answer.person is None:
            raise Stopped(answer.obstacle or Obstacle.WRONG_PASSWORD, answer.detail, proven=answer.proven)
        return answer.person

    async def _admit(self, person: Person, handler, attempt: Attempt):
        if not self.validate_username(person.name):
            raise Stopped(Obstacle.NOT_ALLOWED, f"{person.name!r} cannot be a name in the hub")
        invited = any(is_invited(record) for record in self._naming.records_of(person, handler.users))
        decision = admit(person, self.rules.current(), invited=invited)
        if isinstance(decision, Refused):
            raise Stopped(Obstacle.NOT_ALLOWED, decision.reason)
        try:
            await self._naming.settle(person, handler.users)
        except NameTaken as error:
            raise Stopped(Obstacle.NAME_TAKEN, str(error)) from error
        except Busy as error:
            raise Stopped(Obstacle.BUSY) from error
        except DirectoryDown as error:
            raise Stopped(Obstacle.DIRECTORY_DOWN, str(error)) from error
        self._leaving.stays(person.name)
        self.log.info("Sign-in of %s from %s admitted: %s", person.name, attempt.address, decision.because)
        if handler.find_user(person.name) is None:
            self._newcomers.add(person.name)
        return auth_model(person, decision, invited=invited)

    def _tell(self, attempt: Attempt, stop: Stopped) -> None:
        metrics.SIGN_INS.labels(result=stop.obstacle.kind).inc()
        log = self.log.error if stop.obstacle.status == 503 else self.log.warning
        log(
            "Sign-in of %.64r from %s refused [%s]: %s%s",
            attempt.typed,
            attempt.address,
            attempt.reference,
            stop.obstacle.meaning,
            f" ({stop.detail})" if stop.detail else "",
        )
