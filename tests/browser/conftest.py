"""A real browser. Playwright keeps a loop in the main thread: it ends with the module, for the async tests after."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from onehub.core.images import APT_INSTALL
from tests.e2e.deployment import REPOSITORY, run

_CHROMIUM = "/usr/bin/chromium"
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names of the tests' own are this host.
    "--host-resolver-rules=MAP *.test 127.0.0.1",
)
PATIENCE = 90_000
"""Milliseconds until something that should happen counts as never happening."""
expect.set_options(timeout=PATIENCE)


def sign_in(window: Page, base: str, name: str, password: str) -> None:
    """Type both on the login page and send them."""
    window.goto(f"{base}/hub/login")
    window.fill("#username_input", name)
    window.fill("#password_input", password)
    window.click("#login_submit")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's, installed where there is none."""
    if not Path(_CHROMIUM).exists():
        run("apt-get", "update", "--quiet")
        run(*APT_INSTALL, "chromium", "fonts-dejavu-core")
    return _CHROMIUM


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A real one."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        yield launched
        launched.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has used yet; certificates of our own making count."""
    made = browser.new_context(ignore_https_errors=True, reduced_motion="reduce")
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


@pytest.fixture
def window(context: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window of it; how it looked in the end is left in `.artefacts/browser`."""
    made = context.new_page()
    yield made
    if not made.is_closed():
        name = re.sub(r"[^\w.-]+", "-", request.node.name)
        made.screenshot(path=REPOSITORY / ".artefacts" / "browser" / f"{name}.png")
