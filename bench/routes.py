"""How long a new route takes: ours beside jupyterhub-traefik-proxy's own waiting, in the running demo.

Prints a table and writes bench/results/routes.json: `ours_ms`, `stock_ms` (medians), `ratio` (ours : stock).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_RESULT = Path(__file__).parent / "results" / "routes.json"
_IN_THE_HUB = """
import asyncio, json, statistics, time
from pathlib import Path
from jupyterhub_traefik_proxy.fileprovider import TraefikFileProviderProxy
from traitlets.config import Config
from onehub.core.settings import Settings
from onehub.hub import configure, routes
from onehub.hub.entry import SETTINGS_FILE

FILE = Path("/srv/routes/bench.toml")
ROUNDS = 20

def make(proxy_class):
    c = Config()
    configure.configure(c, Settings.from_json(SETTINGS_FILE.read_text()))
    c.RoutesProxy.dynamic_config_file = str(FILE)
    c.TraefikFileProviderProxy.merge(c.RoutesProxy)
    return proxy_class(config=c)

async def measure(proxy, name):
    took = []
    for number in range(ROUNDS):
        begun = time.monotonic()
        await proxy.add_route(f"/bench/{name}/{number}/", "http://127.0.0.1:1", {})
        took.append(1000 * (time.monotonic() - begun))
        await proxy.delete_route(f"/bench/{name}/{number}/")
    return took

async def main():
    took = {"ours": [], "stock": []}
    for _ in range(2):  # alternately, so that a busy moment hits both
        for name, proxy_class in (("ours", routes.RoutesProxy), ("stock", TraefikFileProviderProxy)):
            proxy = make(proxy_class)
            await proxy._start_future
            took[name] += await measure(proxy, name)
    FILE.unlink()
    print(json.dumps(took))

asyncio.run(main())
"""


def main() -> None:
    """Measure inside the hub's container, whose name is the first argument (default: jupyterhub)."""
    container = sys.argv[1] if len(sys.argv) > 1 else "jupyterhub"
    argv = ["docker", "exec", "--user", "65532:65532", container, "python", "-c", _IN_THE_HUB]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=300)
    took = json.loads(done.stdout.splitlines()[-1])
    rows = {name: (sorted(values)[len(values) // 2], max(values)) for name, values in took.items()}
    for name, (median, worst) in rows.items():
        print(f"{name:6} median {median:6.0f} ms   worst {worst:6.0f} ms")
    ours, stock = rows["ours"][0], rows["stock"][0]
    print(f"ours : stock = {ours / stock:.2f}")
    result = {"ours_ms": round(ours, 1), "stock_ms": round(stock, 1), "ratio": round(ours / stock, 3)}
    _RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
