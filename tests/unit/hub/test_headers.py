"""Which requests are a script's for a page."""

from __future__ import annotations

import re

import pytest

from onehub.hub.headers import HEADERS, pages_by_script


@pytest.mark.parametrize("path", ["/", "/jupyter/"])
def test_pages_are_for_people_and_the_rest_for_scripts_as_well(path):
    (left,) = re.findall(r"!PathRegexp\(`(.*?)`\)", pages_by_script(path))
    for open_to_scripts in ("api/users", "api", "static/x.js", "onehub/logo", "logo", "user/bob/api/status"):
        assert re.search(left, f"{path}hub/{open_to_scripts}"), open_to_scripts
    for page in ("", "home", "token", "login", "spawn", "user/bob/lab", "user/bob/apis", "apis", "logout"):
        assert not re.search(left, f"{path}hub/{page}"), page


def test_a_rule_of_the_proxy_holds_no_backtick_of_ours_within():
    assert pages_by_script("/").count("`") % 2 == 0


def test_the_policy_names_no_foreign_place():
    assert "http" not in HEADERS["Content-Security-Policy"]
    assert "*" not in HEADERS["Content-Security-Policy"]
