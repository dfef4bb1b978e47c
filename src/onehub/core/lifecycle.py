"""Plans for init, the engine, up, down and the demo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from . import names, sources
from .errors import HostNotReady
from .facts import Facts, Image
from .front import SITE_FILE
from .images import APT_INSTALL, plan_storage
from .plan import Plan, Run, Step, WaitEngine, WaitHealthy, Write
from .references import may_be_pulled
from .settings import DEMO_DIRECTORY, Settings
from .vhost import service_site

LOOKUP_PASSWORD = "AD_LOOKUP_SEARCH_PASSWORD"  # noqa: S105 (a variable's name)
DEMO_PEOPLE_FILE = "secrets/demo-people"
_DEMO_NAMES = ("ada", "alice", "bob", "carol", "mallory")
_START_BY_SYSTEMD = Run(("systemctl", "start", "docker"), "the engine")
# Not Debian's init script: it asks for limits that a container or a small virtual machine refuses, and gives up.
_START_ALONE = Run(
    (
        *("start-stop-daemon", "--start", "--oknodo", "--background", "--make-pidfile"),
        *("--pidfile", "/run/onehub-dockerd.pid", "--output", "/var/log/docker.log"),
        *("--exec", "/usr/sbin/dockerd"),
    ),
    "the engine, as there is no systemd to do it",
)
_ENGINE_WITHIN = 60
_LEFT_OVER = {
    names.DIRECTORY: "people come from your own directory now",
    names.HTTPD: "another Apache httpd is in front of the hub now",
}
_HEALTHY_WITHIN = 120
"""Seconds; a cold start on two busy cores takes about 15."""

_DEMO_USERLIST = """\
# The demo's people, one per line: a name, and `admin` for those who may see the admin page.
ada admin
alice
"""
_DEMO_GROUPS = """\
# The demo's allowed groups, one DN per line. bob gets in here: he is in `students`, which is in this group.
cn=data science,ou=groups,dc=example,dc=test
"""


def plan_init(directory: Path, files: Mapping[str, str], existing: frozenset[str]) -> Plan:
    """Write the files of a new deployment; those that exist are left alone."""
    return tuple(
        Write(directory / name, text, 0o644, "a file of the deployment")
        for name, text in files.items()
        if name not in existing
    )


def plan_engine(facts: Facts) -> Plan:
    """Docker and Compose from the distribution, where they are missing. Raises HostNotReady."""
    if facts.engine and facts.compose:
        return ()
    if not facts.can_install:
        missing = "Docker does not answer" if not facts.engine else "Docker Compose is missing"
        raise HostNotReady(
            f"{missing}, and only root on Debian or Ubuntu can have it installed from here",
            "install Docker Engine and Compose, start them, then try again",
        )
    docker = () if facts.engine or facts.has_dockerd else ("docker.io",)
    compose = () if facts.compose else ("docker-compose",)
    packages = (*docker, *compose)
    steps: list[Step] = []
    if packages:
        steps.append(Run(("apt-get", "update", "--quiet"), "fresh package lists"))
        steps.append(Run(APT_INSTALL + packages, "Docker from this system's packages"))
    if not facts.engine:
        steps.append(_START_BY_SYSTEMD if facts.has_systemd else _START_ALONE)
        steps.append(WaitEngine(_ENGINE_WITHIN, "until it answers"))
    return tuple(steps)


def require_demo_or_nothing(found: sources.Found) -> None:
    """Raises HostNotReady in a directory with people of its own: the demo's must never get into it."""
    server = found.values.get("directory", {}).get("server", DEMO_DIRECTORY)
    if server != DEMO_DIRECTORY:
        raise HostNotReady(
            f"this deployment asks the directory {server!r}, so it is not for the demo's people",
            "`onehub init DIR`, then `onehub -C DIR demo`",
        )


def plan_demo_files(directory: Path, existing: frozenset[str], new_password: Callable[[], str]) -> Plan:
    """The demo's passwords and access lists. Files that exist are the operator's and stay."""
    people = "".join(f"{name} {new_password()}\n" for name in _DEMO_NAMES)
    lookup = (
        f"# The demo's directory. Replace these lines to connect your own.\n"
        f"AD_SERVER={DEMO_DIRECTORY}\n"
        f"AD_LOOKUP_SEARCH_USER=cn=lookup,dc=example,dc=test\n"
        f"AD_LOOKUP_SEARCH_PASSWORD={new_password()}\n"
        f"AD_SEARCH_BASE=dc=example,dc=test\n"
    )
    wanted = {
        DEMO_PEOPLE_FILE: (people, 0o600, "passwords of the sample people"),
        sources.AD_ENV: (lookup, 0o600, "how the hub asks the demo's directory"),
        sources.USERLIST: (_DEMO_USERLIST, 0o644, "who may sign in"),
        sources.ALLOWED_GROUPS: (_DEMO_GROUPS, 0o644, "which groups may sign in"),
    }
    return tuple(
        Write(directory / name, text, mode, why) for name, (text, mode, why) in wanted.items() if name not in existing
    )


def plan_exported(directory: Path, password: str, kept: str) -> Plan:
    """Keep an exported lookup password in a private file for the hub: Compose would show it in `docker inspect`.

    `password` is what is exported, `kept` the text of the file; both may be empty.
    """
    path = directory / sources.EXPORTED
    text = sources.exported_line(LOOKUP_PASSWORD, password) if password else ""
    if text == kept:
        return ()
    if not text:
        return (Run(("rm", "--force", str(path)), f"{LOOKUP_PASSWORD} is no longer exported"),)
    return (Write(path, text, 0o600, f"{LOOKUP_PASSWORD} is exported; the hub reads it here"),)


def plan_site(directory: Path, settings: Settings, kept: str, facts: Facts) -> Plan:
    """What the `httpd` service does, as a file that it reads; `kept` is that file's text. Nothing without it."""
    if not settings.site.certificate or service_site(settings) == kept:
        return ()
    step = Write(directory / SITE_FILE, service_site(settings), 0o644, "how the httpd service meets people")
    if _is_stale(names.HTTPD, facts):
        return (step,)  # it starts with the new one
    container = facts.services[names.HTTPD].name
    return (step, Run(("docker", "exec", container, "reload"), "taken up without ending a connection"))


def require_own_project(settings: Settings, facts: Facts) -> None:
    """Raises HostNotReady where the project's name belongs to another deployment on this host."""
    if facts.other_directory:
        raise HostNotReady(
            f"the project {settings.names.project} runs from {facts.other_directory}, not from here",
            "give this one names of its own in .env (COMPOSE_PROJECT_NAME, HUB_CONTAINER_NAME, HUB_PORT, …) and "
            "prefixes in onehub.toml; or, if it moved here: `docker-compose down` before the move, `onehub up` after",
        )


def plan_up(settings: Settings, facts: Facts) -> Plan:
    """Do only what is missing. Raises HostNotReady."""
    compose = _compose(facts)
    require_own_project(settings, facts)
    _require_images(settings, facts)
    expected = settings.services
    steps: list[Step] = list(plan_storage(settings, facts))
    stale = [service for service in expected if _is_stale(service, facts)]
    if "proxy" in stale and "proxy" not in facts.services and facts.port_owner:
        raise HostNotReady(
            f"port {settings.names.port} on 127.0.0.1 is in use by {facts.port_owner}",
            "stop it, or set HUB_PORT in .env",
        )
    if names.HTTPD in stale and names.HTTPD not in facts.services and facts.front_port_owner:
        raise HostNotReady(
            f"port {facts.front_port_owner}, which the httpd service needs",
            "stop it, or set HTTPS_PORT and HTTP_PORT in .env",
        )
    if stale:
        profiles = _profiles(expected)
        steps.append(Run((*compose, *profiles, "up", "--detach"), f"start or renew {', '.join(stale)}"))
    for service, why in _LEFT_OVER.items():
        if service not in expected and (container := facts.services.get(service)):
            steps.append(Run(("docker", "rm", "--force", container.name), why))
    if "hub" not in stale and facts.hub_digest != settings.digest():
        argv = ("docker", "restart", settings.names.hub_container)
        steps.append(Run(argv, "the settings changed; servers keep running"))
    containers = {service: _container_name(settings, service) for service in expected}
    unready = [
        containers[service] for service in expected if service in stale or facts.services[service].health != "healthy"
    ]
    if steps and containers["hub"] not in unready:
        unready.append(containers["hub"])
    if unready:
        steps.append(WaitHealthy(tuple(unready), _HEALTHY_WITHIN, "until people can sign in"))
    return tuple(steps)


def plan_down(settings: Settings, facts: Facts) -> Plan:
    """Stop people's servers and the services. Homes, the database and every other volume stay."""
    compose = _compose(facts)
    require_own_project(settings, facts)
    steps: list[Step] = []
    if facts.services:
        argv = (*compose, *_profiles(names.EVERY_SERVICE), "down")
        steps.append(Run(argv, "stop the services; every volume stays"))
    if facts.servers:
        containers = tuple(server.container for server in facts.servers)
        steps.append(Run(("docker", "stop", *containers), "let people's servers end in order"))
        steps.append(Run(("docker", "rm", "--force", *containers), "remove their containers; homes stay"))
    return tuple(steps)


def _profiles(services: Iterable[str]) -> tuple[str, ...]:
    """Compose's options for them."""
    profiles = [names.PROFILES[service] for service in services if service in names.PROFILES]
    return tuple(word for profile in profiles for word in ("--profile", profile))


def _compose(facts: Facts) -> tuple[str, ...]:
    if facts.engine is None:
        raise HostNotReady("Docker does not answer", "`systemctl start docker`, or `make demo` installs it")
    if facts.compose is None:
        raise HostNotReady("Docker Compose is missing", "`apt-get install docker-compose`, or `make demo`")
    return facts.compose.argv


def _require_images(settings: Settings, facts: Facts) -> None:
    services = sorted(names.SERVICE_IMAGES[service] for service in settings.services)
    for image, command in [(tag, "make build") for tag in services] + [
        (settings.servers.image, "make notebook_image")
    ]:
        # One that may be pulled is, by whoever starts a server first.
        if image not in facts.images and not may_be_pulled(image):
            raise HostNotReady(f"the image {image} is not on this host", f"`{command}`")


def _is_stale(service: str, facts: Facts) -> bool:
    """Whether Compose has work to do for it: not running, other settings, or a newer image."""
    container = facts.services.get(service)
    return (
        container is None
        or container.state != "running"
        or container.config_hash != facts.wanted_hashes.get(service)
        or container.image_id != facts.images.get(names.SERVICE_IMAGES[service], Image("")).id
    )


def _container_name(settings: Settings, service: str) -> str:
    return settings.names.hub_container + ("" if service == "hub" else f"-{service}")
