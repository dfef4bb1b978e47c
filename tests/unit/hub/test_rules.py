"""The access rules are live, and the last good ones hold."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from onehub.core.settings import Access
from onehub.core.sources import Named
from onehub.hub.rules import LiveRules
from tests.unit.examples import as_nobody, lay_out

LOG = logging.getLogger("test")
START = Access(people=(Named("start"),))


def live(directory: Path, files: dict[str, str]) -> LiveRules:
    return LiveRules(START, lay_out(directory, files), LOG)


def test_an_edit_takes_effect_at_the_next_look(tmp_path):
    rules = live(tmp_path, {"userlist": "alice\n"})
    assert rules.current() == Access(people=(Named("alice"),))
    lay_out(tmp_path, {"ad_allowed_groups": "CN=Data Science,DC=x\n", "onehub.toml": '[access]\nrequire = "all"\n'})
    assert rules.current() == Access(
        people=(Named("alice"),), allowed_groups=("CN=Data Science,DC=x",), require="all"
    )
    toml = '[access]\nadmin_groups = ["Bosses"]\nallowed_groups = ["S-1-5-21-1"]\nblocked = ["Bob"]\n'
    lay_out(tmp_path, {"onehub.toml": toml})
    assert rules.current() == Access(
        people=(Named("alice"),),
        allowed_groups=("S-1-5-21-1", "CN=Data Science,DC=x"),
        admin_groups=("Bosses",),
        blocked=("bob",),
    )


def test_only_the_access_rules_are_looked_at(tmp_path):
    toml = "three = 3\n[limits]\nmemory = '8Q'\n[access]\nallow_all = true\n[nonsense]\n"
    assert live(tmp_path, {"onehub.toml": toml}).current() == Access(allow_all=True)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("userlist", "alice\n3:00\n", "userlist, line 2: '3:00' is not a user name"),
        ("userlist", "alice\nAlice admin\n", "userlist: 'alice' is named twice"),
        ("ad_allowed_groups", "CN=,DC=x\n", "ad_allowed_groups, line 1: 'CN=' has no value"),
        (
            "onehub.toml",
            "[access]\nrequire = 'both'\n",
            "onehub.toml: access.require: input should be 'any' or 'all' (it is 'both')",
        ),
        (
            "onehub.toml",
            "[access]\nblokced = ['bob']\n",
            "onehub.toml: access.blokced: unknown setting, did you mean `blocked`?",
        ),
        (
            "onehub.toml",
            "[access]\nadmin_groups = 'Bosses'\n",
            "onehub.toml: access.admin_groups: must be a list like ['…'] (it is 'Bosses')",
        ),
        (
            "onehub.toml",
            "[access]\npeople = ['bob']\n",
            "onehub.toml: access.people: is not set here but as userlist",
        ),
        (
            "onehub.toml",
            "access = 3\n",
            "onehub.toml: access: only tables may stand here: a line like `[limits]`, and keys below it",
        ),
        (
            "onehub.toml",
            "[limits\n",
            "onehub.toml: Expected ']' at the end of a table declaration (at line 1, column 8)",
        ),
    ],
)
def test_a_broken_file_changes_nothing_and_is_told(tmp_path, caplog, file, content, told):
    rules = live(tmp_path, {"userlist": "alice\n", "onehub.toml": "[access]\nblocked = ['bob']\n"})
    good = rules.current()
    lay_out(tmp_path, {file: content})
    assert rules.current() == good == Access(people=(Named("alice"),), blocked=("bob",))
    assert caplog.messages == [f"the access rules have errors, the last good ones hold: {told}"]


def test_a_mended_file_counts_again(tmp_path):
    rules = live(tmp_path, {"userlist": "alice:\n"})
    assert rules.current() == START
    lay_out(tmp_path, {"userlist": "alice\n"})
    assert rules.current() == Access(people=(Named("alice"),))


def test_a_file_that_the_hub_may_not_read_changes_nothing_and_is_told(tmp_path, caplog):
    rules = live(tmp_path / "hub", {"userlist": "alice\n"})
    (tmp_path / "hub").chmod(0)
    with as_nobody():
        assert rules.current() == START
    (tmp_path / "hub").chmod(0o700)
    assert caplog.messages == [
        f"{tmp_path / 'hub/onehub.toml'} is not readable for the hub: "
        "edits take effect with `docker restart` of the hub"
    ]


@pytest.mark.parametrize("text", ["", "# nobody any more\n"])
def test_a_list_that_was_emptied_signs_nobody_out(tmp_path, text):
    rules = live(tmp_path, {"userlist": "alice\n"})
    assert rules.current() == Access(people=(Named("alice"),))
    lay_out(tmp_path, {"userlist": text})
    assert rules.current() == Access(people=(Named("alice"),))


def test_a_file_that_is_being_written_shows_nobody_out(tmp_path):
    now = [0.0]
    rules = LiveRules(START, lay_out(tmp_path, {"userlist": "alice\nbob\n"}), LOG, clock=lambda: now[0])
    whole = Access(people=(Named("alice"), Named("bob")))
    assert (rules.settled(), rules.current()) == (START, whole)
    now[0] = 10
    assert rules.settled() == whole
    lay_out(tmp_path, {"userlist": "alice\n"})
    half = Access(people=(Named("alice"),))
    assert (rules.settled(), rules.current(), rules.settled()) == (whole, half, whole)
    now[0] = 14
    assert rules.settled() == half


def test_a_file_that_is_away_for_a_moment_changes_nothing(tmp_path):
    now = [0.0]
    files = {"onehub.toml": '[access]\nblocked = ["bob"]\n', "userlist": "alice\n"}
    rules = LiveRules(START, lay_out(tmp_path, files), LOG, clock=lambda: now[0])
    before = rules.current()
    (tmp_path / "onehub.toml").unlink()
    assert rules.current() == before
    now[0] = 30
    assert (rules.current(), rules.settled()) == (before, START)
    now[0] = 61
    assert rules.current() == Access(people=(Named("alice"),))
