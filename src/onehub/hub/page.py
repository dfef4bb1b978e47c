"""The look of the hub's pages as `[page]` says now, and the files that the pages are made with."""

from __future__ import annotations

import hashlib
import logging
import mimetypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path

from jupyterhub.handlers.static import CacheControlStaticFilesHandler
from markupsafe import Markup, escape
from tornado import web

from onehub.core import sources
from onehub.core.page import LARGEST_LOGO, Page, load_page

from .rules import mark

STATIC = Path(__file__).with_name("static")
_LINK = re.compile(r"(https://[^\s<>\"']*[^\s<>\"'.,;:!?)\]])")
_YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class Look:
    """What templates show. Markup is made here alone, out of text that is escaped."""

    page: Page
    logo: str
    """The version of the picture, for its address; empty where there is none to show."""

    @property
    def title(self) -> str:
        return self.page.title

    @property
    def style(self) -> str:
        """The version of our style sheet, for its address."""
        return _style_version()

    @cached_property
    def welcome(self) -> Markup:
        return paragraphs(self.page.welcome)

    @cached_property
    def announcement(self) -> Markup:
        return paragraphs(self.page.announcement)

    @property
    def now(self) -> str:
        """For whoever reports an error: the hub's log has the same clock."""
        return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


class LivePage:
    """`[page]`, read again when the file has changed; the last good state holds while it is broken."""

    def __init__(self, page: Page, deployment: Path, log: logging.Logger) -> None:
        self._page = page
        self._deployment = deployment
        self._log = log
        self._mark: object = self  # like no file's, so that the first look reads

    def current(self) -> Page:
        """The settings of the moment."""
        now = mark(self._deployment / sources.TOML)
        if now != self._mark:
            self._mark = now
            self._read()
        return self._page

    def look(self) -> Look:
        """What templates show at this moment."""
        page, logo = self.current(), self.logo()
        return Look(page, hashlib.sha256(repr((page.logo, mark(logo))).encode()).hexdigest()[:12] if logo else "")

    def logo(self) -> Path | None:
        """The picture, if it is there, within the deployment, and no larger than it may be."""
        name = self.current().logo
        file, home = self._deployment / name, self._deployment.resolve()
        try:
            real = file.resolve()
            inside = real.is_relative_to(home) and not real.is_relative_to(home / "secrets")
            good = bool(name) and inside and real.is_file() and real.stat().st_size <= LARGEST_LOGO
            return real if good else None
        except (OSError, RuntimeError):  # unreadable, or a link to itself: `doctor` names it
            return None

    def _read(self) -> None:
        try:
            page, problems = load_page(self._deployment)
        except PermissionError as error:
            self._log.warning(
                "%s is not readable for the hub: edits of [page] wait for a restart of the hub", error.filename
            )
            return
        if problems:
            told = "; ".join(str(problem) for problem in problems)
            self._log.error("[page] has errors, the last good one holds: %s", told)
            return
        self._page = page


def paragraphs(text: str) -> Markup:
    """Text as HTML: everything escaped, empty lines part paragraphs, https addresses are links."""
    parts = [part.strip() for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    return Markup("").join(Markup("<p>{}</p>").format(_linked(part)) for part in parts)


def _linked(text: str) -> Markup:
    pieces = _LINK.split(text)
    # The odd ones are what the pattern caught.
    return Markup("").join(
        Markup('<a href="{0}">{0}</a>').format(piece) if index % 2 else _lines(piece)
        for index, piece in enumerate(pieces)
    )


def _lines(text: str) -> Markup:
    return Markup("<br>").join(escape(line) for line in text.split("\n"))


@cache
def _style_version() -> str:
    return hashlib.sha256((STATIC / "onehub.css").read_bytes()).hexdigest()[:12]


class OwnFiles(CacheControlStaticFilesHandler):
    """Our style sheet: kept by browsers for as long as its version is asked for."""

    def set_extra_headers(self, path):
        super().set_extra_headers(path)
        self.set_header("X-Content-Type-Options", "nosniff")


class LogoHandler(web.RequestHandler):
    """The picture of `[page]`."""

    def initialize(self, logo: Callable[[], Path | None]) -> None:
        self._logo = logo

    def get(self):
        file = self._logo()
        if file is None:
            raise web.HTTPError(404)
        try:
            picture = file.read_bytes()
        except OSError as error:
            raise web.HTTPError(404) from error
        self.set_header("Content-Type", mimetypes.guess_type(file.name)[0] or "application/octet-stream")
        self.set_header("X-Content-Type-Options", "nosniff")
        # An SVG is a document that could hold scripts, if somebody opens it by itself.
        self.set_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
        self.set_header("Cache-Control", f"max-age={_YEAR}" if self.get_argument("v", "") else "no-cache")
        self.finish(picture)


def page_handlers(live: LivePage) -> list[tuple]:
    """What the hub serves for its pages, below its own address."""
    return [
        (r"/onehub/static/(.*)", OwnFiles, {"path": str(STATIC)}),
        (r"/onehub/logo", LogoHandler, {"logo": live.logo}),
    ]
