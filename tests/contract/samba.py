"""A real Active Directory domain: Samba, from the image that tests/samba describes, on free ports of the loopback."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import ldap3
import pytest
import trustme
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars

from onehub.core.names import BASE_IMAGE
from tests.e2e.deployment import TestDeployment, run

BASE_DN = "DC=example,DC=test"
DOMAIN, REALM, NETBIOS = "example.test", "EXAMPLE.TEST", "EXAMPLE"
FIRST, SECOND = "127.0.0.1", "127.0.0.2"
LOCKOUT_THRESHOLD, PASSWORD_DAYS = 5, 42
"""What the Dockerfile sets for the domain; a lockout lasts 30 minutes."""
SERVER_NAMES = ("localhost", FIRST, SECOND, f"dc1.{DOMAIN}", f"dc2.{DOMAIN}")

_CONTEXT = Path(__file__).parents[1] / "samba"
_REPOSITORY = "localhost/onehub-test/samba"
_LABEL = "com.onehub.test=samba"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True)
class Person:
    """An account as people.json describes it; `state` is empty or says why its right password is refused."""

    sam: str
    cn: str
    password: str
    upn: str
    state: str
    unit: str
    mail: str | None


def _person(entry: Mapping[str, str]) -> Person:
    sam = entry["sam"]
    upn = entry.get("crossed_upn") or entry.get("upn") or f"{sam.replace(' ', '.')}@{DOMAIN}"
    unit, state = entry.get("ou", "People"), entry.get("state", "")
    return Person(sam, entry["cn"], entry["password"], upn, state, unit, entry.get("mail"))


_SEED = json.loads((_CONTEXT / "people.json").read_text(encoding="utf-8"))
LOOKUP = _person(_SEED["lookup"])
PEOPLE: Mapping[str, Person] = {entry["sam"]: _person(entry) for entry in _SEED["people"]}


@dataclass(frozen=True)
class RunningDomain:
    """Where one domain controller listens, the CA to trust, and what an administrator would do to it."""

    host: str
    ldaps: int
    ldap: int
    dns: int | None
    ca_file: Path
    container: str
    ca: trustme.CA

    @property
    def starttls(self) -> int:
        """The port for StartTLS."""
        return self.ldap

    @property
    def lookup_user(self) -> str:
        return LOOKUP.upn

    @property
    def lookup_password(self) -> str:
        return LOOKUP.password

    def connection(self, *, starttls: bool = False, encrypted: bool = True) -> ldap3.Connection:
        """An open, anonymous connection that verifies the certificate; the caller unbinds it."""
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.ca_file))
        ldaps = encrypted and not starttls
        port = self.ldaps if ldaps else self.ldap
        server = ldap3.Server(self.host, port, use_ssl=ldaps, tls=tls, get_info=ldap3.NONE, connect_timeout=3)
        connection = ldap3.Connection(server, receive_timeout=5, auto_referrals=False)
        try:
            with warnings.catch_warnings():
                # ldap3 2.9.1 compares the host's name with a function that Python 3.11 still has, under protest.
                warnings.filterwarnings("ignore", "ssl.match_hostname", DeprecationWarning)
                connection.open()
                if starttls:
                    connection.start_tls()
        except BaseException:
            # Not unbind(): it would write to a socket that is no more, or leave one open that never was connected.
            if connection.socket:
                connection.socket.close()
            raise
        return connection

    def bind(self, user: str, password: str, *, starttls: bool = False, encrypted: bool = True) -> dict:
        """What a simple bind answers: `result`, `message` and so on."""
        connection = self.connection(starttls=starttls, encrypted=encrypted)
        try:
            connection.rebind(user=user, password=password, authentication=ldap3.SIMPLE)
            return connection.result
        finally:
            connection.unbind()

    @contextlib.contextmanager
    def looking_up(self) -> Iterator[ldap3.Connection]:
        """A connection with the rights of the lookup account."""
        connection = self.connection()
        try:
            assert connection.rebind(user=LOOKUP.upn, password=LOOKUP.password, authentication=ldap3.SIMPLE)
            yield connection
        finally:
            connection.unbind()

    def read(self, sam: str, *attributes: str) -> dict[str, list[bytes]]:
        """An account's attributes as raw bytes, and its `dn`, as the lookup account sees them."""
        with self.looking_up() as connection:
            connection.search(BASE_DN, f"(sAMAccountName={escape_filter_chars(sam)})", attributes=list(attributes))
            # A search from the domain's head returns referrals to its other partitions as well.
            (entry,) = (answer for answer in connection.response if answer["type"] == "searchResEntry")
        return dict(entry["raw_attributes"]) | {"dn": entry["dn"]}

    def dn(self, sam: str) -> str:
        return self.read(sam)["dn"]

    def bad_password_count(self, sam: str) -> int:
        values = self.read(sam, "badPwdCount")["badPwdCount"]
        return int(values[0]) if values else 0

    def modify(self, sam: str, **attributes: str | int | None) -> None:
        """Set an account's attributes, also those the directory keeps for itself (`pwdLastSet`, `lockoutTime` …).

        None removes. A time may be `now-38`: 38 days ago. Names with a hyphen go in as `**{"msDS-…": …}`.
        """
        values = {name: [] if value is None else [str(value)] for name, value in attributes.items()}
        request = json.dumps({"name": sam, "attributes": values})
        script = 'printf %s "$REQUEST" | python3 /srv/samba/change.py'
        run("docker", "exec", "--env", f"REQUEST={request}", self.container, "sh", "-c", script)

    def lock(self, sam: str) -> None:
        """Lock an account as an attacker would: the time of a lockout cannot have run out then."""
        self.unlock(sam)
        dn = self.dn(sam)
        for _ in range(LOCKOUT_THRESHOLD):
            self.bind(dn, "certainly wrong")

    def unlock(self, sam: str) -> None:
        """Unlock an account and forget its wrong passwords."""
        self.modify(sam, lockoutTime=0, badPwdCount=0)

    def samba_tool(self, *words: str) -> str:
        """What `samba-tool` prints, for whatever else an administrator does."""
        return run("docker", "exec", self.container, "samba-tool", *words).stdout

    def pause(self) -> None:
        """Connections are still accepted, and nothing answers."""
        run("docker", "pause", self.container)

    def unpause(self) -> None:
        run("docker", "unpause", self.container)

    def kill(self) -> None:
        """Connections are refused from now on, for good."""
        run("docker", "kill", self.container)


@pytest.fixture(scope="session")
def samba(deployment: TestDeployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDomain]:
    """The domain's first controller, for all tests: who changes an account changes it back."""
    # The deployment sees to the base image.
    image = _build()
    folder = tmp_path_factory.mktemp("samba")
    ca = _certificates(folder)
    ldaps, ldap, dns = _free_ports(3)
    name = f"onehub-samba-{os.getpid()}-{ldaps}"
    with _running(RunningDomain(FIRST, ldaps, ldap, dns, folder / "ca.pem", name, ca), image) as domain:
        yield domain


@pytest.fixture
def second_dc(samba: RunningDomain) -> Iterator[Callable[[], RunningDomain]]:
    """Starts another controller with the same people, at 127.0.0.2 and the first one's ports, to be paused or killed.

    It is a twin, not a replica: what changes in one does not change in the other.
    """
    image = _image()
    twin = RunningDomain(
        SECOND, samba.ldaps, samba.ldap, samba.dns, samba.ca_file, f"{samba.container}-second", samba.ca
    )
    with contextlib.ExitStack() as started:
        yield lambda: started.enter_context(_running(twin, image))


def _image() -> str:
    digest = hashlib.sha256(BASE_IMAGE.encode())
    for path in sorted(_CONTEXT.iterdir()):
        if path.is_file():
            digest.update(f"{path.name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return f"{_REPOSITORY}:{digest.hexdigest()[:16]}"


def _build() -> str:
    image = _image()
    if run("docker", "image", "inspect", image, check=False).returncode:
        options = ("--network", "host", "--tag", image, "--label", _LABEL, "--build-arg", f"BASE_IMAGE={BASE_IMAGE}")
        proxies = [word for name in _PROXIES if os.environ.get(name) for word in ("--build-arg", name)]
        run("docker", "build", *options, *proxies, _CONTEXT)
    known = run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"label={_LABEL}")
    outdated = [name for name in known.stdout.split() if name.startswith(f"{_REPOSITORY}:") and name != image]
    if outdated:
        # Without --force: one that runs elsewhere is kept.
        run("docker", "image", "rm", *outdated, check=False)
    return image


def _certificates(folder: Path) -> trustme.CA:
    ca = trustme.CA()
    certificate = ca.issue_cert(*SERVER_NAMES)
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
    return ca


@contextlib.contextmanager
def _running(domain: RunningDomain, image: str) -> Iterator[RunningDomain]:
    ports = ((domain.ldaps, "636"), (domain.ldap, "389"), (domain.dns, "53/udp"), (domain.dns, "53/tcp"))
    publish = [f"--publish={domain.host}:{ours}:{theirs}" for ours, theirs in ports]
    options = ("--name", domain.container, "--label", _LABEL, "--memory=1g", "--restart=no")
    try:
        run("docker", "run", "--detach", *options, *publish, f"--volume={domain.ca_file.parent}:/srv/tls:ro", image)
        _wait(domain)
        yield domain
    finally:
        run("docker", "rm", "--force", "--volumes", domain.container, check=False)


def _wait(domain: RunningDomain) -> None:
    deadline = time.monotonic() + 180
    while (answer := _answer(domain)) != "success":
        if time.monotonic() > deadline:
            logs = run("docker", "logs", domain.container, check=False)
            raise AssertionError(f"{answer}\n{logs.stdout}{logs.stderr}")
        time.sleep(0.1)


def _answer(domain: RunningDomain) -> str:
    try:
        return domain.bind(LOOKUP.upn, LOOKUP.password)["description"]
    except LDAPException as error:
        return str(error)


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has at either address, for TCP or UDP. All are held until the last is found."""
    tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
    others = ((FIRST, udp), (SECOND, tcp), (SECOND, udp))
    found: list[int] = []
    with contextlib.ExitStack() as held:
        while len(found) < count:
            probe = held.enter_context(socket.socket())
            probe.bind((FIRST, 0))
            port = probe.getsockname()[1]
            try:
                for host, kind in others:
                    held.enter_context(socket.socket(type=kind)).bind((host, port))
            except OSError:
                continue
            found.append(port)
    return found
