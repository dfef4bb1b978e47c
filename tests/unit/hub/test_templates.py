"""Our pages, made with JupyterHub's own templates around them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import ChainableUndefined, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader

import onehub.hub
from onehub.core.page import Page
from onehub.hub.page import Look

THEIRS = Path(sys.prefix, "share/jupyterhub/templates")
OURS = Path(onehub.hub.__file__).with_name("templates")
PAGES = sorted({file.name for file in (*OURS.glob("[!_c]*.html"), *THEIRS.glob("*.html"))})


@pytest.fixture
def page() -> Callable[..., str]:
    """Renders as JupyterHub does: ours first, theirs by the name `templates/…`."""
    theirs = FileSystemLoader(THEIRS)
    loader = ChoiceLoader([PrefixLoader({"templates": theirs}), FileSystemLoader(OURS), theirs])
    environment = Environment(loader=loader, autoescape=True, undefined=ChainableUndefined)
    environment.globals |= {"static_url": lambda path, **_: path, "csrf": "", "base_url": "/hub/"}

    def render(name: str, settings: Page | None = None, **values: object) -> str:
        return environment.get_template(name).render(
            look=Look(settings or Page(), ""), progress_url="/hub/api/progress", **values
        )

    return render


def somebody(notice: str) -> SimpleNamespace:
    authenticator = SimpleNamespace(password_notice=lambda name: notice)
    return SimpleNamespace(name="alice", authenticator=authenticator, all_spawners=lambda **_: [])


def test_the_admin_page_says_when_passwords_travel_in_clear(page):
    words = "Passwords travel to the directory dc1.example.com without encryption"
    assert words in page("admin.html", insecure_directory="dc1.example.com")
    assert "without encryption" not in page("admin.html", insecure_directory="")


def test_the_home_page_warns_of_a_password_that_expires_and_names_the_page_for_it(page):
    told = page("home.html", user=somebody("Your password expires in 5 days."), password_help="https://pw.example")
    assert "Your password expires in 5 days." in told
    assert '<a href="https://pw.example">Set a new one</a>' in told
    assert "https://pw.example" not in page("home.html", user=somebody(""), password_help="https://pw.example")


def test_the_page_for_choosing_a_server_is_theirs_with_our_cards(page):
    form = "<fieldset>cards</fieldset>"
    told = page("spawn.html", user=somebody(""), for_user=somebody(""), spawner_options_form=form, url="/hub/spawn")
    assert form in told
    assert "<h1>Start a server</h1>" in told


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_the_title_the_announcement_and_one_main_part(page, name):
    settings = Page(
        title="A <b> hub",
        announcement="Down & out <i>soon</i>",
        announcement_level="warning",
        help_url="https://h.example",
    )
    told = page(name, settings, user=somebody(""), status_code=500)
    head, _, body = told.partition("</head>")
    assert "A &lt;b&gt; hub" in head.partition("<title>")[2].partition("</title>")[0]
    assert "Down &amp; out &lt;i&gt;soon&lt;/i&gt;" in body
    assert "alert-warning" in body
    assert '<a href="https://h.example">Help</a>' in body
    assert body.count("<main") == body.count("</main>") == 1
    assert body.index("Announcement") < body.index("<main") < body.index("</main>") < body.index("<footer")


def test_a_refusal_stands_in_the_form_and_belongs_to_its_fields(page):
    told = page("login.html", login_error="Wrong.", username="al<ice")
    assert 'role="alert">Wrong.</p>' in told
    assert told.count('aria-describedby="login_error"') == 2
    assert 'value="al&lt;ice"' in told
    assert "login_error" not in page("login.html").partition("<body>")[2]


def test_an_error_says_what_to_quote(page):
    told = page("error.html", status_code=503, status_message="Service Unavailable", message="Full.")
    assert "<h1>Not at this moment</h1>" in told
    assert "<p>Full.</p>" in told
    assert "<code>503, 2" in told


@pytest.mark.parametrize("named", [False, True])
def test_the_home_page_leads_to_a_rescue_server_where_none_runs(page, named):
    values = {"user": somebody(""), "allow_named_servers": named, "named_server_limit_per_user": 2}
    assert page("home.html", **values).count("Start a rescue server") == 1
    assert "rescue" not in page("home.html", **values, default_server=SimpleNamespace(active=True))
