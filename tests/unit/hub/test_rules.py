"""The access lists are live, and the last good ones hold."""

from __future__ import annotations

import logging

from onehub.core.people import Rules
from onehub.core.settings import Settings
from onehub.core.sources import Named
from onehub.hub.rules import LiveRules

LOG = logging.getLogger("test")


def live(tmp_path, require: str = "any") -> LiveRules:
    settings = Settings.model_validate({"access": {"people": [{"name": "start"}], "require": require}})
    return LiveRules(settings, tmp_path, LOG)


def test_an_edit_takes_effect_at_the_next_look(tmp_path):
    rules = live(tmp_path, require="all")
    (tmp_path / "userlist").write_text("alice\n")
    assert rules.current() == Rules((Named("alice"),), (), "all")
    (tmp_path / "ad_allowed_groups").write_text("CN=Data Science,DC=x\n")
    assert rules.current() == Rules((Named("alice"),), ("CN=Data Science,DC=x",), "all")


def test_a_broken_list_changes_nothing_and_is_told(tmp_path, caplog):
    rules = live(tmp_path)
    (tmp_path / "userlist").write_text("alice\n")
    good = rules.current()
    (tmp_path / "userlist").write_text("alice\nbob chief\n")
    assert rules.current() == good
    assert "userlist, line 2: after the name only `admin` may stand, not 'chief'" in caplog.text


def test_lists_that_are_gone_let_nobody_in(tmp_path):
    assert live(tmp_path).current() == Rules((), ())
