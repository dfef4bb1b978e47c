"""Settings → JupyterHub's traits. The only place that sets any; testable with a bare `Config()`."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path

from traitlets.config import Config

from onehub.core import names
from onehub.core.capacity import Capacity
from onehub.core.culling import SCOPE
from onehub.core.settings import Settings

from . import database
from .authenticator import DirectoryAuthenticator
from .entry import CULLING_TOKEN, DEPLOYMENT, METRICS_TOKEN, PROXY_PASSWORD, ROUTES
from .headers import HEADERS, pages_by_script
from .knock import KNOCK, Knock
from .network import gateways
from .page import LivePage
from .routes import RoutesProxy, basic_auth_entry
from .spawner import ServerSpawner

_HUB_PORT = 8081
_LONGEST_QUEUE = 6 * 3600
"""Seconds; who leaves the page leaves the queue, so nobody waits so long."""
_RETURN = 60
"""Seconds that a hub which comes back gives a server it left starting: that one asks for its hub for 46, and waits up
to 16 before it asks again."""
LARGEST_BODY = 1_000_000
"""Bytes of a form or an API call; Traefik keeps as much in memory."""
_WRITES = "Method(`POST`) || Method(`PUT`) || Method(`PATCH`)"
_BEFORE_ALL = 1_000_000
"""A route's priority; the others have the length of their rule."""
_UNUSED = "/etc/traefik/certificate.pem"
"""In the proxy's image."""


def configure(c: Config, settings: Settings) -> None:
    """Set everything that JupyterHub and its parts must know."""
    data = Path(settings.names.data_mount)
    _configure_hub(c, settings, data)
    _configure_proxy(c, (data / PROXY_PASSWORD).read_text(encoding="utf-8"), settings)
    _configure_sign_in(c, settings, data)
    _configure_pages(c, settings)
    _configure_servers(c, settings, data)
    c.JupyterHub.services, c.JupyterHub.load_roles = [], []
    _configure_monitoring(c, (data / METRICS_TOKEN).read_text(encoding="utf-8"))
    _configure_culling(c, (data / CULLING_TOKEN).read_text(encoding="utf-8"))


def _hub_url(settings: Settings) -> str:
    return f"http://{settings.names.hub_container}:{_HUB_PORT}"


def _configure_hub(c: Config, settings: Settings, data: Path) -> None:
    c.JupyterHub.bind_url = f"http://:8000{settings.front.path}"
    c.JupyterHub.extra_handlers = [(KNOCK, Knock)]
    if settings.front.subdomains:
        c.JupyterHub.subdomain_host = settings.front.origin
    c.JupyterHub.hub_bind_url = f"http://:{_HUB_PORT}"
    # By name, not by address: the hub may be recreated while servers run.
    c.JupyterHub.hub_connect_url = _hub_url(settings)
    # Apache arrives through the host's side of our networks; whom it names in X-Forwarded-For is the client.
    c.JupyterHub.trusted_downstream_ips = gateways()
    c.JupyterHub.cookie_secret_file = str(data / "jupyterhub_cookie_secret")
    c.JupyterHub.db_url = f"sqlite:///{data / database.FILE}"
    c.JupyterHub.db_kwargs = {"creator": partial(database.connect, data / database.FILE)}
    c.JupyterHub.log_level = settings.hub.log_level
    # As long as a sign-in lasts: a token must not outlive its person's access by much.
    c.JupyterHub.token_expires_in_max_seconds = 14 * 24 * 3600
    # A restart of the hub is nobody's business: servers, routes and sign-ins stay.
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = False


def _configure_proxy(c: Config, password: str, settings: Settings) -> None:
    c.JupyterHub.proxy_class = RoutesProxy
    c.RoutesProxy.should_start = False
    c.RoutesProxy.dynamic_config_file = str(ROUTES / "rules.toml")
    c.RoutesProxy.traefik_entrypoint = "http"
    c.RoutesProxy.traefik_api_entrypoint = "api"
    c.RoutesProxy.traefik_api_url = "http://proxy:8099"
    c.RoutesProxy.traefik_api_username = "hub"
    c.RoutesProxy.traefik_api_password = password
    c.RoutesProxy.extra_dynamic_config = {
        # Over what the file on the volume says, in case the data volume is another than the one that wrote it.
        "http": {
            "middlewares": {
                "auth_api": {"basicAuth": {"users": [basic_auth_entry("hub", password)]}},
                # Anybody may send one, and the hub would believe it; what Apache says is in X-Forwarded-For.
                "one-address": {"headers": {"customRequestHeaders": {"X-Real-Ip": ""}}},
                "small-bodies": {"buffering": {"maxRequestBodyBytes": LARGEST_BODY}},
                "refused": {"ipAllowList": {"sourceRange": ["0.0.0.0/32"]}},
            },
            # The hub holds a whole form in memory before it looks at it; servers take uploads of any size.
            "routers": {
                "hub-forms": {
                    "rule": f"PathPrefix(`{settings.front.path}hub/`) && ({_WRITES})",
                    "entryPoints": ["http"],
                    "middlewares": ["small-bodies"],
                    "service": "hub-forms",
                    "priority": _BEFORE_ALL,
                },
                "hub-pages-by-script": {
                    "rule": pages_by_script(settings.front.path),
                    "entryPoints": ["http"],
                    "middlewares": ["refused"],
                    "service": "hub-forms",
                    "priority": _BEFORE_ALL + 1,
                },
            },
            "services": {"hub-forms": {"loadBalancer": {"servers": [{"url": _hub_url(settings)}]}}},
        },
        # Serves no connection: without one, Traefik makes an RSA key (100 to 400 ms) at each change of the routes.
        "tls": {"stores": {"default": {"defaultCertificate": {"certFile": _UNUSED, "keyFile": _UNUSED}}}},
    }


def _configure_sign_in(c: Config, settings: Settings, data: Path) -> None:
    c.JupyterHub.authenticator_class = DirectoryAuthenticator
    c.DirectoryAuthenticator.settings = settings
    c.DirectoryAuthenticator.deployment = str(DEPLOYMENT)
    c.DirectoryAuthenticator.people_file = str(data / "people.sqlite")
    c.DirectoryAuthenticator.manage_groups = True
    c.DirectoryAuthenticator.auth_refresh_age = settings.directory.refresh
    c.DirectoryAuthenticator.refresh_pre_spawn = True
    # Who may not go on may not start a server by a token either, nor may an admin start it for them.
    c.DirectoryAuthenticator.auth_refresh_strict = True


def _configure_pages(c: Config, settings: Settings) -> None:
    live = LivePage(settings.page, DEPLOYMENT, logging.getLogger("JupyterHub"))
    c.JupyterHub.template_paths = [str(Path(__file__).with_name("templates"))]
    c.JupyterHub.template_vars = {
        # JupyterHub calls it for each page, so an edit shows at once.
        "look": lambda user: live.look(),
        "insecure_directory": settings.directory.server if settings.directory.insecure else "",
        "password_help": settings.directory.password_help,
    }
    # Lax: a link in a mail must find people signed in; what changes anything needs the XSRF token besides.
    cookies: dict[str, object] = {"samesite": "Lax"}
    if settings.front.address.startswith("https://"):
        # Without an address it depends on the request, which leaves out the XSRF cookie.
        cookies["secure"] = True
    c.JupyterHub.tornado_settings = {
        "headers": HEADERS,
        # Handed on to the servers, for theirs.
        "cookie_options": cookies,
        # The hub's own pages carry the token in themselves; no script has to read this cookie.
        "xsrf_cookie_kwargs": cookies | {"httponly": True},
    }


def _configure_servers(c: Config, settings: Settings, data: Path) -> None:
    servers, limits = settings.servers, settings.limits
    c.JupyterHub.spawner_class = ServerSpawner
    # What depends on the profile is set again at each start, from the settings.
    c.ServerSpawner.settings = settings
    c.ServerSpawner.volumes = {ServerSpawner.HOME: servers.home_mount}
    c.ServerSpawner.notebook_dir = servers.home_mount
    c.ServerSpawner.image = servers.image
    # A name like `jupyterhub-user` must never be fetched from a public registry.
    c.ServerSpawner.pull_policy = "never"
    if servers.command:
        c.ServerSpawner.cmd = servers.command.split()
    # With `--` and its name for a server that has one: no escaped name holds two hyphens in a row.
    c.ServerSpawner.name_template = servers.container_prefix + "{username}{suffix}"
    c.JupyterHub.allow_named_servers = limits.servers_per_person > 1
    if limits.servers_per_person > 1:
        c.JupyterHub.named_server_limit_per_user = limits.servers_per_person - 1
    c.ServerSpawner.network_name = settings.names.network
    c.ServerSpawner.remove = True
    # JupyterHub's clock runs in the queue as well; the spawner's own begins with the turn.
    c.ServerSpawner.start_timeout = _LONGEST_QUEUE
    c.ServerSpawner.patience = servers.start_timeout
    c.ServerSpawner.http_timeout = _RETURN
    c.ServerSpawner.capacity = _capacity(settings)
    c.ServerSpawner.trials_folder = str(DEPLOYMENT)
    c.ServerSpawner.failures_folder = str(data / "failures")
    c.ServerSpawner.keep_failures = settings.hub.keep_failures
    # One image that does not start must not end the hub for everybody.
    c.ServerSpawner.consecutive_failure_limit = 0
    # The queue is ours.
    c.JupyterHub.concurrent_spawn_limit = 0
    c.ServerSpawner.mem_guarantee = limits.promise
    c.ServerSpawner.mem_limit = limits.memory
    c.ServerSpawner.cpu_limit = limits.cpu
    c.ServerSpawner.extra_create_kwargs = {
        # Whatever a kernel or a terminal writes without naming a folder lands in the home and is kept.
        "working_dir": servers.home_mount,
        "labels": {
            names.LABEL_DEPLOYMENT: settings.names.project,
            names.LABEL_KIND: "server",
            names.LABEL_USER: "{raw_username}",
        },
    }
    c.ServerSpawner.extra_host_config = {
        # Removed by the spawner when it stops, not by Docker when it dies: the log of a failed start is evidence.
        "auto_remove": False,
        "memswap_limit": limits.memory,
        "mem_reservation": limits.promise,
        # Where the memory of the host itself ends, a server goes before the hub and the proxy.
        "oom_score_adj": 500,
        "pids_limit": limits.processes,
        "security_opt": ["no-new-privileges"],
        "cap_drop": ["NET_RAW", "MKNOD", "AUDIT_WRITE"],
        "log_config": {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
    }


def _capacity(settings: Settings) -> Capacity:
    cores, limits = os.cpu_count() or 1, settings.limits
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Capacity(settings.servers.starts_at_once or cores + 1, memory - limits.reserve, limits.servers)


def _configure_monitoring(c: Config, token: str) -> None:
    c.JupyterHub.services.append({"name": "monitoring", "api_token": token})
    c.JupyterHub.load_roles.append(
        {
            "name": "monitoring",
            "description": "Reads the hub's metrics and nothing else",
            "services": ["monitoring"],
            "scopes": ["read:metrics"],
        }
    )


def _configure_culling(c: Config, token: str) -> None:
    # For `onehub cull`; what there is to do, the hub does itself.
    c.JupyterHub.custom_scopes = {SCOPE: {"description": "See which servers are idle, and stop those that are due"}}
    c.JupyterHub.services.append({"name": "culling", "api_token": token})
    c.JupyterHub.load_roles.append(
        {
            "name": "culling",
            "description": "Stops idle servers and can do nothing else",
            "services": ["culling"],
            "scopes": [SCOPE],
        }
    )
