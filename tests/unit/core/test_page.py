"""`[page]`: what it may say, and that one wrong key spoils no other."""

from __future__ import annotations

import pytest

from onehub.core.page import Page, load_page
from onehub.core.settings import Settings
from tests.unit.examples import lay_out


def test_nothing_said_is_all_defaults(tmp_path):
    assert load_page(tmp_path) == (Page(), ())


def test_only_the_page_is_looked_at(tmp_path):
    lay_out(tmp_path, {"onehub.toml": "[limits]\nmemory = '8Q'\n[page]\ntitle = 'Lab'\n[nonsense]\n"})
    assert load_page(tmp_path) == (Page(title="Lab"), ())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("titel = 'x'", "onehub.toml: page.titel: unknown setting, did you mean `title`?"),
        ("logo = '/etc/logo.png'", "onehub.toml: page.logo: '/etc/logo.png' must be a path inside the deployment"),
        ("logo = 'a/../../logo.png'", "onehub.toml: page.logo: 'a/../../logo.png' must be a path inside"),
        ("logo = 'secrets/logo.png'", "onehub.toml: page.logo: 'secrets/logo.png' must be a path inside"),
        ("logo = './secrets/logo.png'", "onehub.toml: page.logo: './secrets/logo.png' must be a path inside"),
        ("logo = 'onehub.toml'", "onehub.toml: page.logo: 'onehub.toml' must be a picture: .svg, .png"),
        ("help_url = 'javascript:alert(1)'", "onehub.toml: page.help_url: string should match pattern"),
        ("announcement_level = 'red'", "onehub.toml: page.announcement_level: input should be 'info' or 'warning'"),
        ("title = ''", "onehub.toml: page.title: string should have at least 1 character"),
        ("[[page]]", "onehub.toml: page: only tables may stand here"),
        ("title = ", "onehub.toml: Invalid value"),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_holds(tmp_path, line, told):
    header = "" if line.startswith("[[") else "[page]\n"
    good = "welcome = 'Hello'\n" if header else ""
    lay_out(tmp_path, {"onehub.toml": f"{header}{good}{line}\n"})
    page, (problem, *more) = load_page(tmp_path)
    assert str(problem).startswith(told)
    assert not more
    assert page.title == "JupyterHub"
    assert page.logo == ""


def test_an_edit_of_the_page_asks_for_no_restart():
    changed = Settings(page=Page(title="Lab", announcement="Tonight"))
    assert changed.digest() == Settings().digest()
