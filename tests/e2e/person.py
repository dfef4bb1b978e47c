"""A person at their browser, as far as HTTP goes: form, redirects, cookies, XSRF, REST and the kernel's websocket."""

from __future__ import annotations

import json
import ssl
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import websockets

_HERE = "127.0.0.1"
_PATIENCE = 90
"""Seconds until something that should happen counts as never happening."""


@dataclass
class Person:
    """One browser session."""

    base: str
    """Without a slash at its end; with the path below which the hub lives."""
    name: str
    trust: ssl.SSLContext | None = None
    """For https: whose certificates count. Every host name is then this host."""
    own_host: bool = False
    """Whether each person's server has a host name of its own."""
    client: httpx.Client = field(init=False)
    token: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self.client = httpx.Client(
            base_url=self.base, follow_redirects=True, timeout=_PATIENCE, transport=_transport(self.trust)
        )

    def sign_in(self, password: str, typed: str | None = None) -> httpx.Response:
        """Fill the login form; the page that follows."""
        page = self.client.get("/hub/login")
        form = {"username": typed or self.name, "password": password, "_xsrf": self._xsrf("/hub/")}
        return self.client.post("/hub/login", data=form, headers={"Referer": str(page.url)}, follow_redirects=False)

    def is_signed_in(self) -> bool:
        return self.client.get("/hub/home", follow_redirects=False).status_code == 200

    def hub(self, method: str, path: str, body: object = None) -> httpx.Response:
        """The hub's REST API, with the browser's cookies, as the hub's own pages use it."""
        headers = {"X-XSRFToken": self._xsrf("/hub/"), "Referer": f"{self.base}/hub/home"}
        return self.client.request(method, f"/hub/api{path}", json=body, headers=headers)

    def start(self, patience: float = _PATIENCE, profile: str = "") -> None:
        """Start the server and wait until it answers, at most `patience` seconds."""
        answer = self.hub("POST", f"/users/{self.name}/server", {"profile": profile} if profile else {})
        assert answer.status_code in (201, 202), answer.text
        self.until_ready(patience)
        made = self.hub("POST", f"/users/{self.name}/tokens", {"note": "test", "expires_in": 3600})
        assert made.status_code == 201, made.text
        self.token = made.json()["token"]

    def until_ready(self, patience: float = _PATIENCE) -> None:
        """Wait until the server answers, whoever started it."""
        wait_until(lambda: self.server_state().get("ready"), f"the server of {self.name} is ready", patience)

    def stop(self) -> None:
        self.hub("DELETE", f"/users/{self.name}/server")
        wait_until(lambda: not self.server_state(), f"the server of {self.name} is gone")

    def server(self, method: str, path: str, body: object = None) -> httpx.Response:
        """The REST API of the person's own server."""
        return self.server_of(self.name, method, path, body)

    def server_of(self, name: str, method: str, path: str, body: object = None) -> httpx.Response:
        headers = {"Authorization": f"token {self.token}"}
        url = f"{self.base_of(name)}/user/{name}{path}"
        with httpx.Client(timeout=_PATIENCE, transport=_transport(self.trust)) as client:
            return client.request(method, url, json=body, headers=headers)

    def base_of(self, name: str) -> str:
        """Where somebody's server is."""
        return self.base.replace("://", f"://{name}.") if self.own_host else self.base

    def write(self, path: str, text: str) -> None:
        answer = self.server("PUT", f"/api/contents/{path}", {"type": "file", "format": "text", "content": text})
        assert answer.status_code in (200, 201), answer.text

    def read(self, path: str) -> httpx.Response:
        return self.server("GET", f"/api/contents/{path}")

    @asynccontextmanager
    async def kernel(self, number: str = "") -> AsyncIterator[Kernel]:
        """A running Python kernel with its websocket open: a new one, or the one of that number."""
        if not number:
            made = self.server("POST", "/api/kernels", {"name": "python3"})
            assert made.status_code == 201, made.text
            number = made.json()["id"]
        base = self.base_of(self.name).replace("http", "ws", 1)
        url = f"{base}/user/{self.name}/api/kernels/{number}/channels"
        headers = {"Authorization": f"token {self.token}"}
        here = {"ssl": self.trust, "host": _HERE, "port": httpx.URL(url).port} if self.trust else {}
        async with websockets.connect(url, additional_headers=headers, max_size=None, **here) as socket:
            yield Kernel(socket, number)

    def server_state(self) -> dict:
        answer = self.hub("GET", f"/users/{self.name}")
        return answer.json().get("servers", {}).get("", {})

    def _xsrf(self, path: str) -> str:
        """The token of the cookie that a browser would send to this path of the hub."""
        path = urlsplit(self.base).path + path
        if not any(cookie.name == "_xsrf" and cookie.path == path for cookie in self.client.cookies.jar):
            self.client.get("/hub/home")
        jar = self.client.cookies.jar
        return next(cookie.value or "" for cookie in jar if cookie.name == "_xsrf" and cookie.path == path)


class _Here(httpx.HTTPTransport):
    """Goes to this host whatever the name, as an entry in DNS would say; the certificate must be for the name."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url, name = request.url.copy_with(host=_HERE), request.url.host
        extensions = {**request.extensions, "sni_hostname": name}
        body = request.stream
        there = httpx.Request(request.method, url, headers=request.headers, stream=body, extensions=extensions)
        return super().handle_request(there)


def _transport(trust: ssl.SSLContext | None) -> httpx.HTTPTransport | None:
    return _Here(verify=trust) if trust else None


class Kernel:
    """A kernel's websocket."""

    def __init__(self, socket, number: str = "") -> None:
        self.number = number
        self._socket = socket
        self._session = uuid.uuid4().hex

    async def submit(self, code: str) -> str:
        """Send code; the request's id."""
        request = uuid.uuid4().hex
        header = {"msg_id": request, "msg_type": "execute_request", "session": self._session, "username": ""}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        header |= {"version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        await self._socket.send(json.dumps(message | {"channel": "shell", "buffers": []}))
        return request

    async def output(self, request: str) -> str:
        """Everything the request printed or returned, once it is done. Its errors are AssertionErrors."""
        told = ""
        while True:
            message = json.loads(await self._socket.recv())
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                told += content["text"]
            elif kind == "execute_result":
                told += content["data"]["text/plain"]
            elif kind == "error":
                raise AssertionError("\n".join(content["traceback"]))
            elif kind == "status" and content["execution_state"] == "idle":
                return told

    async def run(self, code: str) -> str:
        return await self.output(await self.submit(code))


def wait_until(condition, what: str, seconds: float = _PATIENCE) -> None:
    """Poll until true. An AssertionError names what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s it is not so that {what}"
        time.sleep(0.1)
