"""When a server stops: a table of cases, and what must hold in all of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core.culling import (
    Answers,
    History,
    Kernel,
    Report,
    Rules,
    Seen,
    Server,
    Terminal,
    Verdict,
    ask_argv,
    judge,
    rules_of,
)
from onehub.core.settings import Settings

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
RULES = Rules(enabled=True, idle=4 * 3600, busy=24 * 3600, warn=600)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def after(seen: Seen, now: float, since: float = 0) -> Verdict:
    history = History(since=at(since), persons=START).with_look(seen)
    return judge(RULES, history, seen, at(now))


def kernel(*, busy: bool, last: float) -> Kernel:
    return Kernel("python3", busy, at(last))


def terminal(*, running: bool, last: float) -> Terminal:
    return Terminal("1", running, at(last))


@pytest.mark.parametrize(
    ("seen", "stops"),
    [
        pytest.param(Seen(START, START), 4, id="nobody has come"),
        pytest.param(Seen(START, at(2)), 6, id="the hub has heard of activity"),
        pytest.param(Seen(START, START, own=at(3)), 7, id="the server knows better than the hub"),
        pytest.param(Seen(START, at(1), (kernel(busy=False, last=2),)), 6, id="a kernel has finished"),
        pytest.param(
            Seen(START, at(1), (), (terminal(running=False, last=2),)), 6, id="a terminal has said something"
        ),
        pytest.param(Seen(START, at(1), (kernel(busy=True, last=0.5),)), 25, id="a busy kernel, the person after it"),
        pytest.param(Seen(START, at(1), (kernel(busy=True, last=1),)), 25, id="a busy kernel that says nothing"),
        pytest.param(Seen(START, at(1), (), (terminal(running=True, last=1),)), 25, id="a program in a terminal"),
        pytest.param(Seen(START, at(9), (kernel(busy=True, last=9),), own=at(2)), 33, id="busy since the ninth hour"),
        pytest.param(
            Seen(START, at(2), (kernel(busy=True, last=1),), own=at(5)), 29, id="busy, and the person is here"
        ),
    ],
)
def test_when_a_server_stops(seen, stops):
    assert after(seen, now=10).stops_at == at(stops)


def test_why_is_said_in_words():
    idle, busy = (
        Seen(START, at(1)),
        Seen(START, START, (kernel(busy=True, last=2),), (terminal(running=True, last=1),)),
    )
    assert after(idle, 2).why == "idle since 2026-03-02 09:00 UTC; at most 4h"
    assert after(busy, 3).why == "busy kernel python3, program in terminal 1, since 2026-03-02 09:00 UTC; at most 1d"


@pytest.mark.parametrize(
    ("hours", "warned", "due"), [(3.8, False, False), (3.84, True, False), (3.99, True, False), (4, True, True)]
)
def test_people_are_warned_before(hours, warned, due):
    verdict = after(Seen(START, START), hours)
    assert (verdict.warned, verdict.due) == (warned, due)


def test_a_hub_that_was_away_warns_first():
    verdict = after(Seen(START, START), now=20, since=20)
    assert verdict.stops_at == at(20) + timedelta(minutes=10)
    assert (verdict.warned, verdict.due) == (True, False)


def test_output_does_not_make_a_kernel_less_busy_nor_its_time_longer():
    history = History(since=START, persons=START)
    for hour in range(1, 26):
        # It prints all the time, and the server reports that to the hub.
        seen = Seen(START, at(hour - 0.05), (kernel(busy=True, last=hour),))
        history = history.with_look(seen)
    assert history.busy_since == at(1)
    assert judge(RULES, history, seen, at(25)).due


def test_a_break_begins_a_new_day():
    history = History(since=START, persons=START)
    for busy, hour in ((True, 1), (False, 5), (True, 6)):
        seen = Seen(START, START, (kernel(busy=busy, last=hour),))
        history = history.with_look(seen)
    assert judge(RULES, history, seen, at(7)).stops_at == at(30)


def test_who_keeps_a_busy_server_has_a_day_more():
    busy = Seen(START, START, (kernel(busy=True, last=1),))
    history = History(since=START, persons=START).with_look(busy)
    kept = Seen(START, at(24), busy.kernels)
    assert judge(RULES, history.with_look(kept), kept, at(24)).stops_at == at(48)


def test_off_is_never():
    verdict = judge(Rules(False, 1, 1, 0), History(START, START), Seen(START, START), at(1000))
    assert (verdict.stops_at, verdict.warned, verdict.due) == (None, False, False)


hours = st.floats(0, 100, allow_nan=False).map(at)
kernels = st.lists(st.builds(Kernel, st.just("python3"), st.booleans(), hours), max_size=3).map(tuple)
terminals = st.lists(st.builds(Terminal, st.just("1"), st.booleans(), hours), max_size=3).map(tuple)
looks = st.lists(
    st.builds(Seen, st.just(START), hours, kernels, terminals, st.none() | hours), min_size=1, max_size=5
)


@given(looks, hours)
def test_nobody_is_stopped_too_early(seen, now):
    history = History(since=START, persons=START)
    for look in seen:
        history = history.with_look(look)
    verdict, latest = judge(RULES, history, seen[-1], now), seen[-1]
    age = (now - START).total_seconds()
    if verdict.due:
        assert age >= RULES.idle
        assert verdict.warned
        if latest.work:
            assert (now - latest.busy_from).total_seconds() >= RULES.busy or history.busy_since < latest.busy_from
            assert (now - history.busy_since).total_seconds() >= RULES.busy
        else:
            assert (now - latest.quiet_since).total_seconds() >= RULES.idle
        if latest.own:
            assert (now - latest.own).total_seconds() >= RULES.idle


def test_profiles_have_rules_of_their_own():
    settings = Settings.model_validate(
        {
            "culling": {"idle": "1h"},
            "profile": [
                {"name": "Night", "culling": {"idle": "12h", "busy": "3d"}},
                {"name": "Always", "culling": {"enabled": False}},
                {"name": "Brief", "culling": {"idle": "10m"}},
            ],
        }
    )
    assert rules_of(settings, "Night") == Rules(True, 12 * 3600, 3 * 86400, 600)
    assert not rules_of(settings, "Always").enabled
    assert rules_of(settings, "Brief").warn == 300
    assert rules_of(settings, "one that is gone") == Rules(True, 3600, 86400, 600)


def test_what_a_server_says_is_read():
    answers = Answers(
        kernels=b'[{"id": "1", "name": "ir", "execution_state": "busy", "last_activity": "2026-03-02T09:00:00Z"}]',
        terminals=b'[{"name": "1", "last_activity": "2026-03-02T09:00:00.5Z"}]',
        layer=b'{"own": "2026-03-02T10:00:00+00:00", "running": ["1"]}',
    )
    seen = answers.read(START, at(1), at(5))
    assert (seen.work, seen.own) == ("busy kernel ir, program in terminal 1", at(2))


def test_a_server_without_our_layer_or_terminals_is_read_too():
    assert Answers(b"[]", None, None).read(START, at(1), at(5)) == Seen(START, at(1))


def test_a_server_cannot_speak_from_the_future_nor_steer_a_terminal():
    name = json.dumps("\x1b[2J" + "x" * 100)
    said = f'[{{"name": {name}, "execution_state": "busy", "last_activity": "2099-01-01T00:00:00"}}]'
    seen = Answers(said.encode(), None, b'{"own": "2099-01-01T00:00:00Z"}').read(START, START, at(5))
    assert seen.own == seen.kernels[0].last_activity == at(5)
    assert seen.kernels[0].name == "?[2J" + "x" * 36


@pytest.mark.parametrize("said", [b"", b"{}", b"[1]", b"\xff", b'[{"name": "x"}]'])
def test_nonsense_is_a_value_error(said):
    with pytest.raises(ValueError, match="validation"):
        Answers(said + b" ", None, None).read(START, START, START)


def test_a_report_survives_the_pipe_in_order():
    servers = [
        Server("zoe", "", "", Verdict(None, "off")),
        Server("bob", "", "GPU", Verdict(at(5), "idle")),
        Server("alice", "", "GPU", Verdict(at(4), "idle", warned=True), answered=False),
    ]
    report = Report.of(servers)
    assert [server.person for server in report.servers] == ["alice", "bob", "zoe"]
    assert Report.from_json(report.to_json()) == report


def test_the_hub_is_asked_in_its_container_as_its_own_user():
    argv = ("docker", "exec", "--user", "65532:65532", "jupyterhub", "python", "-m", "onehub.hub.cull")
    assert ask_argv("jupyterhub", stop=False) == argv
    assert ask_argv("jupyterhub", stop=True) == (*argv, "--stop")


@pytest.mark.parametrize(
    "answers",
    [
        Answers(b"[" + b"0," * 100_000 + b"0]", None, None),
        Answers(None, b"[" + b'{"name":"a","last_activity":0},' * 1001 + b'{"name":"a","last_activity":0}]', None),
        Answers(None, None, b'{"running":[' + b",".join(b'"%d"' % number for number in range(1001)) + b"]}"),
    ],
)
def test_an_answer_beyond_measure_is_refused_in_few_words(answers):
    with pytest.raises(ValueError) as refused:
        answers.read(START, START, START)
    assert len(str(refused.value)) < 1000
