"""A sign-in rehearsed beside the hub: what is asked, what each stage of it gave, and the decision.

The command line and a container of the hub's image speak these over stdin and stdout, as JSON.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr, TypeAdapter

from . import names, sources
from .errors import Problem, SettingsError
from .facts import Facts
from .homes import home_volume
from .people import Admitted, Person, Refused, admit
from .settings import Access, Directory, Settings

Level = Literal["ok", "warning", "failed", "not reached"]

SETTINGS, DNS, CONNECT, TLS, LOOKUP, BASE, LOCK_OUT, RULE = (
    *("settings", "dns", "connect", "tls", "lookup account", "search base", "lock-out", "access rule"),
)
SEARCH, ACCOUNT, GROUPS, PASSWORD, DECISION = "search", "account", "groups", "password", "decision"

_HUB_USER = "65532:65532"
_ADMIN = {True: "an admin", False: "not an admin", None: "an admin only if the admin page made them one"}
_UNTOLD_SERVERS = 5
"""How many servers DNS may name; enough for the deadline."""
_DNS_SECONDS = 10
_START_SECONDS = 15
"""For Docker and Python to start on a busy host."""


@dataclass(frozen=True)
class Stage:
    """One thing that a sign-in needs. `subject` is which server, group or setting; `fix` what to type about it."""

    about: str
    level: Level
    text: str = ""
    subject: str = ""
    milliseconds: int | None = None
    details: tuple[str, ...] = ()
    fix: str = ""


@dataclass(frozen=True)
class Decision:
    """What a sign-in would end with. `admin` is None where the hub's own record stands; `home` is their volume."""

    name: str
    allowed: bool
    because: str
    admin: bool | None = None
    home: str = ""

    def __str__(self) -> str:
        if not self.allowed:
            return f"{self.name} may not sign in: {self.because}"
        return f"{self.name} may sign in: {self.because} ({_ADMIN[self.admin]})"


@dataclass(frozen=True)
class Rehearsal:
    """All of it. There is no decision where nobody was asked about, or where the directory could not tell."""

    stages: tuple[Stage, ...]
    decision: Decision | None = None

    @property
    def failed(self) -> Stage | None:
        """The stage at which it ended too early."""
        return next((stage for stage in self.stages if stage.level == "failed"), None)

    def to_json(self) -> str:
        """For stdout. `from_json` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Rehearsal:
        """What `to_json` wrote. Raises ValueError."""
        return _REHEARSAL.validate_json(text)


_REHEARSAL = TypeAdapter(Rehearsal)


@dataclass(frozen=True)
class Request:
    """What to rehearse: the directory alone, or also a person's sign-in, without or with their password."""

    settings: Settings
    name: str | None = None
    password: SecretStr | None = None

    def to_json(self) -> str:
        """With the passwords in clear: for a pipe, never for people. `from_json` reads it."""
        # An empty one is a password, too: it must be refused, not forgotten.
        password = None if self.password is None else self.password.get_secret_value()
        return json.dumps({"settings": self.settings.to_json(), "name": self.name, "password": password})

    @classmethod
    def from_json(cls, text: str) -> Request:
        """What `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        password = values["password"]
        return cls(
            Settings.from_json(values["settings"]), values["name"], None if password is None else SecretStr(password)
        )


def decide(person: Person, settings: Settings) -> Decision:
    """What the access rules say. Whom an admin has added, only the running hub knows."""
    access = settings.access
    decision = admit(person, access)
    if isinstance(decision, Refused):
        reason = decision.reason.removeprefix(f"{person.name} is ")
        if isinstance(admit(person, access, invited=True), Admitted):
            reason += ", unless an admin added them on the admin page"
        return Decision(person.name, False, reason)
    home = home_volume(settings.servers.home_prefix, person.name)
    return Decision(person.name, True, decision.because, decision.admin, home)


def require_groups(rehearsal: Rehearsal, access: Access, directory: Path) -> None:
    """Raises SettingsError where a rule names a group that is not there, or several: who would get in?"""
    problems = [
        Problem(sources.place_of_group(directory, stage.subject, access.admin_groups), stage.text)
        for stage in rehearsal.stages
        if stage.about == RULE and stage.level == "warning"
    ]
    if problems:
        raise SettingsError(problems, "correct the group, then `onehub up` again; nothing was changed")


def settings_stages(directory: Directory) -> tuple[Stage, ...]:
    """The settings in a word, and what is doubtful about them."""
    kind = "directory" if directory.preset == "auto" else directory.preset
    transport = "no TLS" if directory.insecure else {"ldaps": "LDAPS", "starttls": "StartTLS"}[directory.tls]
    by_dns = directory.srv and directory.transport != "ldaps" and not directory.port
    port = "port as DNS says" if by_dns else f"port {directory.effective_port}"
    stages = [Stage(SETTINGS, "ok", f"{kind} at {directory.server}, {transport}, {port}")]
    if directory.insecure:
        message = f"passwords travel to {directory.server} without encryption"
        fix = "remove insecure from [directory] in onehub.toml; docs/how-to/connect-active-directory.md"
        stages.append(Stage(SETTINGS, "warning", message, "directory.insecure", fix=fix))
    if directory.lookup_user and directory.bind_templates:
        message = "there is a lookup account: the DN that it finds wins, and ad_bind_dn_template is not used"
        stages.append(
            Stage(SETTINGS, "warning", message, "ad_bind_dn_template", fix="remove the lines of ad_bind_dn_template")
        )
    return tuple(stages)


def lock_out_stage(threshold: int, own: int) -> Stage:
    """Whether the hub stops asking before the domain locks; `threshold` 0 is never."""
    if threshold == 0:
        return Stage(LOCK_OUT, "ok", "the domain locks no accounts")
    if own < threshold:
        return Stage(LOCK_OUT, "ok", f"after {threshold} wrong passwords; the hub asks {own} times at most")
    message = (
        f"the domain locks an account after {threshold} wrong passwords (lockoutThreshold), and the hub passes {own} "
        "on: a stranger could lock people out"
    )
    lower = f"directory.wrong_passwords = {threshold - 1} in onehub.toml"
    return Stage(LOCK_OUT, "warning", message, fix=lower if threshold > 1 else "a higher lockoutThreshold")


def seconds_at_most(directory: Directory) -> int:
    """How long a rehearsal may take inside the container, every server being silent."""
    servers = len(directory.servers) or _UNTOLD_SERVERS
    each = _DNS_SECONDS + 2 * directory.connect_timeout + directory.answer_timeout
    return servers * each + 3 * directory.deadline


def deadline(directory: Directory) -> int:
    """Seconds until the answer, the container's start included."""
    return seconds_at_most(directory) + _START_SECONDS


def container_argv(settings: Settings, facts: Facts, directory: Path) -> tuple[str, ...]:
    """A container that rehearses: the hub's image, its user, and its view of the network; nothing secret in sight."""
    shared_ca = f"{settings.names.project}_directory-ca"
    volumes = [f"{directory}:/srv/jupyterhub:ro"]
    if shared_ca in facts.volumes:
        volumes.append(f"{shared_ca}:/srv/directory-ca:ro")
    return (
        *("docker", "run", "--rm", "--interactive", "--network", _network(settings, facts)),
        *("--user", _HUB_USER, "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--tmpfs", "/tmp"),  # noqa: S108 (the container's own)
        *(word for volume in volumes for word in ("--volume", volume)),
        *("--label", f"{names.LABEL_KIND}=probe", "--entrypoint", "python", names.HUB_IMAGE, "-m", "onehub.hub.ask"),
    )


def _network(settings: Settings, facts: Facts) -> str:
    """The hub's own where it runs: then names, hosts and firewalls are what it meets itself."""
    hub = facts.services.get("hub")
    if hub and hub.state == "running":
        return f"container:{hub.name}"
    default = f"{settings.names.project}_default"
    return default if default in facts.networks else "bridge"
