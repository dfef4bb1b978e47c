"""How long a person waits for the route to their new server: ours beside jupyterhub-traefik-proxy as it comes.

Each has a Traefik of its own, from the same image; they are measured alternately, as these machines are noisy.
Prints a table and writes bench/results/routes.json: `ours_ms` and `stock_ms` (medians), `ratio` (ours : stock).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onehub.core.names import HUB_IMAGE, PROXY_IMAGE

_RESULT = Path(__file__).parent / "results" / "routes.json"
_ROUNDS = 3
_NAME = f"onehub-bench-{os.getpid()}"
_ADD_ROUTES = """
import asyncio, json, sys, time
from jupyterhub_traefik_proxy.fileprovider import TraefikFileProviderProxy
from traitlets.config import Config
from onehub.core.settings import Settings
from onehub.hub import configure, routes

def ours():
    c = Config()
    configure._configure_proxy(c, "secret", Settings())
    return routes.RoutesProxy(config=c)

def stock():
    # What its documentation asks for; everything else is its default.
    return TraefikFileProviderProxy(
        should_start=False, dynamic_config_file="/srv/routes/rules.toml", traefik_api_url="http://proxy:8099",
        traefik_api_username="hub", traefik_api_password="secret", traefik_entrypoint="http",
        traefik_api_entrypoint="api",
    )

async def main():
    proxy = {"ours": ours, "stock": stock}[sys.argv[1]]()
    await proxy._start_future
    took = []
    for number in range(15):
        begun = time.monotonic()
        await proxy.add_route(f"/user/p{number}/", "http://127.0.0.1:1", {})
        took.append(1000 * (time.monotonic() - begun))
    print(json.dumps(took))

asyncio.run(main())
"""


def main() -> None:
    """Measure both; needs the images of the hub and its proxy (`make build`)."""
    took: dict[str, list[float]] = {"ours": [], "stock": []}
    for _ in range(_ROUNDS):
        for variant, values in took.items():
            values += _measure(variant)
    for variant, values in took.items():
        print(f"{variant:6} median {statistics.median(values):6.0f} ms   worst {max(values):6.0f} ms")
    ours, stock = (statistics.median(values) for values in took.values())
    print(f"ours : stock = {ours / stock:.2f}")
    result = {"ours_ms": round(ours, 1), "stock_ms": round(stock, 1), "ratio": round(ours / stock, 3)}
    _RESULT.write_text(json.dumps(result, indent=2) + "\n")


def _measure(variant: str) -> list[float]:
    hub = ("run", "--rm", "--network", _NAME, "--volume", f"{_NAME}:/srv/routes", "--user", "65532:65532")
    with _traefik():
        told = _docker(*hub, "--entrypoint", "python", HUB_IMAGE, "-c", _ADD_ROUTES, variant)
    values: list[float] = json.loads(told.splitlines()[-1])
    return values


@contextmanager
def _traefik() -> Iterator[None]:
    proxy = ("--network", _NAME, "--network-alias", "proxy", "--volume", f"{_NAME}:/srv/routes")
    _docker("network", "create", _NAME)
    try:
        _docker("run", "--detach", "--name", _NAME, *proxy, PROXY_IMAGE)
        yield
    finally:
        _docker("rm", "--force", _NAME)
        _docker("volume", "rm", _NAME)
        _docker("network", "rm", _NAME)


def _docker(*words: str) -> str:
    return subprocess.run(("docker", *words), capture_output=True, text=True, check=True, timeout=300).stdout


if __name__ == "__main__":
    main()
