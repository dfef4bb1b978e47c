"""Signing in and out: a refusal is part of the form, with a reason and a reference, not an error page."""

from __future__ import annotations

from jupyterhub.handlers.login import LoginHandler, LogoutHandler
from markupsafe import Markup
from tornado import web

from onehub.core.obstacles import Obstacle

_LONGEST_SHOWN = 256


class SignInRefused(web.HTTPError):
    """The login page is shown again, with words for the person."""

    def __init__(self, obstacle: Obstacle, reference: str, password_help: str = "") -> None:
        super().__init__(obstacle.status, obstacle.words)
        self.obstacle = obstacle
        self.reference = reference
        self.password_help = password_help if obstacle.about_password else ""

    def markup(self) -> Markup:
        """Words, the company's page for passwords where it helps, and what to quote to the operator."""
        link = Markup(' <a href="{0}">{0}</a>').format(self.password_help) if self.password_help else ""
        return Markup('{}{}<br><small class="reference">Reference: {}</small>').format(
            self.obstacle.words, link, self.reference
        )


class SignInHandler(LoginHandler):
    """JupyterHub's login page, with our refusals."""

    async def post(self):
        try:
            await super().post()
        except SignInRefused as refusal:
            self.set_status(refusal.status_code)
            username = self.get_body_argument("username", "")[:_LONGEST_SHOWN]
            self.finish(await self._render(login_error=refusal.markup(), username=username))


class SignOutHandler(LogoutHandler):
    """Says that one is signed out; JupyterHub would show the login form without a word."""

    async def render_logout_page(self):
        self.finish(await self.render_template("logout.html"))
