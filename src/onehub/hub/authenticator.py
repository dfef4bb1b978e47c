"""Sign-in: the form → a person → admitted or refused. The directory is asked in threads, never on the event loop."""

from __future__ import annotations

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jupyterhub import orm
from jupyterhub.auth import Authenticator
from jupyterhub.handlers.login import LoginHandler
from tornado import web
from traitlets import Any, Instance, Unicode, default

from onehub.core.people import Person, Refused, admit
from onehub.core.settings import Settings

from .directory import DirectoryDown, LdapDirectory, identify
from .rules import LiveRules

INVITED = "added-by-admin"
"""The hub group of people whom an admin added on the admin page."""

_MAX_LOGIN = 256
_MAX_PASSWORD = 1024


class SignInRefused(web.HTTPError):
    """The login page is shown again, with words for the person."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(status, words)
        self.words = words


class SignInHandler(LoginHandler):
    """The login form; a refusal is part of the page, not an error page."""

    async def post(self):
        try:
            await super().post()
        except SignInRefused as refusal:
            self.set_status(refusal.status_code)
            username = self.get_body_argument("username", "")[:_MAX_LOGIN]
            self.finish(await self._render(login_error=refusal.words, username=username))


class DirectoryAuthenticator(Authenticator):
    """Admits people whom the directory knows and the access rules allow."""

    settings = Instance(Settings, config=True, help="The deployment's settings.")
    deployment = Unicode("/srv/jupyterhub", config=True, help="The deployment directory, for the access lists.")
    directory = Any(help="Opens sessions with the directory.")
    rules = Any(help="The access rules of the moment.")
    any_allow_config = True  # `settings` refuses to load where nothing restricts sign-ins

    @default("directory")
    def _directory(self):
        return LdapDirectory(self.settings, Path(self.deployment))

    @default("rules")
    def _rules(self):
        return LiveRules(self.settings, Path(self.deployment), self.log)

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        workers = self.settings.directory.workers
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="directory")
        self._free = asyncio.Semaphore(workers)
        self._newcomers: set[str] = set()

    def get_handlers(self, app):
        return [("/login", SignInHandler)]

    def normalize_username(self, username: str) -> str:
        """The hub's name for a login name."""
        return username.lower()

    def validate_username(self, username: str) -> bool:
        """No backtick, backslash or unprintable character: names become part of the proxy's rules."""
        return username.isprintable() and not set("`\\") & set(username) and super().validate_username(username)

    async def authenticate(self, handler, data):
        """Returns JupyterHub's auth model, or None for a wrong name or password. Raises SignInRefused."""
        login = read_login(data.get("username", ""))
        password = data.get("password", "")
        if login is None or not password or "\0" in password or len(password) > _MAX_PASSWORD:
            return None
        person = await self._identify(login, password)
        return None if person is None else self._admit(person, handler)

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
            return
        group = orm.Group.find(user.db, INVITED) or orm.Group(name=INVITED)
        group.users.append(user.orm_user)
        user.db.add(group)
        user.db.commit()

    async def _identify(self, login: str, password: str) -> Person | None:
        if self._free.locked():
            self.log.error(
                "Sign-in of %r put off: all %i directory workers are busy", login, self._threads._max_workers
            )
            raise SignInRefused(503, "Too many people are signing in at this moment. Please try again in a minute.")
        async with self._free:
            call = asyncio.get_running_loop().run_in_executor(self._threads, self._ask, login, password)
            try:
                return await call
            except DirectoryDown as error:
                self.log.error("Sign-in of %r failed: %s", login, error)
                words = "The company's directory does not answer, so nobody can sign in. Please try again later."
                raise SignInRefused(503, words) from error

    def _ask(self, login: str, password: str) -> Person | None:
        with self.directory.session() as session:
            return identify(session, login, password)

    def _admit(self, person: Person, handler):
        known = handler.find_user(person.name)
        invited = known is not None and any(group.name == INVITED for group in known.groups)
        decision = admit(person, self.rules.current(), invited=invited)
        if isinstance(decision, Refused):
            self.log.warning("Sign-in refused: %s", decision.reason)
            raise SignInRefused(403, "Your password is right, but your account may not use this service.")
        self.log.info("Sign-in of %s admitted: %s", person.name, decision.because)
        if known is None:
            self._newcomers.add(person.name)
        groups = sorted(person.groups) + ([INVITED] if invited else [])
        return {"name": person.name, "admin": decision.admin, "groups": groups}


def read_login(typed: str) -> str | None:
    """`Alice`, `EXAMPLE\\alice`, `alice@example.com` → `alice`; None for what cannot be a login name."""
    # NFKC: full-width letters are plain ones to a directory, so they must be to the hub.
    name = unicodedata.normalize("NFKC", typed).rpartition("\\")[2].partition("@")[0].strip()
    if not name or len(name) > _MAX_LOGIN or any(unicodedata.category(character)[0] == "C" for character in typed):
        return None
    return name.lower()
