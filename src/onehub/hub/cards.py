"""The choice on the page where a server is started: a card for each profile that the person is offered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from onehub.core.profiles import offered, preselected
from onehub.core.settings import Settings

from .launch import describe

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, trim_blocks=True
)


def cards(settings: Settings, groups: Iterable[str], last: object = None) -> str:
    """The form's HTML; empty where there is nothing to choose. `last`: the choice of last time."""
    mine = offered(settings.profile, groups)
    if len(mine) < 2:
        return ""
    chosen = next((profile for profile in mine if profile.name == last), preselected(mine))
    entries = [(profile, describe(settings, profile)) for profile in mine]
    return _TEMPLATES.get_template("cards.html").render(entries=entries, chosen=chosen)


def read_form(form: Mapping[str, list[str]]) -> dict[str, str | bool]:
    """The choice as it is kept: from the form, or from a link with `?profile=`."""
    if form.get("rescue") == ["true"]:
        return {"rescue": True}
    return {"profile": form["profile"][0]} if form.get("profile") else {}
