"""Our pages, made with JupyterHub's own templates around them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import ChainableUndefined, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader

import onehub.hub

THEIRS = Path(sys.prefix, "share/jupyterhub/templates")
OURS = Path(onehub.hub.__file__).with_name("templates")


@pytest.fixture
def page() -> Callable[..., str]:
    """Renders as JupyterHub does: ours first, theirs by the name `templates/…`."""
    theirs = FileSystemLoader(THEIRS)
    loader = ChoiceLoader([PrefixLoader({"templates": theirs}), FileSystemLoader(OURS), theirs])
    environment = Environment(loader=loader, autoescape=True, undefined=ChainableUndefined)
    environment.globals |= {"static_url": lambda path, **_: path, "csrf": ""}
    return lambda name, **values: environment.get_template(name).render(**values)


def somebody(notice: str) -> SimpleNamespace:
    authenticator = SimpleNamespace(password_notice=lambda name: notice)
    return SimpleNamespace(name="alice", authenticator=authenticator, all_spawners=list)


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
    assert ".onehub-profile" in told
    assert "<h1>Start a server</h1>" in told
