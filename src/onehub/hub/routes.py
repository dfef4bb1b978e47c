"""The proxy as the hub sees it: a file of routes that Traefik watches. Routes outlive every restart."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from pathlib import Path

from jupyterhub_traefik_proxy.fileprovider import TraefikFileProviderProxy
from traitlets import default

_POLL = 0.01
"""Seconds; Traefik applies a changed file within 30 to 90 ms, so this is when we know."""


class RoutesProxy(TraefikFileProviderProxy):
    """Traefik's file provider, noticing a new route at once instead of by exponential back-off."""

    @default("dynamic_config")
    def _load_dynamic_config(self):
        try:
            return super()._load_dynamic_config()
        except ValueError:
            # A half-written or broken file must not keep the hub down; `check_routes` puts every route back.
            self.log.exception("%s cannot be read, the routes are written anew", self.dynamic_config_file)
            Path(self.dynamic_config_file).unlink()
            return super()._load_dynamic_config()

    async def _wait_for_route(self, routespec: str) -> None:
        deadline = time.monotonic() + self.check_route_timeout
        for kind in ("router", "service"):
            while not await self._check_for_traefik_service(routespec, kind):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the proxy did not take up the route {routespec}")
                await asyncio.sleep(_POLL)


def basic_auth_entry(user: str, password: str) -> str:
    """A line for Traefik's basicAuth.

    SHA-1 is enough for 256 random bits, and Traefik checks it at every request: bcrypt would cost a quarter
    of a second each time, several times per new route.
    """
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return f"{user}:{{SHA}}{base64.b64encode(digest).decode()}"
