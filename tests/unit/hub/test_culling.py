"""The hub's looks at servers, with a real HTTP server in their place."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from onehub.core.page import Page
from onehub.core.settings import Settings
from onehub.hub.culling import Culling
from onehub.hub.notices import notices

BUSY = [{"name": "python3", "execution_state": "busy", "last_activity": "2026-03-02T08:00:00Z"}]


class Server(RequestHandler):
    """A person's server: `answers` by the last part of the path; what is not in it is not there."""

    answers: dict[str, object]
    asked: list[tuple[str, str]]

    def get(self) -> None:
        self.asked.append((self.request.uri or "", self.request.headers["Authorization"]))
        answer = self.answers.get(self.request.path.rpartition("/")[2])
        if answer is None:
            self.set_status(404)
        elif isinstance(answer, str):
            self.redirect(answer)
        else:
            self.write(json.dumps(answer))


class Proxy:
    async def delete_user(self, user, name) -> None:
        user.gone.append(("route", name))


class User(SimpleNamespace):
    async def stop(self, name) -> None:
        self.gone.append(("server", name))


@pytest.fixture
async def world():
    """One server of alice that has been up since an hour, and what looks after it."""
    handler = type("Handler", (Server,), {"answers": {"kernels": [], "terminals": []}, "asked": []})
    server = HTTPServer(Application([(".*", handler)]))
    socket, port = bind_unused_port()
    server.add_socket(socket)
    started = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)
    record = SimpleNamespace(started=started, last_activity=started, state=None)
    user = User(name="alice", gone=[], settings={"proxy": Proxy()})

    async def own_token():
        return "alices"

    spawner = SimpleNamespace(
        user=user,
        name="",
        _log_name="alice",
        ready=True,
        profile="",
        watched_state={},
        orm_spawner=record,
        server=SimpleNamespace(url=f"http://127.0.0.1:{port}/user/alice/"),
        own_token=own_token,
        db=SimpleNamespace(commit=lambda: None),
    )
    spawner.get_state = lambda: {"watched": spawner.watched_state}
    user.spawners = {"": spawner}

    def culling(**settings) -> Culling:
        made = Settings.model_validate({"culling": {"idle": "30m", "warn": "1s", **settings}})
        return Culling({"alice": user}, made, logging.getLogger("test"))

    yield SimpleNamespace(culling=culling, spawner=spawner, user=user, server=handler)
    server.stop()
    await server.close_all_connections()


async def test_a_server_is_asked_with_its_own_token_and_without_a_trace(world):
    report = await world.culling().report(stop=False)
    assert sorted(world.server.asked) == [
        ("/user/alice/api/kernels?no_track_activity=1", "token alices"),
        ("/user/alice/api/terminals?no_track_activity=1", "token alices"),
        ("/user/alice/onehub/activity?no_track_activity=1", "token alices"),
    ]
    assert report.servers[0].answered


async def test_an_idle_one_is_stopped_after_its_warning_route_first(world):
    culling = world.culling()
    first = await culling.report(stop=True)
    assert first.servers[0].verdict.warned
    assert not world.user.gone
    await asyncio.sleep(1.1)
    assert not (await culling.report(stop=False)).servers[0].stopped
    assert (await culling.report(stop=True)).servers[0].stopped
    assert world.user.gone == [("route", ""), ("server", "")]


async def test_a_busy_one_is_spared_and_stays_so_when_it_falls_silent_or_the_hub_restarts(world):
    world.server.answers["kernels"] = BUSY
    culling = world.culling()
    verdict = (await culling.report(stop=True)).servers[0].verdict
    assert verdict.busy
    busy_since = world.spawner.watched_state["busy_since"]
    assert world.spawner.orm_spawner.state == {"watched": world.spawner.watched_state}
    world.server.answers["kernels"] = {"not": "a list"}
    silent = (await culling.report(stop=True)).servers[0]
    assert (silent.answered, silent.verdict.stops_at) == (False, verdict.stops_at)
    world.server.answers["kernels"] = [BUSY[0] | {"last_activity": datetime.now(UTC).isoformat()}]
    again = (await world.culling().report(stop=True)).servers[0].verdict
    assert (again.busy, world.spawner.watched_state["busy_since"]) == (True, busy_since)


async def test_a_server_that_sends_the_hub_elsewhere_is_not_followed(world):
    world.server.answers["kernels"] = "http://127.0.0.1:9/secret"
    assert not (await world.culling().report(stop=False)).servers[0].answered


async def test_one_that_breaks_does_not_keep_others_from_being_looked_at(world, caplog):
    async def no_token():
        raise RuntimeError("broken")

    # Another start, so another server.
    later = SimpleNamespace(started=datetime.now(UTC).replace(tzinfo=None), last_activity=None)
    other = SimpleNamespace(**vars(world.spawner) | {"name": "other", "orm_spawner": later, "own_token": no_token})
    world.user.spawners["other"] = other
    assert [server.name for server in (await world.culling().report(stop=False)).servers] == [""]
    assert "broken" in caplog.text


async def test_the_notice_of_a_server_about_to_stop_is_fresh(world):
    culling = world.culling(warn="1h")
    assert (await culling.notice(world.spawner)).warned
    asked = len(world.server.asked)
    await culling.notice(world.spawner)
    assert len(world.server.asked) == asked  # a moment ago is fresh enough
    world.spawner.orm_spawner.last_activity = datetime.now(UTC).replace(tzinfo=None)
    kept = await culling.notice(world.spawner)
    assert len(world.server.asked) > asked
    assert kept.stops_at > datetime.now(UTC)


async def test_what_people_are_told(world):
    now, live = datetime.now(UTC), SimpleNamespace(current=lambda: Page(announcement="Friday"))
    verdict = await world.culling(warn="1h").notice(world.spawner)
    told = notices(live, verdict, now)
    assert told["announcement"] == {"text": "Friday", "level": "info"}
    assert told["warn"]
    assert 5 <= told["ask_again"] <= 60
    nothing = notices(SimpleNamespace(current=Page), None, now)
    assert (nothing["announcement"], nothing["stops_at"], nothing["warn"]) == (None, None, False)


async def test_many_who_ask_at_once_cost_the_server_one_look(world):
    culling = world.culling()
    verdicts = await asyncio.gather(*(culling.notice(world.spawner) for _ in range(20)))
    assert len(world.server.asked) == 3
    assert len({verdict.why for verdict in verdicts}) == 1


async def test_what_is_wrong_with_an_answer_is_told_in_short(world, caplog):
    world.server.answers["kernels"] = [{"name": "x" * 100_000}] * 2
    assert not (await world.culling().report(stop=False)).servers[0].answered
    (line,) = [record.getMessage() for record in caplog.records if record.name == "test"]
    assert len(line) < 400
