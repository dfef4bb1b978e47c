"""What a server runs starts without imports that it does not use, and can do all that it could with them."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import shutil
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urljoin

import docker
import httpx
import pytest
import websockets

from .deployment import REPOSITORY, run
from .person import Kernel

OURS = "jupyterhub-user"
VERSION = "6.1.1"
TOKEN = uuid.uuid4().hex
SHARE = "/usr/local/share/onehub"

_STACKS = """\
FROM localhost/onehub/notebook-minimal:0.1.0
COPY ca-certificates.crt requirements.txt /tmp/build/
ENV REQUESTS_CA_BUNDLE=/tmp/build/ca-certificates.crt
RUN pip install --no-cache-dir --quiet --requirement /tmp/build/requirements.txt
ENV REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
USER root
COPY start.sh start-notebook.py /usr/local/bin/
RUN chmod 755 /usr/local/bin/start*
USER jovyan
ENTRYPOINT ["tini", "-g", "--", "start.sh"]
CMD ["start-notebook.py"]
"""
"""Like the Jupyter project's images as far as starting goes: the package with the grammar, and scripts in a row."""
_START = """\
#!/bin/bash
set -e
exec "$@"
"""
_START_NOTEBOOK = """\
#!/usr/bin/env python
import os, sys
command = ["jupyterhub-singleuser", "--ip=0.0.0.0"] if "JUPYTERHUB_API_TOKEN" in os.environ else ["jupyter", "lab"]
os.execvp(command[0], command + sys.argv[1:])
"""


class _Hub(BaseHTTPRequestHandler):
    """As much of a hub as a server asks for: its release, who a token belongs to, and that it still works."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = 200
        if self.path.endswith("/user") and self.headers.get("Authorization") != f"token {TOKEN}":
            status = 403
        scopes = ["access:servers!user=ann"]
        body = {"version": VERSION, "kind": "user", "name": "ann", "scopes": scopes, "admin": False, "groups": []}
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("X-JupyterHub-Version", VERSION)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def _environment(hub: str) -> dict[str, str]:
    """What JupyterHub's spawners set."""
    scopes = '["access:servers!user=ann"]'
    return {
        "JUPYTERHUB_USER": "ann",
        "JUPYTERHUB_SERVER_NAME": "",
        "JUPYTERHUB_API_TOKEN": TOKEN,
        "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ann",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/ann/",
        "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/ann/",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": "/user/ann/oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
        "JUPYTERHUB_API_URL": f"http://{hub}/hub/api",
        "JUPYTERHUB_ACTIVITY_URL": f"http://{hub}/hub/api/users/ann/activity",
    }


@dataclass(frozen=True)
class Server:
    """A container with a server in it that answers."""

    name: str
    address: str
    prefix: str
    cpu: float
    """Seconds of processor time until the first answer."""

    def get(self, path: str, **more) -> httpx.Response:
        return self.request("GET", path, **more)

    def request(self, method: str, path: str, **more) -> httpx.Response:
        url = urljoin(f"http://{self.address}{self.prefix}", path.lstrip("/"))
        return httpx.request(method, url, headers=self.authority, timeout=60, follow_redirects=True, **more)

    def socket(self, path: str):
        url = f"ws://{self.address}{self.prefix}{path.lstrip('/')}"
        return websockets.connect(url, additional_headers=self.authority, max_size=None)

    def execute(self, *argv: str) -> str:
        done = run("docker", "exec", self.name, *argv)
        return done.stdout + done.stderr

    @property
    def authority(self) -> dict[str, str]:
        return {"Authorization": f"token {TOKEN}"}


Start = Callable[..., "contextmanager[Server]"]


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Start a server of an image: as a hub would, or by a command that a person types."""
    engine = docker.from_env()
    gateway = engine.networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway", "172.17.0.1")
    hub = ThreadingHTTPServer((gateway, 0), _Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()

    @contextmanager
    def starting(image: str, command: list[str] | None = None, **environ: str) -> Iterator[Server]:
        environment = {} if command else _environment(f"{gateway}:{hub.server_port}")
        prefix = "/" if command else "/user/ann/"
        container = engine.containers.run(image, command, environment=environment | environ, detach=True)
        try:
            container.reload()
            address = f"{container.attrs['NetworkSettings']['IPAddress']}:8888"
            _wait_for(address, f"{prefix}api", container)
            used = engine.api.stats(container.id, stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]
            yield Server(container.name, address, prefix, used["total_usage"] / 1e9)
        finally:
            container.remove(force=True, v=True)

    yield starting
    hub.shutdown()
    hub.server_close()
    engine.close()


def _wait_for(address: str, path: str, container) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(address, timeout=10)
        try:
            connection.request("GET", path)
            assert connection.getresponse().status == 200
        except OSError:
            time.sleep(0.01)
        else:
            return
        finally:
            connection.close()
    raise AssertionError(container.logs().decode())


def _build(folder: Path, tag: str, **args: str) -> None:
    words = [word for name, value in args.items() for word in ("--build-arg", f"{name}={value}")]
    run("docker", "build", "--network", "host", "--tag", tag, *words, folder)


@pytest.fixture(scope="module")
def stacks(deployment, tmp_path_factory) -> Iterator[str]:
    """An image of the Jupyter project's kind, as nobody has changed it."""
    folder, tag = tmp_path_factory.mktemp("stacks"), f"{deployment.project}-stacks"
    lines = (REPOSITORY / "images/notebook/requirements-minimal.txt").read_text().splitlines()
    pins = [line.split()[0] for line in lines if line.startswith(("lark==", "rfc3987-syntax=="))]
    assert len(pins) == 2
    files = {"Dockerfile": _STACKS, "start.sh": _START, "start-notebook.py": _START_NOTEBOOK}
    for name, text in (files | {"requirements.txt": "\n".join(pins)}).items():
        (folder / name).write_text(text)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", folder)
    _build(folder, tag)
    yield tag
    run("docker", "image", "rm", "--force", tag)


@pytest.fixture(scope="module")
def layer(tmp_path_factory) -> Path:
    """The build context of the layer."""
    folder = tmp_path_factory.mktemp("layer") / "context"
    shutil.copytree(REPOSITORY / "images/singleuser", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "extra-ca").mkdir()
    (folder / "extra-ca/.keep").touch()
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", folder)
    return folder


@pytest.fixture(scope="module")
def layered(stacks, layer) -> Iterator[str]:
    """The same with our layer."""
    _build(layer, f"{stacks}-layered", DOCKER_NOTEBOOK_IMAGE=stacks, JUPYTERHUB_VERSION=VERSION)
    yield f"{stacks}-layered"
    run("docker", "image", "rm", "--force", f"{stacks}-layered")


@pytest.fixture(scope="module", params=["ours, by hand", "ours", "layered"])
def server(request, deployment, start) -> Iterator[Server]:
    """Ours as a person starts it, ours as a hub does, somebody else's with the layer: all must do the same."""
    by_hand = ["jupyter", "lab", "--ip=0.0.0.0", f"--IdentityProvider.token={TOKEN}"]
    image = request.getfixturevalue("layered") if request.param == "layered" else OURS
    with start(image, by_hand if "hand" in request.param else None) as running:
        yield running


def test_jupyterlab_and_notebook_load_with_their_assets(server):
    for path, asset in (("lab", "static/lab/"), ("tree", "static/notebook/")):
        page = server.get(path)
        assert page.status_code == 200
        scripts = [part.split('"')[0] for part in page.text.split('src="')[1:]]
        main = [script for script in scripts if asset in script and script.split("?")[0].endswith(".js")]
        assert main, page.text
        for script in main:
            assert httpx.get(urljoin(str(page.url), script), headers=server.authority).status_code == 200
    settings = server.get("lab/api/settings").json()["settings"]
    assert any(setting["id"] == "@jupyterlab/apputils-extension:themes" for setting in settings)


async def test_a_kernel_computes(server):
    made = server.request("POST", "api/kernels", json={"name": "python3"}).json()
    async with server.socket(f"api/kernels/{made['id']}/channels") as socket:
        assert await Kernel(socket).run("6*7") == "42"
    assert server.request("DELETE", f"api/kernels/{made['id']}").status_code == 204


async def test_a_terminal_echoes(server):
    name = server.request("POST", "api/terminals").json()["name"]
    async with server.socket(f"terminals/websocket/{name}") as socket, asyncio.timeout(60):
        await socket.send(json.dumps(["stdin", "echo forty-$((1 + 1))\r"]))
        told = ""
        while "forty-2" not in told:
            kind, *rest = json.loads(await socket.recv())
            told += rest[0] if kind == "stdout" else ""
    assert server.request("DELETE", f"api/terminals/{name}").status_code == 204


def test_files_are_written_read_and_exported(server):
    model = {"type": "file", "format": "text", "content": "forty-two"}
    assert server.request("PUT", "api/contents/thesis.txt", json=model).status_code in (200, 201)
    assert server.get("api/contents/thesis.txt").json()["content"] == "forty-two"
    cell = {"cell_type": "code", "source": "6*7", "metadata": {}, "outputs": [], "execution_count": None, "id": "a"}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    body = {"type": "notebook", "content": notebook}
    assert server.request("PUT", "api/contents/sums.ipynb", json=body).status_code in (200, 201)
    page = server.get("nbconvert/html/sums.ipynb")
    assert page.status_code == 200
    assert "jp-Notebook" in page.text


def test_extensions_answer(server):
    assert server.get("lsp/status").json()["version"] == 2
    assert server.get("api/kernelspecs").json()["default"] == "python3"
    assert server.get("lab/api/listings/@jupyterlab/extensionmanager-extension/listings.json").status_code == 200
    listed = server.execute("jupyter", "server", "extension", "list")
    for name in ("jupyter_lsp", "jupyter_server_terminals", "jupyterlab", "notebook", "notebook_shim"):
        assert re.search(rf"^ *{name} \S*enabled", listed, re.MULTILINE), listed
        assert re.search(rf"^ *{name} .*OK", listed, re.MULTILINE), listed
    assert "disabled" not in listed


async def test_events_are_validated_and_reach_who_listens(server):
    schema = "https://events.jupyter.org/jupyter_server/contents_service/v1"
    event = {"schema_id": schema, "version": "1", "data": {"action": "save", "path": "thesis.txt"}}
    async with server.socket("api/events/subscribe") as socket, asyncio.timeout(60):
        assert server.request("POST", "api/events", json=event).status_code == 204
        assert json.loads(await socket.recv())["path"] == "thesis.txt"
        wrong = event | {"data": {"action": "no such action"}}
        assert server.request("POST", "api/events", json=wrong).status_code == 400


def test_nobody_gets_in_without_a_token(server):
    url = f"http://{server.address}{server.prefix}api/contents"
    assert httpx.get(url, follow_redirects=False).status_code in (302, 403)
    assert httpx.get(url, headers={"Authorization": "token wrong"}).status_code == 403


_PREPARED = f"""
import runpy, sys
launcher = runpy.run_path("{SHARE}/launcher.py", run_name="launcher")
launcher["prepare"]()
from jupyterhub.singleuser import main
loaded = lambda *names: sorted(set(names) & set(sys.modules))
"""


def python(image: str, code: str, *options: str) -> str:
    argv = ("docker", "run", "--rm", *options, image, "python3", "-c", _PREPARED + code)
    return run(*argv).stdout.strip()


def test_what_is_put_off_is_imported_when_it_is_wanted(layered):
    code = """
assert not loaded("sqlalchemy", "alembic", "lark", "jupyterhub.orm", "jupyterhub.user")
import jsonschema
conforms = jsonschema.FormatChecker().conforms
assert conforms("https://b\\u00fccher.example/\\u00fc?q#f", "iri")
assert not conforms("not an iri", "iri")
assert conforms("/\\u00fc", "iri-reference")
assert loaded("lark", "rfc3987_syntax.syntax_helpers")
import rfc3987_syntax
assert rfc3987_syntax.is_valid_syntax_iri("https://b\\u00fccher.example/")
import jupyterhub.log, jupyterhub.scopes
assert jupyterhub.scopes.orm.User.__tablename__ == "users"
assert jupyterhub.scopes._intersect_expanded_scopes({"users"}, {"users", "groups"}) == {"users"}
import sqlalchemy, jupyterhub.handlers.pages, jupyterhub.app
with sqlalchemy.create_engine("sqlite://").connect() as connection:
    print(connection.execute(sqlalchemy.text("select 6*7")).scalar())
"""
    assert python(layered, code) == "42"


def test_the_grammars_submodules_can_be_imported_first(layered):
    assert python(layered, "from rfc3987_syntax.syntax_helpers import parse; print(callable(parse))") == "True"


def test_an_image_without_these_packages_starts(deployment):
    assert python(OURS, "print(loaded('lark', 'rfc3987_syntax', 'sqlalchemy'))") == "[]"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("\\nfrom .orm import User\\nfrom sqlalchemy.exc import OperationalError\\n", ""),
        (
            "\\nimport jupyterhub.orm, sys\\nassert isinstance(jupyterhub.orm.__doc__, str)\\n",
            "starting without short cuts",
        ),
    ],
    ids=["reads more of the hub", "takes a stand-in badly"],
)
def test_another_release_of_jupyterhub_starts_as_well(layered, start, tmp_path, line, told):
    script = f'import jupyterhub.log as m; open(m.__file__, "a").write("{line}")'
    (tmp_path / "Dockerfile").write_text(f"FROM {layered}\nRUN {json.dumps(['python3', '-c', script])}\n")
    tag = f"{layered}-changed"
    try:
        _build(tmp_path, tag)
        with start(tag) as server:
            assert server.get("lab").status_code == 200
            assert told in run("docker", "logs", server.name).stderr
    finally:
        run("docker", "image", "rm", "--force", tag)


def test_the_short_cuts_can_be_switched_off(layered, start):
    with start(layered) as fast, start(layered, ONEHUB_PLAIN_START="1") as plain:
        assert plain.get("lab").status_code == 200
        assert fast.cpu < plain.cpu


def test_somebodys_own_wrapper_stays(stacks, layer, tmp_path):
    (tmp_path / "wrapper").write_text('#!/bin/sh\nexec python3 -P -m jupyterhub.singleuser "$@"\n')
    target = "/opt/jupyter/bin/jupyterhub-singleuser"
    (tmp_path / "Dockerfile").write_text(f"FROM {stacks}\nCOPY --chown=1000 wrapper {target}\n")
    tag = f"{stacks}-wrapped"
    (tmp_path / "wrapper").chmod(0o755)
    read = ("docker", "run", "--rm", tag, "cat", target)
    try:
        _build(tmp_path, tag)
        _build(layer, tag, DOCKER_NOTEBOOK_IMAGE=tag, JUPYTERHUB_VERSION=VERSION)
        assert run(*read).stdout == (tmp_path / "wrapper").read_text()
    finally:
        run("docker", "image", "rm", "--force", tag)


def test_bytecode_that_an_installer_left_out_is_made(stacks, layer, tmp_path):
    site = "/opt/jupyter/lib/python3*/site-packages"
    clear = f"find {site}/tornado -name '*.pyc' -delete"
    (tmp_path / "Dockerfile").write_text(f"FROM {stacks}\nENV PYTHONDONTWRITEBYTECODE=1\nRUN {clear}\n")
    tag = f"{stacks}-bare"
    try:
        _build(tmp_path, tag)
        _build(layer, tag, DOCKER_NOTEBOOK_IMAGE=tag, JUPYTERHUB_VERSION=VERSION)
        assert "web.cpython" in run("docker", "run", "--rm", tag, "sh", "-c", f"ls {site}/tornado/__pycache__").stdout
    finally:
        run("docker", "image", "rm", "--force", tag)


def test_a_start_takes_far_less_processor_time(stacks, layered, start):
    """Processor time, since seconds depend on what else the machine does. Measured: 0.36 to 0.45."""

    def seconds(image: str) -> float:
        with start(image) as server:
            return server.cpu

    turns = [(seconds(stacks), seconds(layered)) for _ in range(3)]
    assert statistics.median(after / before for before, after in turns) < 0.6
