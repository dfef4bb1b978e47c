"""The page of Apache httpd itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from onehub.core.away import away_page, error_directives


def test_it_fits_between_quotation_marks_and_needs_nothing_from_elsewhere():
    page = away_page()
    assert not set('"\\\n$%') & set(page)
    assert "src=" not in page
    assert "href=" not in page
    assert len(page) < 2000
    HTMLParser().feed(page)


def test_it_tries_again_by_itself_and_says_so():
    assert "http-equiv='refresh' content='5'" in away_page()
    assert "every 5 seconds" in away_page()


@pytest.mark.parametrize(
    ("path", "covered", "left"),
    [
        (
            "/",
            ["/", "/hub/", "/hub/login", "/hub/spawn-pending/bob"],
            ["/hub/api/users", "/user/bob/lab", "/user/bob/hub/"],
        ),
        ("/jupyter/", ["/jupyter/hub/login"], ["/", "/hub/login", "/jupyter/user/bob/"]),
    ],
)
def test_only_the_hubs_pages_are_replaced(path, covered, left):
    (pattern,) = re.findall('<LocationMatch "(.*)">', "\n".join(error_directives(path)))
    assert all(re.search(pattern, url) for url in covered)
    assert not any(re.search(pattern, url) for url in left)
