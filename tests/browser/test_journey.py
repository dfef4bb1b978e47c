"""A person's way through the running system in each shape of the front door: Apache httpd, TLS, a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Error, FilePayload, Locator, Page, expect

from tests.e2e.deployment import REPOSITORY, TestDeployment

from .conftest import sign_in

_PICTURES = REPOSITORY / ".artefacts" / "journey"
_SELF_SIGNED = 'certificate = "self-signed"\n'
_PROFILES = """
[[profile]]
name = "Small"
memory = "1G"

[[profile]]
name = "Large"
"""
_UPLOAD = bytes(range(256)) * 4096


@dataclass(frozen=True)
class Shape:
    """One way to stand before the hub, and where people's servers are then."""

    name: str
    base: str
    server: str
    front: str


@pytest.fixture(scope="module", params=["root", "path", "hosts"])
def shape(request: pytest.FixtureRequest, deployment: TestDeployment) -> Iterator[Shape]:
    """The deployment with that front door."""
    port = deployment.https_port
    local, named = f"https://localhost:{port}", f"https://hub.test:{port}"
    shapes = {
        "root": Shape("root", local, local, ""),
        "path": Shape("path", f"{local}/jupyter", f"{local}/jupyter", f'address = "{local}/jupyter/"\n'),
        "hosts": Shape("hosts", named, f"https://bob.hub.test:{port}", f'address = "{named}/"\nsubdomains = true\n'),
    }
    made = shapes[request.param]
    deployment.write_toml(f"[front]\n{_SELF_SIGNED}{made.front}{_PROFILES}")
    deployment.onehub("up")
    _PICTURES.mkdir(parents=True, exist_ok=True)
    yield made
    deployment.write_toml()
    deployment.onehub("up")


def test_from_the_sign_in_to_the_sign_out(shape: Shape, deployment: TestDeployment, window: Page, tmp_path: Path):
    passwords = deployment.passwords()
    sign_in(window, shape.base, "bob", "wrong")
    expect(window.get_by_role("alert")).to_contain_text("Wrong user name or password.")
    sign_in(window, shape.base, "bob", passwords["bob"])
    window.wait_for_url("**/hub/spawn**")
    window.get_by_role("radio", name="Small").check()
    window.get_by_role("button", name="Start", exact=True).click()
    _arrive(window, f"{shape.server}/user/bob/lab")
    _compute(window)
    _picture(window, shape, "notebook")
    _use_terminal(window, f"made-{shape.name}.txt")
    _picture(window, shape, "terminal")
    _upload_and_download(window, f"upload-{shape.name}.bin", tmp_path)
    _picture(window, shape, "files")

    other = window.context.new_page()
    other.goto(f"{shape.base}/hub/home")
    _picture(other, shape, "home")
    other.get_by_role("button", name="Stop it").click()
    expect(other.get_by_role("link", name="Start my server")).to_be_visible()
    other.goto(f"{shape.base}/hub/logout")
    expect(other.get_by_role("heading", level=1)).to_have_text("You are signed out")

    sign_in(other, shape.base, "ada", passwords["ada"])
    other.wait_for_url("**/hub/spawn**")
    other.goto(f"{shape.base}/hub/admin")
    expect(other.get_by_role("button", name="Details of bob")).to_be_visible()
    _picture(other, shape, "admin")


def test_who_signs_out_in_one_tab_is_told_in_the_other(shape: Shape, deployment: TestDeployment, window: Page):
    sign_in(window, shape.base, "bob", deployment.passwords()["bob"])
    window.wait_for_url("**/hub/spawn**")
    window.get_by_role("button", name="Start", exact=True).click()
    _arrive(window, f"{shape.server}/user/bob/lab")
    other = window.context.new_page()
    other.goto(f"{shape.base}/hub/logout")
    expect(other.get_by_role("heading", level=1)).to_have_text("You are signed out")
    # Back in the first tab, a while later.
    window.bring_to_front()
    window.wait_for_timeout(5500)
    window.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(window.locator(".Toastify__toast", has_text="You are signed out")).to_be_visible()
    _picture(window, shape, "signed-out")
    sign_in(other, shape.base, "bob", deployment.passwords()["bob"])
    other.goto(f"{shape.base}/hub/home")
    other.get_by_role("button", name="Stop it").click()
    expect(other.get_by_role("link", name="Start my server")).to_be_visible()


def _arrive(window: Page, address: str) -> None:
    """By itself, from the page of the start.

    Where a network interface comes or goes on its own machine, as one does with each container here, Chromium drops
    what it is just loading; so what came by itself is loaded once more.
    """
    try:
        window.wait_for_url(f"{address}**", wait_until="commit")
    except Error as error:
        if "ERR_NETWORK_CHANGED" not in str(error):
            raise
    window.wait_for_timeout(1000)
    window.goto(address)
    _expect_jupyterlab(window)


def _expect_jupyterlab(window: Page) -> None:
    expect(window.locator(".jp-Launcher").first).to_be_visible()


def _launch(window: Page, kind: str) -> None:
    _expect_jupyterlab(window)
    window.locator(".jp-LauncherCard:visible", has_text=re.compile(kind)).first.click()


def _compute(window: Page) -> None:
    """A cell that gives 42."""
    _launch(window, "Python 3")
    expect(window.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    cell = window.locator(".jp-Notebook .jp-Cell .cm-content").first
    cell.click()
    window.keyboard.type("6*7")
    window.keyboard.press("Shift+Enter")
    expect(window.locator(".jp-OutputArea-output").first).to_have_text("42")


def _use_terminal(window: Page, name: str) -> None:
    """A command in it leaves a file."""
    window.get_by_role("menuitem", name="File", exact=True).click()
    window.locator(".lm-Menu-item", has_text=re.compile("^New Launcher")).first.click()
    _launch(window, "Terminal")
    terminal = window.locator(".jp-Terminal .xterm")
    expect(terminal).to_be_visible()
    # The shell takes its time until it listens.
    window.wait_for_timeout(3000)
    terminal.click()
    window.keyboard.type(f"echo $((6*7)) > {name}\n")
    expect(_file(window, name)).to_be_visible()


def _upload_and_download(window: Page, name: str, folder: Path) -> None:
    with window.expect_file_chooser() as chooser:
        window.locator(
            ".jp-FileBrowser [data-jp-item-name='uploader'] button, jp-button[title^='Upload']"
        ).first.click()
    chooser.value.set_files([FilePayload(name=name, mimeType="application/octet-stream", buffer=_UPLOAD)])
    item = _file(window, name)
    expect(item).to_be_visible()
    item.click(button="right")
    with window.expect_download() as download:
        window.locator(".lm-Menu-item", has_text=re.compile("^Download$")).first.click()
    download.value.save_as(folder / "download.bin")
    assert (folder / "download.bin").read_bytes() == _UPLOAD


def _file(window: Page, name: str) -> Locator:
    return window.locator(".jp-DirListing-item", has_text=name)


def _picture(window: Page, shape: Shape, name: str) -> None:
    window.screenshot(path=_PICTURES / f"{shape.name}-{name}.png")
