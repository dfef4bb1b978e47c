"""An extension of jupyter_server: what the hub tells people while they work, and what only a server can tell the hub.

Imports nothing that a server does not have anyway, so that no start takes longer.
"""

import json
import os
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

_KEPT = 2.0
"""Seconds for which one answer of the hub serves all tabs."""
_ANSWER_WITHIN = 10.0
_ASLEEP = ("T", "t", "Z", "X")
"""States of processes that do nothing: stopped by Ctrl-Z, or ended."""


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "onehub_server"}]


def _load_jupyter_server_extension(server: Any) -> None:
    if not os.environ.get("JUPYTERHUB_API_URL"):
        return  # not started by a hub
    handlers = {"notices": NoticesHandler, "keep": KeepHandler, "activity": ActivityHandler}
    base = server.web_app.settings["base_url"]
    server.web_app.add_handlers(
        ".*$", [(url_path_join(base, "onehub", name), handler) for name, handler in handlers.items()]
    )


class _Handler(APIHandler):
    auth_resource = "onehub"

    async def hub(self, path: str, **kwargs: Any) -> Any:
        """The hub's answer, or None where it gives none: it may restart while people work."""
        environ = os.environ
        url = "/".join((environ["JUPYTERHUB_API_URL"].rstrip("/"), path))
        headers = {"Authorization": "token " + environ["JUPYTERHUB_API_TOKEN"]}
        try:
            answer = await AsyncHTTPClient().fetch(url, headers=headers, request_timeout=_ANSWER_WITHIN, **kwargs)
        except (HTTPClientError, OSError) as error:
            self.log.info("The hub does not answer: %s", error)
            return None
        return json.loads(answer.body or b"{}")


class NoticesHandler(_Handler):
    """What the hub has to tell."""

    _told: ClassVar[dict[str, Any]] = {"at": -_KEPT, "notices": None}

    @web.authenticated
    async def get(self) -> None:
        now = time.monotonic()
        if now - self._told["at"] >= _KEPT:
            user, server = os.environ["JUPYTERHUB_USER"], os.environ.get("JUPYTERHUB_SERVER_NAME", "")
            notices = await self.hub(f"onehub/users/{_quoted(user)}/notices?server={_quoted(server)}")
            self._told.update(at=now, notices=notices)
        self.finish(json.dumps(self._told["notices"] or {"ask_again": 60}))


class KeepHandler(_Handler):
    """The person wants the server to go on: that is activity, as the hub's API takes it."""

    @web.authenticated
    async def post(self) -> None:
        user, server = os.environ["JUPYTERHUB_USER"], os.environ.get("JUPYTERHUB_SERVER_NAME", "")
        moment = datetime.now(timezone.utc)  # noqa: UP017 - images with Python 3.10 are still about
        self.settings["api_last_activity"] = moment
        seen = {"last_activity": moment.isoformat()}
        body = json.dumps({**seen, "servers": {server: seen}})
        answer = await self.hub(f"users/{_quoted(user)}/activity", method="POST", body=body)
        NoticesHandler._told["at"] = -_KEPT
        if answer is None:
            raise web.HTTPError(503, "The hub does not answer. Please try again.")
        self.finish(json.dumps(seen))


class ActivityHandler(_Handler):
    """For the hub: when the person was last here, and in which terminals a program runs."""

    @web.authenticated
    async def get(self) -> None:
        own = self.settings.get("api_last_activity")
        manager = self.settings.get("terminal_manager")
        terminals = getattr(manager, "terminals", None) or {}
        sessions = _working_sessions() if terminals else set()
        running = [name for name, terminal in terminals.items() if terminal.ptyproc.pid in sessions]
        self.finish(json.dumps({"own": own.isoformat() if own else None, "running": running}))


def _working_sessions(proc: Path = Path("/proc")) -> set[int]:
    """The sessions in which something besides their first process, a terminal's shell, is at work."""
    found = set()
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # After the name, which may hold anything: state, parent, group, session.
            state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        if folder.name != session and state not in _ASLEEP:
            found.add(int(session))
    return found


def _quoted(name: str) -> str:
    return quote(name, safe="")
