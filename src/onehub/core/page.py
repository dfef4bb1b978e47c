"""The words and the picture on the hub's pages: `[page]` of `onehub.toml`, read anew whenever the file changes."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field, ValidationError, field_validator

from . import sources
from .complaints import problem_of
from .errors import Problem
from .sections import Section

_PICTURES = (".svg", ".png", ".jpg", ".jpeg", ".webp", ".gif")
LARGEST_LOGO = 1_000_000
"""Bytes."""
_SECRETS = "secrets"
_LINK = r"^((https?://|mailto:)[^\s\"'<>]+)?$"


class Page(Section):
    """How the hub's pages look; an edit needs no restart. All of it is text: HTML is shown as it is written."""

    title: str = Field("JupyterHub", min_length=1, max_length=60)
    """The name of the service: beside the logo and in the browser's tab."""
    logo: str = ""
    """A picture (SVG, PNG, JPEG, WebP or GIF, up to 1 MB) as a path relative to the deployment directory."""
    welcome: str = Field("", max_length=4000)
    """Words on the sign-in page. An empty line begins a paragraph; addresses with https:// become links."""
    help_url: str = Field("", pattern=_LINK)
    """Where people find help, https:// or mailto:; shown on every page."""
    help_text: str = Field("Help", min_length=1, max_length=60)
    """What that link is called."""
    announcement: str = Field("", max_length=2000)
    """Shown at the top of every page, and inside JupyterLab."""
    announcement_level: Literal["info", "warning"] = "info"
    """How urgent the announcement looks."""

    @field_validator("logo")
    @classmethod
    def _a_picture_of_the_deployment(cls, value: str) -> str:
        path = PurePosixPath(value)
        if value and (path.is_absolute() or ".." in path.parts or path.parts[0] == _SECRETS):
            raise ValueError(f"{value!r} must be a path inside the deployment directory, outside of {_SECRETS}")
        if value and path.suffix.lower() not in _PICTURES:
            raise ValueError(f"{value!r} must be a picture: {', '.join(_PICTURES)}")
        return value


def load_page(directory: Path) -> tuple[Page, tuple[Problem, ...]]:
    """`[page]` as the file says now, with defaults in place of what is wrong; and every problem.

    The hub reads it anew when the file has changed. Raises PermissionError.
    """
    found = sources.read_table(directory, "page")
    values = found.values.get("page", {})
    try:
        return Page.model_validate(values), tuple(found.problems)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        told = [problem_of({**details, "loc": ("page", *details["loc"])}, {"page": Page}, found) for details in wrong]
        left = {name: value for name, value in values.items() if name not in {details["loc"][0] for details in wrong}}
        return Page.model_validate(left), (*found.problems, *told)
