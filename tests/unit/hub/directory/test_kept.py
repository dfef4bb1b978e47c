"""Connections that wait for the next conversation."""

from __future__ import annotations

import ssl
from types import SimpleNamespace

from onehub.hub.directory.kept import KeptConnections
from onehub.hub.directory.servers import Server

DC = Server("dc1.example.com", 636)


class Line:
    """A connection, as far as keeping one goes."""

    def __init__(self) -> None:
        self.ended = False
        self.socket = SimpleNamespace(close=lambda: None)

    def unbind(self) -> None:
        self.ended = True


def test_the_latest_is_taken_and_only_once():
    context, kept = ssl.create_default_context(), KeptConnections(2)
    first, second = Line(), Line()
    kept.put(first, DC, context)
    kept.put(second, DC, context)
    assert kept.take(context).connection is second
    assert kept.take(context).connection is first
    assert kept.take(context) is None
    kept.clear()


def test_no_more_than_wanted_wait():
    context, kept = ssl.create_default_context(), KeptConnections(2)
    lines = [Line() for _ in range(3)]
    for line in lines:
        kept.put(line, DC, context)
    assert [line.ended for line in lines] == [True, False, False]
    kept.clear()
    assert all(line.ended for line in lines)


def test_an_old_one_is_ended_instead_of_used():
    now = [0.0]
    context, kept = ssl.create_default_context(), KeptConnections(2, clock=lambda: now[0])
    line = Line()
    kept.put(line, DC, context)
    now[0] = 11
    assert kept.take(context) is None
    assert line.ended
    kept.clear()


def test_one_that_another_ca_vouched_for_is_ended_instead_of_used():
    kept, line = KeptConnections(2), Line()
    kept.put(line, DC, ssl.create_default_context())
    assert kept.take(ssl.create_default_context()) is None
    assert line.ended
    kept.clear()
