"""The settings of a deployment: one frozen object, checked before anything runs.

`load(directory, environ)` is the only way in, for the command line and for the hub container alike.
Layers, later ones win: defaults < `onehub.toml` < the seed's files < exported variables.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator

from . import names, sources
from .complaints import problem_of, table_of
from .errors import Problem, SettingsError
from .front import FOLDER, Front
from .groups import group_reference
from .logins import hub_name, read_login
from .page import Page
from .profiles import Folder, Profile, Surroundings, conflicts
from .quantities import Duration, Size, parse_duration, parse_size
from .sections import DOCKER_NAME, Section, enough_memory

DEMO_DIRECTORY = "directory"
"""Compose's name of the demo's OpenLDAP service; as AD_SERVER it means: this deployment is the demo."""

DEMO_CA_FILE = "/srv/directory-ca/ca.pem"
"""Where the demo's directory publishes its CA inside the hub container."""


_HOST = re.compile(r"[\w.-]*|[0-9A-Fa-f.]*(:[0-9A-Fa-f.]*){2,}")
"""A name, an IPv4 or a bare IPv6 address."""

_SRV = "_ldap._tcp."


class Names(Section):
    """What our things are called on the host. Lives in `.env`, because Compose reads it there, too."""

    project: str = Field("onehub", pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Compose's project, and the label `com.onehub.deployment` on everything we create."""
    hub_container: str = Field("jupyterhub", pattern=DOCKER_NAME)
    """The hub's container; the proxy's and the directory's names begin with it."""
    network: str = Field("jupyterhub-network", pattern=DOCKER_NAME)
    """The network of the hub, the proxy and every server."""
    data_volume: str = Field("jupyterhub-data", pattern=DOCKER_NAME)
    """The hub's database, cookie secret and API keys."""
    data_mount: str = Field("/data", pattern="^/")
    """Where the hub sees its data volume."""
    database_volume: str = "jupyterhub-db-data"
    """PostgreSQL's data."""
    database: str = "jupyterhub"
    """The PostgreSQL database."""
    port: int = Field(8000, ge=1, le=65535)
    """The port on 127.0.0.1 that Apache httpd forwards to."""
    listen: str = Field("127.0.0.1", pattern=r"^([0-9]{1,3}\.){3}[0-9]{1,3}$|^\[[0-9A-Fa-f:.]+\]$")
    """The address that the `httpd` service listens at: `127.0.0.1` for this host alone, `0.0.0.0` for everybody,
    `[::]` for everybody by IPv6 as well."""
    https_port: int = Field(8443, ge=1, le=65535)
    """The `httpd` service's port; 443 on a server."""
    http_port: int = Field(8080, ge=1, le=65535)
    """Its port that sends browsers on to https; 80 on a server."""


class Servers(Section):
    """What people get when they start their server."""

    image: str = "jupyterhub-user"
    """The image that servers run (LOCAL_NOTEBOOK_IMAGE), built by `make notebook_image`."""
    upstream_image: str = "quay.io/jupyter/tensorflow-notebook:2025-03-14"
    """What LOCAL_NOTEBOOK_IMAGE is built on (DOCKER_NOTEBOOK_IMAGE)."""
    jupyterhub_version: str = names.JUPYTERHUB_VERSION
    """The `jupyterhub` package inside the image; the same as the hub's."""
    command: str = ""
    """Started in the container instead of the image's own command (DOCKER_SPAWN_CMD)."""
    home_mount: str = Field("/home/jovyan/work", pattern="^/")
    """Where the home volume appears in the container (DOCKER_NOTEBOOK_DIR)."""
    home_prefix: str = Field("jupyterhub-user-", pattern=DOCKER_NAME)
    """Home volumes are this and the person's name."""
    container_prefix: str = Field("jupyter-", pattern=DOCKER_NAME)
    """Containers are this and the person's escaped name."""
    start_timeout: Duration = parse_duration("2m")
    """How long a server may take until it answers, from the moment when its turn has come."""
    pull_patience: Duration = parse_duration("1m")
    """How long the pull of an image may bring nothing before it is given up; while bytes arrive, it may last."""
    starts_at_once: int = Field(0, ge=0, le=64)
    """Servers that start at the same time; the others wait in a queue. 0: one more than there are processor cores."""


class Limits(Section):
    """What one server may use."""

    memory: Size = parse_size("2G")
    """Memory; a server that wants more is ended by the kernel, the host is not."""
    promise: Size = parse_size("512M")
    """Memory that each server is sure to get. No server is started that the host could not keep this promise to."""
    reserve: Size = parse_size("2G")
    """Memory of the host that is promised to nobody: for the hub, the proxy and the system."""
    servers: int = Field(0, ge=0)
    """Servers that may run at the same time; 0: as many as there is memory for."""
    servers_per_person: int = Field(1, ge=1, le=20)
    """Servers that one person may have; those after the first have names. All of them share the one home."""
    cpu: float = Field(2.0, gt=0, allow_inf_nan=False)
    """Processor cores."""
    processes: int = Field(1024, ge=64)
    """Processes and threads; stops fork bombs."""

    @field_validator("memory")
    @classmethod
    def _enough(cls, value: int) -> int:
        return enough_memory(value)


class Culling(Section):
    """Servers that nobody uses are stopped; files stay."""

    enabled: bool = True
    """Stop idle servers at all."""
    idle: Duration = parse_duration("4h")
    """Stop a server after so long without activity."""
    busy: Duration = parse_duration("24h")
    """A kernel that computes and a program in a terminal count as activity, for so long after the person's own."""
    warn: Duration = parse_duration("10m")
    """People read so long before in JupyterLab that their server stops; at most half of `idle`."""
    every: Duration = parse_duration("5m")
    """How often to look."""


class Directory(Section):
    """The Active Directory or LDAP server that knows the people."""

    server: str = ""
    """Host name or address, without protocol and port; several, with spaces between them, are asked in this order;
    a name like `_ldap._tcp.example.com` is looked up in DNS (SRV) (AD_SERVER)."""
    preset: Literal["auto", "active-directory", "openldap", "freeipa"] = "auto"
    """What kind of directory it is, which decides the names of attributes; `auto` asks the server."""
    lookup_user: str = ""
    """Account that looks people up: a DN, `EXAMPLE\\name` or `name@example.com` (AD_LOOKUP_SEARCH_USER)."""
    lookup_password: SecretStr = SecretStr("")
    """Its password (AD_LOOKUP_SEARCH_PASSWORD); belongs into `secrets/ad.env` and nowhere else."""
    search_base: str = ""
    """Where people and groups are searched; empty: what the directory calls its default (AD_SEARCH_BASE)."""
    bind_templates: tuple[str, ...] = ()
    """Lines of `ad_bind_dn_template`; used only without a lookup account."""
    login_attribute: str = Field("", pattern=r"^([A-Za-z][A-Za-z0-9-]*)?$")
    """The attribute that holds the login name; empty: the preset's, `sAMAccountName` or `uid`."""
    tls: Literal["ldaps", "starttls"] = "ldaps"
    """How the connection is protected; the certificate is verified either way."""
    insecure: bool = False
    """Talk without TLS: everybody on the way reads all passwords. For this host's loopback, if ever."""
    port: int | None = Field(None, ge=1, le=65535)
    """Default: 636 for `ldaps`, 389 for `starttls` and without TLS."""
    ca_file: str = ""
    """A CA certificate (PEM) to trust besides the system's, as a path relative to the deployment directory."""
    connect_timeout: int = Field(3, ge=1, le=60)
    """Seconds until a silent server counts as down."""
    answer_timeout: int = Field(5, ge=1, le=120)
    """Seconds to wait for each answer."""
    deadline: int = Field(10, ge=1, le=120)
    """Seconds that one sign-in may take in all, however many servers are tried."""
    workers: int = Field(4, ge=1, le=64)
    """Sign-ins that talk to the directory at the same time; further ones wait until the deadline, then are told to
    try again. Half as many besides look people up again."""
    wrong_passwords: int = Field(4, ge=2)
    """Wrong passwords for one person before the directory is not asked any more; keep it below the number at which
    the directory locks an account. From one address one less."""
    wrong_passwords_within: Duration = parse_duration("30m")
    """How long a wrong password counts; at least as long as the directory counts it."""
    refresh: Duration = parse_duration("5m")
    """How often everybody who is signed in or has a server is looked up again."""
    notice: Duration = parse_duration("5m")
    """From the moment somebody loses access until their server is stopped."""
    keep_without: Duration = parse_duration("12h")
    """How long those who are signed in may go on while the directory cannot be asked."""
    password_help: str = Field("", pattern=r"^(https?://\S+)?$")
    """Where people set a new password; shown when theirs has expired or soon will."""
    password_warning: Duration = parse_duration("14d")
    """The home page warns when the password expires within this time."""

    @field_validator("server")
    @classmethod
    def _bare_hosts(cls, value: str) -> str:
        hosts = value.replace(",", " ").split()
        for host in hosts:
            if not _HOST.fullmatch(host) or host.lower() == _SRV:
                raise ValueError(f"{host!r} must be a bare host name or address, without protocol and port")
        if len(hosts) > 1 and any(host.lower().startswith(_SRV) for host in hosts):
            raise ValueError(f"{value!r} mixes a name for DNS (SRV) with others; give either that or hosts")
        if len(hosts) > 1 and DEMO_DIRECTORY in hosts:
            raise ValueError(f"{value!r} mixes the demo's directory with others")
        return " ".join(hosts)

    @property
    def servers(self) -> tuple[str, ...]:
        """The hosts, in the order in which they are asked; none where DNS is asked for them."""
        return () if self.srv else tuple(self.server.split())

    @property
    def srv(self) -> str:
        """The name whose SRV records name the hosts, or empty."""
        return self.server.lower() if self.server.lower().startswith(_SRV) else ""

    @property
    def transport(self) -> Literal["ldaps", "starttls", "plain"]:
        """How the connection is really protected."""
        return "plain" if self.insecure else self.tls

    @property
    def effective_port(self) -> int:
        """The port to connect to."""
        return self.port or (636 if self.transport == "ldaps" else 389)


class Access(Section):
    """Who may sign in."""

    people: tuple[sources.Named, ...] = ()
    """The lines of `userlist`."""
    allowed_groups: tuple[str, ...] = ()
    """Groups whose members may sign in, each by DN, name or SID; together with the lines of `ad_allowed_groups`."""
    admin_groups: tuple[str, ...] = ()
    """Groups whose members may sign in and are admins; who leaves them is no admin any more."""
    blocked: tuple[str, ...] = ()
    """People who may not sign in, whatever else holds; login names."""
    allow_all: bool = False
    """Everybody whom the directory knows may sign in."""
    require: Literal["any", "all"] = "any"
    """`any`: named in `userlist` or member of an allowed group; `all`: both."""

    @field_validator("allowed_groups", "admin_groups")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(group_reference(written) for written in value)

    @field_validator("blocked")
    @classmethod
    def _hub_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """As people type them, with a domain or without: who is to be kept out must not get in by a spelling."""
        return tuple(_blocked_name(typed) for typed in value)


class Build(Section):
    """How images are built."""

    ca_certificates: tuple[str, ...] = ()
    """Files with extra CA certificates (PEM), trusted in the builds and in the images."""


class Hub(Section):
    """The hub itself."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """How much `docker logs jupyterhub` tells."""
    keep_failures: Duration = parse_duration("14d")
    """How long the record of a start that failed is kept."""


class Settings(Section):
    """Everything about one deployment."""

    names: Names = Names()
    servers: Servers = Servers()
    limits: Limits = Limits()
    culling: Culling = Culling()
    directory: Directory = Directory()
    access: Access = Access()
    build: Build = Build()
    hub: Hub = Hub()
    front: Front = Front()
    page: Page = Page()
    profile: tuple[Profile, ...] = ()
    """Choices on the page where people start their server, each a table `[[profile]]`."""
    folder: tuple[Folder, ...] = ()
    """Volumes that the members of groups share, each a table `[[folder]]`."""

    @property
    def surroundings(self) -> Surroundings:
        """What profiles and folders must fit into."""
        ours, servers = self.names, self.servers
        volumes = (ours.data_volume, ours.database_volume)
        return Surroundings(ours.project, servers.home_mount, servers.home_prefix, volumes, self.limits.memory)

    @property
    def is_demo(self) -> bool:
        """Whether people sign in with the demo's own directory."""
        return self.directory.server == DEMO_DIRECTORY

    @property
    def site(self) -> Front:
        """The front door as it is: a demo that says nothing has one with a certificate of its own making."""
        if self.is_demo and not self.front.address and not self.front.certificate:
            return Front(address=f"https://localhost:{self.names.https_port}/", certificate="self-signed")
        return self.front

    @property
    def services(self) -> tuple[str, ...]:
        """The services of this deployment."""
        directory = (names.DIRECTORY,) if self.is_demo else ()
        httpd = (names.HTTPD,) if self.site.certificate else ()
        return (*names.SERVICES, *directory, *httpd)

    @property
    def address(self) -> str:
        """Where people reach the hub, as far as it was said; else where this host does."""
        return self.site.address or f"http://127.0.0.1:{self.names.port}/"

    @classmethod
    def tables(cls) -> dict[str, type[BaseModel]]:
        """The tables of `onehub.toml`; those of `sources.ARRAYS` may be there several times."""
        return {name: kind for name, field in cls.model_fields.items() if (kind := table_of(field.annotation))}

    @classmethod
    def toml_schema(cls) -> dict[str, Any]:
        """The JSON Schema of `onehub.toml`: what that file may set, with the defaults as one writes them there."""
        schema = cls.model_json_schema(mode="serialization")
        for key in sources.ELSEWHERE:
            section, name = key.split(".")
            del schema["$defs"][section.title()]["properties"][name]
        for section in schema["properties"].values():
            section.pop("default", None)
        return schema

    def to_json(self) -> str:
        """All of it, the lookup password in clear: for a 0600 file, never for people. `from_json` reads it."""
        data = self.model_dump(mode="json")
        data["directory"]["lookup_password"] = self.directory.lookup_password.get_secret_value()
        return json.dumps(data, indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """What `to_json` wrote."""
        return cls.model_validate_json(text)

    def digest(self) -> str:
        """Changes when any setting changes that the running hub read at its start.

        The access rules and the page are left out: the hub reads them anew whenever they change. So is what only
        Compose, the build and Apache httpd read, so that an edit there does not restart the hub.
        """
        door = Front(address=self.front.address, subdomains=self.front.subdomains)
        live = {"access": Access(), "build": Build(), "page": Page(), "front": door}
        return hashlib.sha256(self.model_copy(update=live).to_json().encode()).hexdigest()


def load(directory: Path, environ: Mapping[str, str], *, kept_exports: bool = False) -> Settings:
    """The settings of the deployment in `directory`; `kept_exports` as in `sources.read`.

    Raises SettingsError with every problem found, each with its file and line or key.
    """
    settings, problems = inspect(directory, environ, kept_exports=kept_exports)
    if problems:
        raise SettingsError(problems)
    return settings


def load_access(directory: Path) -> tuple[Access, tuple[Problem, ...]]:
    """The access rules as the files say now, with defaults in place of what is wrong; and every problem.

    The hub reads them anew at each decision. Raises PermissionError.
    """
    found = sources.read_access(directory)
    values = found.values.get("access", {})
    try:
        access = Access.model_validate(values)
        # An empty list signs everybody out. `onehub up` refuses it, so in a running hub it is a slip.
        return access, tuple(found.problems or [problem for _, problem in _access_checks(access)])
    except ValidationError as error:
        wrong = [{**details, "loc": ("access", *details["loc"])} for details in error.errors(include_url=False)]
        left = _without({"access": values}, [("access", *details["loc"]) for details in error.errors()])
        problems = (*found.problems, *(problem_of(details, Settings.tables(), found) for details in wrong))
        return Access.model_validate(left["access"]), problems


def inspect(
    directory: Path, environ: Mapping[str, str], *, kept_exports: bool = False
) -> tuple[Settings, tuple[Problem, ...]]:
    """As much as can be made of the settings, with defaults in place of what is wrong; and every problem.

    For looking and for stopping, which must work with any settings. Raises SettingsError for an unreadable file.
    """
    try:
        found = sources.read(directory, environ, kept_exports=kept_exports)
    except PermissionError as error:
        message, hint = "is not readable for you", "run onehub as the owner of that file, or as root"
        raise SettingsError([Problem(str(error.filename), message)], hint) from error
    problems = list(found.problems)
    try:
        settings = Settings.model_validate(found.everything)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        problems += [problem_of(details, Settings.tables(), found) for details in wrong]
        settings = Settings.model_validate(_without(found.everything, [details["loc"] for details in wrong]))
    told = {problem.place for problem in problems}
    for key, problem in _cross_checks(settings, directory):
        # What follows from a problem that is in the list already would only confuse.
        if told.isdisjoint({problem.place, found.place(key)}):
            problems.append(problem)
    return settings, tuple(problems)


def _without(values: Mapping[str, Any], paths: Iterable[tuple[int | str, ...]]) -> dict[str, Any]:
    wrong = {path[:2] for path in paths}
    kept: dict[str, Any] = {}
    for section, table in values.items():
        if (section,) in wrong:
            continue
        if isinstance(table, list):
            kept[section] = [entry for index, entry in enumerate(table) if (section, index) not in wrong]
        else:
            kept[section] = {name: value for name, value in table.items() if (section, name) not in wrong}
    return kept


def _blocked_name(typed: str) -> str:
    login = read_login(typed)
    if login is None or "*" in login.name or login.qualified:
        # A principal name need not begin with the login name, so it would block somebody else, or nobody.
        raise ValueError(f"{typed!r} is not a login name (without a domain, as in userlist)")
    return hub_name(login.name)


def _front_checks(settings: Settings, directory: Path) -> Iterator[tuple[str, Problem]]:
    front, ours = settings.front, settings.names
    if settings.site.certificate and len({ours.port, ours.https_port, ours.http_port}) < 3:
        message = f"HUB_PORT, HTTPS_PORT and HTTP_PORT must differ ({ours.port}, {ours.https_port}, {ours.http_port})"
        yield "names.https_port", Problem(sources.DOTENV, message)
    if front.certificate == "files":
        for key, file in (("certificate_file", front.certificate_file), ("key_file", front.key_file)):
            if file and not file.startswith(f"{FOLDER}/"):
                message = f"{file!r} must be in the folder {FOLDER!r}, which is all that the service sees"
                yield f"front.{key}", Problem(f"onehub.toml: front.{key}", message)
    acme_ca = front.acme_ca_file
    if acme_ca and not (acme_ca.startswith(f"{FOLDER}/") and _is_pem(directory / acme_ca)):
        message = f"there is no certificate (PEM) at {acme_ca!r}; it must be in the folder {FOLDER!r}"
        yield "front.acme_ca_file", Problem("onehub.toml: front.acme_ca_file", message)


def _is_pem(path: Path) -> bool:
    return path.is_file() and b"-----BEGIN CERTIFICATE-----" in path.read_bytes()


def _access_checks(access: Access) -> Iterator[tuple[str, Problem]]:
    groups = access.allowed_groups or access.admin_groups
    if access.allow_all:
        if access.allowed_groups or access.require == "all":
            message = "lets everybody in, so allowed groups and require = 'all' would mean nothing: keep one of them"
            yield "access.allow_all", Problem("onehub.toml: access.allow_all", message)
    elif not access.people and not groups:
        message = "nobody may sign in: name people here or groups in ad_allowed_groups (see userlist.example)"
        yield "access.people", Problem(sources.USERLIST, message)
    elif access.require == "all" and not (access.people and groups):
        empty = sources.ALLOWED_GROUPS if access.people else sources.USERLIST
        message = "is empty, but access.require = 'all' asks for both lists: nobody could sign in"
        yield "access.require", Problem(empty, message)


def _cross_checks(settings: Settings, directory: Path) -> Iterator[tuple[str, Problem]]:
    """What no single key can know, each with the key that it hangs on."""
    ad, access = settings.directory, settings.access
    if not ad.server:
        message = (
            "AD_SERVER is missing: copy secrets/ad.env.example to secrets/ad.env and fill it in (or try `make demo`)"
        )
        yield "directory.server", Problem(sources.AD_ENV, message)
    if not ad.lookup_user and not ad.bind_templates:
        message = "AD_LOOKUP_SEARCH_USER is missing (or a line in ad_bind_dn_template)"
        yield "directory.lookup_user", Problem(sources.AD_ENV, message)
    if ad.lookup_user and not ad.lookup_password.get_secret_value():
        yield "directory.lookup_password", Problem(sources.AD_ENV, "AD_LOOKUP_SEARCH_PASSWORD is missing")
    yield from _access_checks(access)
    if not ad.lookup_user and len(ad.bind_templates) > 1:
        # Trying one after the other would count several failed binds for one wrong password, and lock accounts.
        message = f"holds {len(ad.bind_templates)} templates; without a lookup account keep the one that fits"
        yield "directory.bind_templates", Problem(sources.BIND_TEMPLATES, message)
    if ad.server and not settings.is_demo and set(sources.DEMO_PEOPLE) <= set(access.people):
        yield "access.people", Problem(sources.USERLIST, "still names the demo's people; replace them with yours")
    ours, servers = settings.names, settings.servers
    if settings.limits.promise > settings.limits.memory:
        message = "is more than limits.memory, which a server may not exceed"
        yield "limits.promise", Problem("onehub.toml: limits.promise", message)
    for volume in (ours.data_volume, ours.database_volume, f"{ours.project}_"):
        if volume.startswith(servers.home_prefix):
            message = f"{servers.home_prefix!r} begins the name of {volume!r}: somebody's home could be that volume"
            yield "servers.home_prefix", Problem("onehub.toml: servers.home_prefix", message)
    if ours.hub_container.startswith(servers.container_prefix):
        message = f"{servers.container_prefix!r} begins {ours.hub_container!r}: somebody's server could be the hub"
        yield "servers.container_prefix", Problem("onehub.toml: servers.container_prefix", message)
    for entry, message in conflicts(settings.profile, settings.folder, settings.surroundings):
        yield entry, Problem(f"onehub.toml: {entry}", message)
    if settings.page.logo and not (directory / settings.page.logo).is_file():
        yield "page.logo", Problem("onehub.toml: page.logo", f"there is no picture at {settings.page.logo!r}")
    yield from _front_checks(settings, directory)
    for file in (ad.ca_file, *settings.build.ca_certificates):
        key = "directory.ca_file" if file == ad.ca_file else "build.ca_certificates"
        if file and not _is_pem(directory / file):
            yield key, Problem(f"onehub.toml: {key}", f"there is no file with a certificate (PEM) at {file!r}")
