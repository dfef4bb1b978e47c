from __future__ import annotations

import asyncio
import threading

import pytest
import urllib3

from onehub.core.downloads import PullFailed
from onehub.hub.pulls import Pulls

LAB = "registry.example.com:5000/team/lab:1"


class Engine:
    """Gives one event, then waits for the test before it gives the others."""

    def __init__(self, *rest: dict | Exception) -> None:
        self.rest = rest
        self.asked: list[tuple[str, str]] = []
        self.go_on = threading.Event()
        self.closed = 0

    def pull(self, repository, tag, stream, decode):
        assert stream and decode
        self.asked.append((repository, tag))
        yield {"status": "Downloading", "id": "a", "progressDetail": {"current": 1_000_000, "total": 3_000_000}}
        assert self.go_on.wait(30)
        for event in self.rest:
            if isinstance(event, Exception):
                raise event
            yield event

    def close(self):
        self.closed += 1


DONE = {"status": "Download complete", "id": "a"}


async def have(pulls: Pulls, told: list | None = None) -> None:
    await pulls.have(LAB, (told if told is not None else []).append)


async def test_everybody_who_waits_shares_one_pull():
    engine, told = Engine(DONE), []
    pulls = Pulls(60, lambda patience: engine)
    waiting = [asyncio.ensure_future(have(pulls, told)) for _ in range(3)]
    while not engine.asked:
        await asyncio.sleep(0.01)
    waiting[0].cancel()
    engine.go_on.set()
    await asyncio.gather(*waiting[1:])
    assert engine.asked == [("registry.example.com:5000/team/lab", "1")]
    assert len(set(map(id, told))) == 1
    assert told[0].download.words == "3.0 of 3.0 MB"
    assert engine.closed == 1


async def test_it_ends_when_nobody_waits_any_more_and_the_next_one_begins_anew():
    engine = Engine(DONE, DONE)
    pulls = Pulls(60, lambda patience: engine)
    alone = asyncio.ensure_future(have(pulls))
    while not engine.asked:
        await asyncio.sleep(0.01)
    alone.cancel()
    await asyncio.gather(alone, return_exceptions=True)
    engine.go_on.set()
    await have(pulls)
    assert len(engine.asked) == 2


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ({"error": "unauthorized: who are you"}, "unauthorized: who are you"),
        (urllib3.exceptions.ReadTimeoutError(None, "", "Read timed out."), "nothing has come for 60 s"),
    ],
)
async def test_why_it_failed_is_told_to_all_and_then_it_can_be_tried_again(last, words):
    engine = Engine(last)
    engine.go_on.set()
    pulls = Pulls(60, lambda patience: engine)
    for error in await asyncio.gather(have(pulls), have(pulls), return_exceptions=True):
        assert isinstance(error, PullFailed)
        assert words in str(error)
    with pytest.raises(PullFailed):
        await have(pulls)
    assert len(engine.asked) == 2
