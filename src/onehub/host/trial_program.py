"""Tries the image in whose container it runs, beside the server that the container starts.

It plays the hub, which the server wants to see, waits until the server answers, imports what notebooks need, and lets
a kernel compute. What it found goes to stdout as one line of JSON; `problem` says why the image is of no use. It runs
by whatever Python the image has.
"""

from __future__ import annotations

import importlib
import json
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

_HUB = ("127.0.0.1", 8081)
_IMPORTS = ("jupyterlab", "ipykernel")
_MARK = "onehub-trial: "


class Unfit(Exception):
    """The image is of no use; the text says why."""


def hub_of(version: str) -> type[BaseHTTPRequestHandler]:
    """A hub that knows its version and takes note of nothing."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say({"version": version})

        def do_POST(self) -> None:
            self._say({})

        def _say(self, value: dict[str, str]) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-JupyterHub-Version", version)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    return Hub


def await_server(address: str) -> str:
    """The release of JupyterHub that answers."""
    while True:
        try:
            with urlopen(address, timeout=10) as answer:  # noqa: S310 - of our own container
                return str(answer.headers.get("X-JupyterHub-Version", ""))
        except (URLError, OSError):
            time.sleep(0.1)


def compute() -> str:
    """What a kernel says to 6*7."""
    names = importlib.import_module("jupyter_client.kernelspec").KernelSpecManager().find_kernel_specs()
    if not names:
        raise Unfit("it has no kernel")
    chosen = "python3" if "python3" in names else sorted(names)[0]
    manager, client = importlib.import_module("jupyter_client.manager").start_new_kernel(kernel_name=chosen)
    try:
        said: list[str] = []
        client.execute_interactive("6*7", output_hook=lambda message: said.append(json.dumps(message["content"])))
        return " ".join(said)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def examine(tasks: dict[str, Any]) -> dict[str, str]:
    """What there is to say about the image."""
    stage = ["the server did not answer"]

    def too_late(*_: object) -> None:
        raise Unfit("{} within {} s".format(stage[0], tasks["seconds"]))

    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(tasks["seconds"])
    found: dict[str, str] = {}
    try:
        hub = HTTPServer(_HUB, hub_of(tasks["hub"]))
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        found["jupyterhub"] = await_server(tasks["address"])
        for name in _IMPORTS:
            stage[0] = f"`import {name}` did not end"
            try:
                importlib.import_module(name)
            except Exception as error:
                raise Unfit(f"`import {name}` fails: {type(error).__name__}: {error}") from error
        stage[0] = "a kernel did not compute 6*7"
        try:
            said = compute()
        except Unfit:
            raise
        except Exception as error:
            raise Unfit(f"a kernel does not start: {type(error).__name__}: {error}") from error
        if "42" not in said:
            raise Unfit("a kernel says {} to 6*7".format(said[:200] or "nothing"))
    except Unfit as error:
        found["problem"] = str(error)
    return found


if __name__ == "__main__":
    sys.stdout.write(_MARK + json.dumps(examine(json.loads(sys.argv[1]))) + "\n")
    sys.stdout.flush()
