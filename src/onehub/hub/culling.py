"""Stops servers that nobody uses: looks at each now and then, and asks it what its kernels and terminals do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

import docker.errors
import requests
from jupyterhub.user import UserDict
from tornado.httpclient import HTTPClientError, HTTPResponse
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from onehub.core.culling import Answers, History, Report, Seen, Server, Verdict, judge, rules_of
from onehub.core.settings import Settings

from .leaving import stop_server
from .shared import Shared
from .spawner import NotOurs, ServerSpawner

_AT_ONCE = 8
"""Servers that are asked at the same time."""
_ANSWER_WITHIN = 5.0
_LARGEST_ANSWER = 250_000
"""Bytes; whoever is asked may say what they like."""
_NOT_OFTENER = 2.0
"""Seconds between two rounds, however close the times are at which servers stop."""
_FRESH = 4.0
"""Seconds for which a look at a server that is about to stop is good enough to tell its person."""
_LONGEST_COMPLAINT = 300
"""Characters of what is wrong with an answer, for the log."""
_FIRST = 5.0
"""Seconds from the hub's start to the first round: other work is more urgent then."""


class Silent(Exception):
    """The server gave no answer that can be used; the text says why."""


class Culling:
    """The servers that run, what was seen of them, and when they stop."""

    def __init__(self, users: UserDict, settings: Settings, log: logging.Logger) -> None:
        self._users = users
        self._settings = settings
        self._log = log
        self._client = SimpleAsyncHTTPClient(
            force_instance=True, max_clients=3 * _AT_ONCE, max_body_size=_LARGEST_ANSWER
        )
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._watched: dict[tuple[str, str, datetime], Watched] = {}
        self._looks: Shared[Watched] = Shared()
        self._round: asyncio.Future | None = None

    def begin(self) -> None:
        """Look for as long as the hub runs."""
        asyncio.get_running_loop().call_later(_FIRST, self._start_round)

    def _start_round(self) -> None:
        self._round = asyncio.ensure_future(self._one_round())

    async def _one_round(self) -> None:
        wait = float(self._settings.culling.every)
        try:
            report = await self.report(stop=True)
            wait = self._until_next([server.verdict for server in report.servers if not server.stopped])
        finally:
            asyncio.get_running_loop().call_later(wait, self._start_round)

    def _until_next(self, verdicts: Iterable[Verdict]) -> float:
        """Seconds: as often as is set, and when a server is to stop."""
        now = datetime.now(UTC)
        left = [(verdict.stops_at - now).total_seconds() for verdict in verdicts if verdict.stops_at]
        return max(_NOT_OFTENER, min([float(self._settings.culling.every), *left]))

    async def report(self, *, stop: bool) -> Report:
        """Look at every server that runs; stop those whose time has come, if `stop`."""
        running = list(self._running())
        keys = {_key(spawner) for spawner in running}
        self._watched = {key: watched for key, watched in self._watched.items() if key in keys}
        looks = await asyncio.gather(*(self._look_and_stop(one, stop) for one in running), return_exceptions=True)
        servers = []
        for spawner, found in zip(running, looks, strict=True):
            if isinstance(found, Server):
                servers.append(found)
            else:
                # Whatever is wrong with one server must not keep the others from being looked at.
                self._log.error("Culling: %s could not be looked after", spawner._log_name, exc_info=found)
        return Report.of(servers)

    def _running(self) -> Iterator[ServerSpawner]:
        for user in list(self._users.values()):
            for spawner in list(user.spawners.values()):
                if spawner.ready:
                    yield spawner

    async def _look_and_stop(self, spawner: ServerSpawner, stop: bool) -> Server:
        watched = await self._look(spawner)
        verdict, stopped = watched.verdict, False
        if stop and verdict.due and spawner.ready:
            self._log.warning("Culling: the server of %s is stopped: %s", spawner._log_name, verdict.why)
            await stop_server(spawner.user, spawner.name)
            stopped = True
        return Server(spawner.user.name, spawner.name, spawner.profile, verdict, watched.answered, stopped)

    async def notice(self, spawner: ServerSpawner) -> Verdict:
        """What becomes of this server, as fresh as matters. A look at one that is not about to stop may be older."""
        watched = self._watched.get(_key(spawner))
        rules = rules_of(self._settings, spawner.profile)
        now = datetime.now(UTC)
        if watched and judge(rules, watched.history, watched.seen, now).warned:
            # Whoever has just said that they are here must not be warned again.
            news = _hubs_word(spawner)[1] > watched.seen.reported
            watched = None if news or (now - watched.at).total_seconds() > _FRESH else watched
        if watched is None:
            watched = await self._look(spawner)
        return judge(rules, watched.history, watched.seen, datetime.now(UTC))

    async def _look(self, spawner: ServerSpawner) -> Watched:
        return await self._looks.get(_key(spawner), lambda: self._look_now(spawner))

    async def _look_now(self, spawner: ServerSpawner) -> Watched:
        key, now = _key(spawner), datetime.now(UTC)
        before = self._watched.get(key)
        started, reported = _hubs_word(spawner)
        answered = True
        try:
            async with self._gate:
                answers = await self._ask(spawner)
            seen = answers.read(started, reported, now)
        except (Silent, ValueError) as error:
            complaint = str(error)[:_LONGEST_COMPLAINT]
            self._log.warning("Culling: the server of %s cannot be asked: %s", spawner._log_name, complaint)
            # A machine that is busy answers late: what the server said last stands, for as long as it may.
            seen = replace(before.seen, reported=reported) if before else Seen(started, reported)
            answered = False
        history = before.history if before else _kept(spawner, started, now)
        history = history.with_look(seen)
        verdict = judge(rules_of(self._settings, spawner.profile), history, seen, now)
        self._watched[key] = Watched(now, seen, history, verdict, answered)
        _keep(spawner, history)
        return self._watched[key]

    async def _ask(self, spawner: ServerSpawner) -> Answers:
        """The server itself, with its own token: it learns nothing that it does not have. Raises Silent."""
        try:
            token = await spawner.own_token()
        except (NotOurs, docker.errors.DockerException, requests.RequestException) as error:
            raise Silent(str(error)) from error
        paths = ("api/kernels", "api/terminals", "onehub/activity")
        return Answers(*await asyncio.gather(*(self._get(f"{spawner.server.url}{path}", token) for path in paths)))

    async def _get(self, url: str, token: str) -> bytes | None:
        try:
            answer: HTTPResponse = await self._client.fetch(
                # To be looked at is not activity.
                f"{url}?no_track_activity=1",
                headers={"Authorization": f"token {token}"},
                follow_redirects=False,
                connect_timeout=_ANSWER_WITHIN,
                request_timeout=_ANSWER_WITHIN,
            )
        except HTTPClientError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise Silent(f"{url}: {error}") from error
        except OSError as error:
            raise Silent(f"{url}: {error}") from error
        return answer.body


class Watched:
    """The latest look at a server, and what it came to."""

    def __init__(self, at: datetime, seen: Seen, history: History, verdict: Verdict, answered: bool) -> None:
        self.at = at
        self.seen = seen
        self.history = history
        self.verdict = verdict
        self.answered = answered


def _key(spawner: ServerSpawner) -> tuple[str, str, datetime]:
    return spawner.user.name, spawner.name, spawner.orm_spawner.started


def _hubs_word(spawner: ServerSpawner) -> tuple[datetime, datetime]:
    """When it was started, and its last activity."""
    record = spawner.orm_spawner
    started = record.started.replace(tzinfo=UTC)
    return started, max(started, record.last_activity.replace(tzinfo=UTC)) if record.last_activity else started


def _kept(spawner: ServerSpawner, started: datetime, now: datetime) -> History:
    """What the hub remembers from before its restart."""
    state = spawner.watched_state
    busy_since = state.get("busy_since")
    return History(
        since=now,
        persons=max(started, datetime.fromisoformat(state.get("persons", started.isoformat()))),
        busy_since=datetime.fromisoformat(busy_since) if busy_since else None,
    )


def _keep(spawner: ServerSpawner, history: History) -> None:
    """For a hub that restarts; written when it has changed."""
    state = {
        "persons": history.persons.isoformat(),
        "busy_since": history.busy_since.isoformat() if history.busy_since else None,
    }
    # Of a server that is not busy nothing need be known from earlier. One that has stopped meanwhile has no state.
    changed = state != spawner.watched_state if history.busy_since else spawner.watched_state.get("busy_since")
    if changed and spawner.ready:
        spawner.watched_state = state
        spawner.orm_spawner.state = spawner.get_state()
        spawner.db.commit()
