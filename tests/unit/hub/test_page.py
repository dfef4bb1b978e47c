"""The look is live, and text stays text."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from onehub.core.page import LARGEST_LOGO, Page
from onehub.hub.page import STATIC, LivePage, paragraphs
from tests.unit.examples import as_nobody, lay_out

LOG = logging.getLogger("test")
START = Page(title="Start")


def live(directory: Path, toml: str) -> LivePage:
    return LivePage(START, lay_out(directory, {"onehub.toml": toml}), LOG)


def test_an_edit_shows_at_the_next_page(tmp_path):
    page = live(tmp_path, "[page]\ntitle = 'One'\n")
    assert page.look().title == "One"
    lay_out(tmp_path, {"onehub.toml": "[page]\ntitle = 'Two'\nannouncement = 'Tonight'\n"})
    assert (page.look().title, page.look().announcement) == ("Two", "<p>Tonight</p>")


def test_the_last_good_page_holds_while_the_file_is_broken(tmp_path, caplog):
    page = live(tmp_path, "[page]\ntitle = 'Good'\n")
    page.current()
    for broken in ("[page]\ntitle = 5\n", "[page\n", "[page]\ntitle = 'x'\nwelcom = 'y'\n"):
        lay_out(tmp_path, {"onehub.toml": broken})
        assert page.current() == Page(title="Good")
        assert page.current() == Page(title="Good")
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 3
    assert "onehub.toml: page.welcom: unknown setting, did you mean `welcome`?" in caplog.text
    lay_out(tmp_path, {"onehub.toml": "[page]\ntitle = 'Mended'\n"})
    assert page.current().title == "Mended"


def test_a_file_that_the_hub_may_not_read_leaves_what_it_started_with(tmp_path, caplog):
    page = live(tmp_path, "[page]\ntitle = 'Secret'\n")
    (tmp_path / "onehub.toml").chmod(0)
    with as_nobody():
        assert page.current() == START
    assert "edits of [page] wait for a restart" in caplog.text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("One\nline\n\n\nTwo", "<p>One<br>line</p><p>Two</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        (
            "See https://a.example/x?y=1&z.",
            '<p>See <a href="https://a.example/x?y=1&amp;z">https://a.example/x?y=1&amp;z</a>.</p>',
        ),
        (
            'https://a.example/"onclick="x',
            '<p><a href="https://a.example/">https://a.example/</a>&#34;onclick=&#34;x</p>',
        ),
        ("javascript:alert(1) http://plain.example", "<p>javascript:alert(1) http://plain.example</p>"),
    ],
)
def test_text_is_escaped_and_only_https_becomes_a_link(text, html):
    assert paragraphs(text) == html


def test_a_picture_has_a_version_that_changes_with_it(tmp_path):
    page = live(tmp_path, "[page]\nlogo = 'logo.svg'\n")
    assert page.look().logo == ""
    lay_out(tmp_path, {"logo.svg": "<svg/>"})
    first = page.look().logo
    lay_out(tmp_path, {"logo.svg": "<svg />"})
    assert first and page.look().logo not in ("", first)


def test_a_picture_is_in_the_deployment_and_not_too_large(tmp_path):
    page = live(tmp_path / "hub", "[page]\nlogo = 'logo.png'\n")
    logo = tmp_path / "hub" / "logo.png"
    lay_out(tmp_path, {"outside.png": "x", "hub/secrets/ad.env": "PASSWORD=x"})
    for target in (tmp_path / "outside.png", tmp_path / "hub/secrets/ad.env", logo):
        logo.symlink_to(target)
        assert page.logo() is None
        logo.unlink()
    logo.write_bytes(b"x")
    assert page.logo() == logo
    os.truncate(logo, LARGEST_LOGO + 1)
    assert page.logo() is None


def test_the_version_of_the_style_sheet_is_its_content():
    assert (STATIC / "onehub.css").is_file()
    assert len(LivePage(START, Path("/nowhere"), LOG).look().style) == 12
