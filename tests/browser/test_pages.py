"""The hub's pages as people see them, hear them and type in them; pictures of each are left in `.artefacts/pages`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.deployment import REPOSITORY, TestDeployment, inspect, run
from tests.e2e.person import Person, wait_until

from .conftest import PATIENCE, sign_in

_PICTURES = REPOSITORY / ".artefacts" / "pages"
_PHONE, _DESK = 360, 1280
_LOOKS = {(_PHONE, "light"): True, (_PHONE, "dark"): False, (_DESK, "light"): False, (_DESK, "dark"): True}
"""Each width and scheme → whether axe looks as well: at each width and at each scheme once."""

_PAGE = """
[page]
title = "Example University"
logo = "logo.svg"
welcome = '''
Sign in with your university account.

New here? Read https://help.example.org/start first.
'''
help_url = "https://help.example.org/"
help_text = "Help and contact"
announcement = "Maintenance on Friday, 18:00 to 19:00. Running servers are not touched."
"""
_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">'
    '<rect width="48" height="48" rx="11" fill="#0b5cad"/>'
    '<path d="M12 33V17l12-6 12 6v16M12 33h24M19 33V22m5 11V22m5 11V22" fill="none" stroke="#fff" stroke-width="3"/>'
    "</svg>"
)


@pytest.fixture(scope="module")
def hub(deployment: TestDeployment) -> Iterator[TestDeployment]:
    """The demo with a look, profiles, and one start at a time."""
    images = {"slow": '["sleep", "80"]', "ends": '["false"]'}
    for name, entry in images.items():
        folder = deployment.directory / f"image-{name}"
        folder.mkdir()
        (folder / "Dockerfile").write_text(f"FROM jupyterhub-user\nENTRYPOINT {entry}\nCMD []\n")
        run("docker", "build", "--tag", f"localhost/{deployment.project}-{name}:1", folder)
    (deployment.directory / "logo.svg").write_text(_LOGO)
    _write_page(deployment, _PAGE)
    deployment.onehub("up")
    try:
        yield deployment
    finally:
        deployment.write_toml()
        deployment.onehub("up")
        for name in images:
            run("docker", "image", "rm", "--force", f"localhost/{deployment.project}-{name}:1", check=False)


def _write_page(deployment: TestDeployment, page: str) -> None:
    profiles = {
        "Small": 'description = "For reading, writing and small tables"\nmemory = "512M"\ncpu = 0.5',
        "Large": 'description = "For statistics with whole data sets"\nmemory = "1G"\ncpu = 1.5',
        "Ends": f'image = "localhost/{deployment.project}-ends:1"',
        "Slow": f'image = "localhost/{deployment.project}-slow:1"',
    }
    tables = "".join(f'[[profile]]\nname = "{name}"\n{more}\n' for name, more in profiles.items())
    deployment.write_toml(f'starts_at_once = 1\nstart_timeout = "70s"\n{page}{tables}')


def _look(window: Page, name: str) -> None:
    """Pictures at each width in each scheme; nothing sticks out; axe has nothing serious to say."""
    _PICTURES.mkdir(parents=True, exist_ok=True)
    for (width, scheme), with_axe in _LOOKS.items():
        window.set_viewport_size({"width": width, "height": 760})
        window.emulate_media(color_scheme=scheme)
        expect(window.locator("html")).to_have_attribute("data-bs-theme", scheme)
        window.screenshot(path=_PICTURES / f"{name}-{width}-{scheme}.png")
        assert window.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
        if with_axe:
            found = Axe().run(window).response["violations"]
            bad = [(rule["id"], rule["nodes"]) for rule in found if rule["impact"] in ("serious", "critical")]
            assert not bad, f"{name} at {width} px, {scheme}: {bad}"


def _sign_in(window: Page, hub: TestDeployment, name: str, password: str = "") -> None:
    sign_in(window, hub.base, name, password or hub.passwords()[name])


def _start(window: Page, profile: str) -> None:
    window.goto(re.sub(r"/hub/.*", "/hub/spawn", window.url))
    window.get_by_role("radio", name=profile).check()
    window.get_by_role("button", name="Start", exact=True).click()


def test_signing_in_and_a_wrong_password(hub, window):
    window.goto(f"{hub.base}/hub/login")
    expect(window).to_have_title("Sign in – Example University")
    expect(window.locator("#username_input")).to_be_focused()
    expect(window.get_by_role("link", name="https://help.example.org/start")).to_be_visible()
    assert window.evaluate("document.querySelector('.onehub-logo').naturalWidth") > 0
    _look(window, "login")
    _sign_in(window, hub, "bob", "wrong")
    told = window.get_by_role("alert")
    expect(told).to_contain_text("Wrong user name or password.")
    expect(told).to_contain_text(re.compile("Reference: [0-9a-f]{8}"))
    # The name is kept, the focus is where the typing goes on, and a screen reader says why.
    expect(window.locator("#username_input")).to_have_value("bob")
    expect(window.locator("#password_input")).to_be_focused()
    expect(window.locator("#password_input")).to_have_accessible_description(re.compile("Wrong user name"))
    _look(window, "wrong-password")
    window.fill("#password_input", "secret")
    window.get_by_role("button", name="Show the password").click()
    expect(window.locator("#password_input")).to_have_attribute("type", "text")


def test_by_keyboard_alone_from_the_sign_in_to_jupyterlab(hub, window):
    window.goto(f"{hub.base}/hub/login")
    window.keyboard.type("bob")
    window.keyboard.press("Tab")
    window.keyboard.type(hub.passwords()["bob"])
    window.keyboard.press("Enter")
    window.wait_for_url("**/hub/spawn**")
    window.keyboard.press("Tab")
    expect(window.get_by_role("link", name="Skip to the content")).to_be_focused()
    window.keyboard.press("Enter")
    window.keyboard.press("Tab")
    expect(window.get_by_role("radio", name="Small")).to_be_focused()
    _look(window, "profiles")
    window.keyboard.press("ArrowDown")
    expect(window.get_by_role("radio", name="Large")).to_be_checked()
    window.keyboard.press("Tab")
    button = window.get_by_role("button", name="Start", exact=True)
    expect(button).to_be_focused()
    assert button.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
    window.keyboard.press("Enter")
    window.wait_for_url(f"{hub.base}/user/bob/**", wait_until="commit")
    window.goto(f"{hub.base}/hub/home")
    expect(window.get_by_role("link", name="Open JupyterLab")).to_be_visible()
    _look(window, "home-running")
    window.get_by_role("button", name="Stop it").focus()
    window.keyboard.press("Enter")
    expect(window.get_by_role("link", name="Start my server")).to_be_visible()
    _look(window, "home")


def test_the_queue_says_where_one_is_and_goes_on_by_itself(hub, window):
    alice = Person(hub.base, "alice")
    assert alice.sign_in(hub.passwords()["alice"]).status_code == 302
    assert alice.hub("POST", "/users/alice/server", {"profile": "Slow"}).status_code in (201, 202)
    server = hub.server("alice")
    wait_until(lambda: run("docker", "inspect", server, check=False).returncode == 0, "alice has her turn")
    _sign_in(window, hub, "bob")
    window.wait_for_url("**/hub/spawn**")
    _start(window, "Small")
    news = window.locator("#progress-message")
    expect(news).to_have_text(re.compile(r"You are number 1 in the queue: about \d+ (s|min) to go\."))
    expect(news).to_have_attribute("role", "status")
    expect(window).to_have_title("1. in the queue – Example University")
    _look(window, "queue")
    run("docker", "kill", server, check=False)
    window.wait_for_url(f"{hub.base}/user/bob/**", wait_until="commit")
    bob = Person(hub.base, "bob")
    assert bob.sign_in(hub.passwords()["bob"]).status_code == 302
    bob.stop()
    for somebody in (alice, bob):
        somebody.client.close()


def test_a_failed_start_says_what_happened_and_what_to_do(hub, window):
    _sign_in(window, hub, "bob")
    window.wait_for_url("**/hub/spawn**")
    _start(window, "Ends")
    # On the page with the choice or on the one of the progress, by how soon it failed.
    words = re.compile("Reference: [0-9a-f]{8}")
    expect(window.get_by_role("main")).to_contain_text(words)
    _look(window, "failed-start-at-once")
    window.goto(f"{hub.base}/hub/spawn-pending/bob")
    expect(window.get_by_role("heading", level=1)).to_have_text("Your server did not start")
    expect(window.get_by_role("alert")).to_contain_text(words)
    expect(window.get_by_role("link", name="Try again")).to_be_visible()
    _look(window, "failed-start")


def test_other_pages(hub, window):
    _sign_in(window, hub, "bob")
    window.wait_for_url("**/hub/spawn**")
    for path, name, heading in (
        ("token", "tokens", "Manage JupyterHub Tokens"),
        ("nothing", "error-404", "There is no such page"),
        ("admin", "error-403", "You may not do this"),
        ("logout", "signed-out", "You are signed out"),
    ):
        window.goto(f"{hub.base}/hub/{path}")
        expect(window.get_by_role("heading", level=1)).to_have_text(heading)
        _look(window, name)
    _sign_in(window, hub, "ada")
    window.wait_for_url("**/hub/spawn**")
    window.goto(f"{hub.base}/hub/admin")
    expect(window.get_by_role("button", name="Details of bob")).to_be_visible()
    _look(window, "admin")


def test_the_toggle_for_the_dark_scheme_is_remembered(hub, window):
    window.emulate_media(color_scheme="light")
    window.goto(f"{hub.base}/hub/login")
    light = window.locator("body").evaluate("each => getComputedStyle(each).backgroundColor")
    window.get_by_role("button", name="Toggle dark mode").click()
    expect(window.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert window.locator("body").evaluate("each => getComputedStyle(each).backgroundColor") != light
    window.reload()
    expect(window.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_the_announcement_changes_without_a_restart_and_outlives_a_broken_file(hub, window):
    started = inspect("container", hub.hub)["State"]["StartedAt"]
    window.goto(f"{hub.base}/hub/login")
    told = window.get_by_role("complementary", name="Announcement")
    expect(told).to_contain_text("Maintenance on Friday")
    expect(told).to_have_class(re.compile("alert-info"))
    try:
        new = 'announcement = "<b>Now</b> & here"\nannouncement_level = "warning"\n'
        _write_page(hub, re.sub("(?m)^announcement = .*\n", new, _PAGE))
        window.reload()
        expect(told).to_have_text("<b>Now</b> & here", timeout=PATIENCE)
        expect(told).to_have_class(re.compile("alert-warning"))
        _write_page(hub, '[page]\ntitle = ["no title"]\n')
        window.reload()
        expect(told).to_have_text("<b>Now</b> & here")
        assert "[page] has errors, the last good one holds: onehub.toml: page.title: " in hub.logs()
        assert "page.title" in hub.onehub("config", "check", check=False).stderr
    finally:
        _write_page(hub, _PAGE)
    window.reload()
    expect(told).to_contain_text("Maintenance on Friday")
    assert inspect("container", hub.hub)["State"]["StartedAt"] == started
