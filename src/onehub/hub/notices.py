"""What people are told while they work: the operator's announcement, and when their server stops."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from onehub.core.culling import PATH, SCOPE, Verdict

from .culling import Culling
from .page import LivePage

_OFTEN, _SELDOM = 5, 60
"""Seconds until whoever has asked may ask again."""


def notices(live: LivePage, verdict: Verdict | None, now: datetime) -> dict:
    """For the page: `stops_in`, in seconds, since clocks differ; whether to `warn`; in how many to `ask_again`."""
    page = live.current()
    announcement = {"text": page.announcement, "level": page.announcement_level} if page.announcement else None
    stops_at = verdict.stops_at if verdict else None
    left = max(0.0, (stops_at - now).total_seconds()) if stops_at else None
    return {
        "announcement": announcement,
        "stops_at": stops_at.isoformat() if stops_at else None,
        "stops_in": left,
        "warn": bool(verdict and verdict.warned),
        "why": verdict.why if verdict else "",
        "ask_again": _SELDOM if left is None else min(_SELDOM, max(_OFTEN, left / 4)),
    }


class NoticesHandler(APIHandler):
    """`GET /hub/api/onehub/users/NAME/notices`: for the person and for their own server, by its token."""

    def initialize(self, culling: Culling, live: LivePage) -> None:
        self._culling = culling
        self._live = live

    @needs_scope("users:activity")
    async def get(self, user_name):
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404)
        spawner = user.spawners.get(self.get_argument("server", ""))
        verdict = await self._culling.notice(spawner) if spawner and spawner.ready else None
        self.write(json.dumps(notices(self._live, verdict, datetime.now(UTC))))


class CullingHandler(APIHandler):
    """`GET` or `POST /hub/api/onehub/culling`: who would be stopped; and stop who is due. For `onehub cull`."""

    def initialize(self, culling: Culling) -> None:
        self._culling = culling

    async def get(self):
        await self._report(stop=False)

    async def post(self):
        await self._report(stop=True)

    async def _report(self, *, stop: bool) -> None:
        # JupyterHub's decorator wants to know the scope before the hub's configuration has named it.
        if SCOPE not in self.expanded_scopes:
            raise web.HTTPError(403, "This is for `onehub cull`.")
        self.write((await self._culling.report(stop=stop)).to_json())


def notice_handlers(culling: Culling, live: LivePage) -> list[tuple]:
    """What the hub serves of this, below its own address."""
    return [
        (r"/api/onehub/users/([^/]+)/notices", NoticesHandler, {"culling": culling, "live": live}),
        (f"/api{PATH}", CullingHandler, {"culling": culling}),
    ]
