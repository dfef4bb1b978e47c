"""What the front door costs: Apache httpd and our proxy beside Apache httpd and configurable-http-proxy, alternately.

Both have the same Apache, TLS and the same server behind them; ours is the virtual host that `onehub httpd` writes,
the other the rewrite rules that JupyterHub's documentation gives. To know what each part has to do with it, three
more ways are measured too: through Apache alone, as if a proxy cost nothing, and through each proxy alone, without
Apache and TLS. Prints a table and writes bench/results/front-door.json: `requests_ratio`, `download_ratio` (ours :
stock), `bound_…` (Apache alone : stock, which no proxy can exceed), `proxy_…` (the proxies alone), `echo_added_ms`
(ours, at the median, over a connection without anything between), and `upload_grew_mb`, what Apache and our proxy
hold more during an upload.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import docker
from rich.console import Console
from rich.table import Table
from spawn_hubs import build, files_of

from onehub.core.names import HUB_IMAGE, PROXY_IMAGE
from onehub.core.settings import Settings
from onehub.core.vhost import Vhost, render
from onehub.host import assets

_ROOT = Path(__file__).parents[1]
_RESULT = Path(__file__).parent / "results" / "front-door.json"
_IMAGE = "localhost/onehub-bench/front"
_NAME = f"onehub-bench-{os.getpid()}"
_ROUNDS = 5
_WAYS = {
    "ours": "https://apache:443",
    "stock": "https://apache:444",
    "Apache alone": "https://apache:445",
    "our proxy alone": "http://traefik:8000",
    "stock's proxy alone": "http://chp:8000",
}
_SECONDS = 4
_CONNECTIONS = 16
_MESSAGES = 200
_UPLOAD = 2 << 30
_ADD_ROUTE = """
import asyncio
from traitlets.config import Config
from onehub.core.settings import Settings
from onehub.hub import configure, routes

async def main():
    c = Config()
    configure._configure_proxy(c, "secret", Settings())
    proxy = routes.RoutesProxy(config=c)
    await proxy._start_future
    await proxy.add_route("/user/p/", "http://upstream:8888", {})

asyncio.run(main())
"""
_STOCK_SITE = """
<VirtualHost *:444>
    ServerName localhost
    SSLEngine On
    SSLCertificateFile /etc/ssl/certs/front.pem
    SSLCertificateKeyFile /etc/ssl/private/front.key
    RewriteEngine On
    RewriteCond %{HTTP:Connection} Upgrade [NC]
    RewriteCond %{HTTP:Upgrade} websocket [NC]
    RewriteRule /(.*) ws://chp:8000/$1 [P,L]
    ProxyPreserveHost On
    ProxyPass / http://chp:8000/
    ProxyPassReverse / http://chp:8000/
    RequestHeader set X-Forwarded-Proto https
</VirtualHost>
"""


@dataclass
class _Figures:
    """Of one way, one value for each round."""

    requests: list[float] = field(default_factory=list)
    download: list[float] = field(default_factory=list)
    echo: list[float] = field(default_factory=list)


def main() -> None:
    """Measure both; needs the images of the hub and its proxy (`make build`)."""
    with tempfile.TemporaryDirectory(prefix="onehub-bench-") as folder, _everything(Path(folder)):
        taken = {way: _Figures() for way in _WAYS}
        direct: list[float] = []
        for _ in range(_ROUNDS):
            direct += _echo("ws://upstream:8888")
            for way, figures in taken.items():
                figures.requests.append(_requests(_WAYS[way]))
                figures.download.append(_download(_WAYS[way]))
                figures.echo += _echo(_WAYS[way].replace("http", "ws", 1))
        grew = _upload(Path(folder))
    _show(taken, direct, grew)


def _show(taken: dict[str, _Figures], direct: list[float], grew: float) -> None:
    middle = {
        name: {kind: statistics.median(values) for kind, values in vars(f).items()} for name, f in taken.items()
    }
    bare = statistics.median(direct)
    table = Table("", "requests/s", "download MB/s", "echo ms, added", box=None)
    for name, figures in middle.items():
        added = figures["echo"] - bare
        table.add_row(name, f"{figures['requests']:.0f}", f"{figures['download']:.0f}", f"{added:.2f}")
    ours, stock = middle["ours"], middle["stock"]
    pairs = {
        "": ("ours", "stock"),
        "bound_": ("Apache alone", "stock"),
        "proxy_": ("our proxy alone", "stock's proxy alone"),
    }
    result = {
        f"{prefix}{kind}_ratio": round(middle[one][kind] / middle[other][kind], 2)
        for prefix, (one, other) in pairs.items()
        for kind in ("requests", "download")
    } | {
        "echo_added_ms": round(ours["echo"] - bare, 2),
        "stock_echo_added_ms": round(stock["echo"] - bare, 2),
        "requests_per_s": round(ours["requests"]),
        "stock_requests_per_s": round(stock["requests"]),
        "download_mb_per_s": round(ours["download"]),
        "stock_download_mb_per_s": round(stock["download"]),
        "upload_mb": _UPLOAD >> 20,
        "upload_grew_mb": round(grew, 1),
    }
    console = Console()
    console.print(table)
    console.print(
        f"ours : stock = {result['requests_ratio']} requests, {result['download_ratio']} download; "
        f"an upload of {result['upload_mb']} MB adds {result['upload_grew_mb']} MB to Apache and proxy"
    )
    _RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _requests(base: str) -> float:
    """A small file, again and again, for some seconds."""
    told = _inside("wrk", f"-c{_CONNECTIONS}", "-t2", f"-d{_SECONDS}s", f"{base}/user/p/small")
    if "Non-2xx" in told:
        raise RuntimeError(f"not every answer was one:\n{told}")
    return float(next(line.split()[1] for line in told.splitlines() if line.startswith("Requests/sec")))


def _download(base: str) -> float:
    """Megabytes per second of a gigabyte."""
    told = _inside("curl", "-ksSf", "-o", "/dev/null", "-w", "%{speed_download}", f"{base}/user/p/large")
    return float(told) / 1e6


def _echo(base: str) -> list[float]:
    told: list[float] = json.loads(_inside("python3", "/opt/front/talk.py", f"{base}/user/p/echo", str(_MESSAGES)))
    return told


def _upload(folder: Path) -> float:
    """MiB that Apache and our proxy held more at the worst moment than before; what arrived must be what was sent."""
    path = folder / "upload"
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(_UPLOAD >> 24):
            piece = os.urandom(1 << 24)
            digest.update(piece)
            file.write(piece)
    with _watching("apache", "traefik") as grew:
        url = "https://apache:443/user/p/sink"
        told = _docker(*_runner("--volume", f"{path}:/upload:ro"), "curl", "-ksSf", "--upload-file", "/upload", url)
    if told != f"{_UPLOAD} {digest.hexdigest()}":
        raise RuntimeError(f"{_UPLOAD} bytes were sent, and this arrived: {told}")
    return max(grew) / 2**20


@contextmanager
def _watching(*names: str) -> Iterator[list[float]]:
    """How many bytes they hold more than now, all the while."""
    engine = docker.from_env()
    containers = [engine.containers.get(f"{_NAME}-{name}") for name in names]

    def held() -> int:
        measured = [container.stats(stream=False)["memory_stats"] for container in containers]
        caches = [one["stats"] for one in measured]
        dropped = sum(cache.get("total_inactive_file", cache.get("inactive_file", 0)) for cache in caches)
        return sum(one["usage"] for one in measured) - dropped

    before, grew, enough = held(), [0.0], threading.Event()

    def look() -> None:
        while not enough.wait(0.2):
            grew.append(float(held() - before))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield grew
    finally:
        enough.set()
        thread.join()
        engine.close()


@contextmanager
def _everything(folder: Path) -> Iterator[None]:
    bundle = dict(assets.contexts(Settings(), _ROOT)["hub"].files)["ca-certificates.crt"]
    locks = tuple((name, _ROOT / "bench/stock/hub" / name) for name in ("package.json", "package-lock.json"))
    build(_IMAGE, (*files_of(_ROOT / "bench/front"), *locks, ("ca-certificates.crt", bundle)))
    site = Vhost(
        host="localhost",
        upstream="traefik:8000",
        certificate_file="/etc/ssl/certs/front.pem",
        key_file="/etc/ssl/private/front.key",
    )
    ours = render(site, "For a measurement.")
    alone = render(replace(site, upstream="upstream:8888", https_port=445), "As if a proxy cost nothing.")
    (folder / "sites.conf").write_text(f"Listen 444\nListen 445\n{ours}{_STOCK_SITE}{alone}")
    folder.chmod(0o755)
    _docker("network", "create", _NAME)
    try:
        _start("upstream", _IMAGE, "sh", "/opt/front/serve")
        _start("traefik", PROXY_IMAGE, volume=f"{_NAME}:/srv/routes", also="proxy")
        routes = ("--volume", f"{_NAME}:/srv/routes", "--user", "65532:65532", "--entrypoint", "python")
        _docker("run", "--rm", f"--network={_NAME}", *routes, HUB_IMAGE, "-c", _ADD_ROUTE)
        chp = "configurable-http-proxy --ip 0.0.0.0 --port 8000 --api-ip 127.0.0.1 --default-target http://upstream:8888"
        _start("chp", _IMAGE, *chp.split())
        apache = ("apachectl", "-D", "FOREGROUND")
        _start("apache", _IMAGE, *apache, volume=f"{folder}/sites.conf:/etc/apache2/sites-enabled/front.conf:ro")
        _wait_for_answers()
        yield
    finally:
        found = _docker("ps", "--all", "--quiet", "--filter", f"name={_NAME}-").split()
        if found:
            _docker("rm", "--force", *found)
        _docker("volume", "rm", "--force", _NAME)
        _docker("network", "rm", _NAME)


def _wait_for_answers() -> None:
    retry = ("--retry", "30", "--retry-delay", "1", "--retry-all-errors")
    for base in _WAYS.values():
        _inside("curl", "-ksSf", *retry, f"{base}/user/p/small")


def _start(name: str, image: str, *command: str, volume: str = "", also: str = "") -> None:
    aliases = [f"--network-alias={alias}" for alias in (name, also) if alias]
    volumes = [f"--volume={volume}"] if volume else []
    options = (f"--name={_NAME}-{name}", f"--network={_NAME}", *aliases, *volumes)
    _docker("run", "--detach", *options, image, *command)


def _runner(*options: str) -> tuple[str, ...]:
    return ("run", "--rm", f"--network={_NAME}", *options, _IMAGE)


def _inside(*command: str) -> str:
    return _docker(*_runner(), *command)


def _docker(*words: str) -> str:
    done = subprocess.run(("docker", *words), capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(words)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
