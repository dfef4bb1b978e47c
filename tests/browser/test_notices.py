"""What people read inside JupyterLab: the announcement, and that their server is about to stop, with a way out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.deployment import REPOSITORY, TestDeployment
from tests.e2e.person import Person, wait_until

from .conftest import PATIENCE

_PICTURES = REPOSITORY / ".artefacts" / "notices"
_LONG = (
    "Maintenance on Friday, 18:00 to 19:00. " + "Please save your notebooks before, as all servers stop then. " * 3
)
_TOML = f"""
[culling]
idle = "60s"
warn = "30s"
every = "10s"

[page]
announcement = "{_LONG.strip()}"
announcement_level = "warning"
"""


@pytest.fixture
def hub(deployment: TestDeployment) -> Iterator[TestDeployment]:
    """Short times, and an announcement."""
    deployment.write_toml(_TOML)
    deployment.onehub("up")
    _PICTURES.mkdir(parents=True, exist_ok=True)
    yield deployment
    deployment.write_toml()
    deployment.onehub("up")


@pytest.fixture
def alice(hub: TestDeployment) -> Iterator[Person]:
    """With a server."""
    somebody = Person(hub.base, "alice")
    assert somebody.sign_in(hub.passwords()["alice"]).status_code == 302
    somebody.start(300)
    yield somebody
    somebody.stop()
    somebody.client.close()


@pytest.mark.parametrize("application", ["lab", "tree"])
def test_the_announcement_and_the_warning_with_its_button(
    hub: TestDeployment, alice: Person, window: Page, application: str
):
    jar = [
        {"name": cookie.name, "value": cookie.value, "domain": urlsplit(hub.base).hostname, "path": cookie.path}
        for cookie in alice.client.cookies.jar
    ]
    window.context.add_cookies(jar)
    window.goto(f"{hub.base}/user/alice/{application}")
    announcement = window.locator(".Toastify__toast", has_text="Maintenance on Friday")
    expect(announcement).to_be_visible(timeout=PATIENCE)
    announcement.get_by_role("button", name="Read all").hover()  # which waits until it stands still
    window.screenshot(path=_PICTURES / f"{application}-announcement.png")
    announcement.get_by_role("button", name="Read all").click()
    expect(window.get_by_role("dialog").get_by_text(re.compile("all servers stop then"))).to_be_visible(
        timeout=PATIENCE
    )
    window.get_by_role("dialog").get_by_role("button", name="Ok").click()

    # Nobody is here any more, as far as the server can tell.
    window.route(
        re.compile(r"/user/alice/(api|lab|lsp)/"), lambda route: route.continue_(url=untracked(route.request.url))
    )
    warning = window.locator(".Toastify__toast", has_text="Your server stops in")
    expect(warning).to_be_visible(timeout=180_000)
    warning.get_by_role("button", name="Keep it running").hover()
    window.screenshot(path=_PICTURES / f"{application}-warning.png")
    before = alice.server("GET", "/onehub/notices?no_track_activity=1").json()
    assert before["warn"]
    warning.get_by_role("button", name="Keep it running").click()
    expect(window.locator(".Toastify__toast", has_text="keeps running")).to_be_visible(timeout=PATIENCE)
    expect(warning).to_have_count(0, timeout=PATIENCE)
    window.screenshot(path=_PICTURES / f"{application}-kept.png")
    after = alice.server("GET", "/onehub/notices?no_track_activity=1").json()
    assert after["stops_at"] > before["stops_at"]
    window.close()
    if application == "lab":
        wait_until(lambda: not alice.server_state(), "nobody has kept it this time", seconds=300)


def untracked(url: str) -> str:
    """The same request, so that the server does not count it as activity."""
    return f"{url}{'&' if '?' in url else '?'}no_track_activity=1"
