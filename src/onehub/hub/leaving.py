"""Ends somebody's access: signed out everywhere, tokens gone, the server stopped after the notice."""

from __future__ import annotations

import asyncio
import logging

from jupyterhub import orm

from . import metrics


class Leaving:
    """The people who have lost access and whose servers have not stopped yet."""

    def __init__(self, notice: int, log: logging.Logger) -> None:
        self._notice = notice
        self._log = log
        self._gone: set[str] = set()
        self._stops: dict[str, asyncio.Task] = {}

    def expel(self, user, reason: str) -> None:
        """End every session and token now, and the servers after the notice. Homes stay."""
        sign_out(user)
        running = _running(user)
        if user.name not in self._gone:
            self._gone.add(user.name)
            metrics.EXPELLED.inc()
            after = f", the server stops in {self._notice} s" if running else ""
            self._log.warning("%s is signed out%s: %s", user.name, after, reason)
        # Again where a stop has failed, or a start that waited has come through.
        if running and user.name not in self._stops:
            self._stops[user.name] = asyncio.ensure_future(self._stop_later(user))

    def stays(self, name: str) -> None:
        """They have access again: the server goes on."""
        self._gone.discard(name)
        if stop := self._stops.pop(name, None):
            stop.cancel()

    async def _stop_later(self, user) -> None:
        await asyncio.sleep(self._notice)
        # From here on it runs to its end, even if they get access back meanwhile.
        self._stops.pop(user.name, None)
        await stop_servers(user)


def sign_out(user) -> None:
    """Every browser and every token of this person: the next request of each has to sign in.

    A running server keeps its own, with which it can do nothing but say that it is in use: access may come back.
    """
    own = {orm.APIToken.find(user.db, spawner.api_token) for spawner in user.spawners.values() if spawner.active}
    for token in list(user.orm_user.api_tokens):
        if token not in own:
            user.db.delete(token)
    for code in list(user.orm_user.oauth_codes):
        user.db.delete(code)
    user.orm_user.cookie_id = orm.new_token()
    user.db.commit()


async def stop_servers(user) -> None:
    """Stop what runs: every server, whatever becomes of the others; then raises what went wrong first."""
    ends = await asyncio.gather(*(stop_server(user, name) for name in _running(user)), return_exceptions=True)
    for error in ends:
        if isinstance(error, BaseException):
            raise error


def _running(user) -> list[str]:
    return [name for name, spawner in user.spawners.items() if spawner.active]


async def stop_server(user, name: str) -> None:
    """Stop one, as JupyterHub's own handler does: the route first, then the server."""
    await user.settings["proxy"].delete_user(user, name)
    await user.stop(name)


async def delete_user(users, user) -> None:
    """Forget the hub's record of a person; homes stay."""
    sign_out(user)
    await stop_servers(user)
    users.delete(user.id)


async def rename_user(users, user, name: str) -> None:
    """Give the hub's record another name, with its groups and its admin flag; servers are started anew."""
    sign_out(user)
    await stop_servers(user)
    user.orm_user.name = name
    user.db.commit()
    del users[user.id]  # it remembers addresses with the old name
