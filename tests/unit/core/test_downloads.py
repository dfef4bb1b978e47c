from __future__ import annotations

import pytest

from onehub.core.downloads import Download, PullFailed


def event(status: str, part: str = "", current: int = 0, total: int = 0) -> dict:
    return {"status": status, "id": part, "progressDetail": {"current": current, "total": total} if total else {}}


def after(*events: dict) -> Download:
    download = Download()
    for each in events:
        download.take(each)
    return download


WAITING = (event("Pulling from team/lab", "1"), event("Pulling fs layer", "a"), event("Pulling fs layer", "b"))


def test_before_anything_has_come():
    assert after().words == after(*WAITING).words == "asking the registry"
    assert after().share == 0.0


def test_bytes_by_parts_and_those_whose_size_is_not_known_yet():
    download = after(*WAITING, event("Downloading", "a", 500_000, 20_000_000))
    assert download.words == "0.5 of at least 20 MB"
    download.take(event("Downloading", "b", 1, 30_000_000))
    assert (download.words, download.done, download.total) == ("0.5 of 50 MB", 500_001, 50_000_000)
    download.take(event("Download complete", "a"))
    assert download.words == "20 of 50 MB"
    assert download.share == pytest.approx(0.4)


def test_a_part_that_is_here_already_counts_for_nothing():
    assert after(*WAITING, event("Already exists", "a"), event("Downloading", "b", 1, 2_000_000)).total == 2_000_000


def test_what_has_come_is_unpacked():
    download = after(
        event("Downloading", "a", 9, 10), event("Download complete", "a"), event("Extracting", "a", 1, 10)
    )
    assert download.is_unpacking
    assert download.words == "unpacking"


def test_the_registrys_words():
    with pytest.raises(PullFailed, match="manifest unknown"):
        after({"error": "manifest unknown", "errorDetail": {"message": "manifest unknown"}})
