"""What `onehub cull` says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from onehub.cli.cull import outcome, show_report
from onehub.core.culling import Report, Server, Verdict

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def server(seconds: float | None, *, due: bool = False, stopped: bool = False) -> Server:
    stops_at = None if seconds is None else NOW + timedelta(seconds=seconds)
    return Server("alice", "", "GPU", Verdict(stops_at, "idle [since]", due=due), answered=False, stopped=stopped)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (server(None), "never"),
        (server(0, due=True), "now"),
        (server(-9, due=True, stopped=True), "stopped"),
        (server(119), "in 119 s"),
        (server(600), "in 10 min"),
        (server(3 * 3600), "in 3 h"),
    ],
)
def test_when_it_stops_in_a_word_or_two(shown, words):
    assert outcome(shown, NOW) == words


def test_a_line_for_each_server(capsys):
    show_report(Report((server(None),)))
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[0] == "person"
    assert line.split() == ["alice", "GPU", "never", "idle", "[since]", "(it", "does", "not", "answer)"]
