"""A real 389 Directory Server, FreeIPA's, with FreeIPA's tree and attributes, on free ports of the loopback.

What it lacks of FreeIPA are the plugins that FreeIPA adds: nothing but the hub looks at the Kerberos attributes.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ldap3
import pytest
import trustme
from ldap3.core.exceptions import LDAPException

from onehub.core.names import BASE_IMAGE
from onehub.hub.directory.tls import VerifiedTls
from tests.e2e.deployment import TestDeployment, free_port, run

BASE_DN, REALM = "dc=example,dc=test", "EXAMPLE.TEST"
ACCOUNTS = f"cn=accounts,{BASE_DN}"
LOOKUP_DN = f"uid=svc-jupyter,cn=sysaccounts,cn=etc,{BASE_DN}"
PASSWORDS = {
    "alice": 'päss\'wörd "quoted" \\back: slash',
    "ada": "correct horse",
    "Bob.Smith": "bob's own",
    "soon": "soon's own",
    "disabled": "disabled's own",
    "expired": "expired's own",
    "pwexpired": "pwexpired's own",
    "locked": "locked's own",
}
USABLE = ("alice", "ada", "Bob.Smith", "soon")
GROUPS = {
    "ipausers": [f"uid={name},cn=users,{ACCOUNTS}" for name in PASSWORDS],
    "students": [f"uid=alice,cn=users,{ACCOUNTS}"],
    "data science": [f"cn=students,cn=groups,{ACCOUNTS}"],
    "admins": [f"uid=ada,cn=users,{ACCOUNTS}"],
}
_STATES: Mapping[str, Mapping[str, str | int]] = {
    "soon": {"krbPasswordExpiration": 5},
    "disabled": {"nsAccountLock": "TRUE"},
    "expired": {"krbPrincipalExpiration": -1},
    "pwexpired": {"krbPasswordExpiration": -1},
}
"""Attributes; a number is so many days from now."""

_CONTEXT = Path(__file__).parents[1] / "ds389"
_IMAGE = "localhost/onehub-test/ds389"
_LABEL = "com.onehub.test=ds389"
_MANAGER = ("cn=Directory Manager", "directory manager")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


def mark(name: str) -> str:
    """The ipaUniqueID of a person or a group."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))


def person_dn(name: str) -> str:
    return f"uid={name},cn=users,{ACCOUNTS}"


def group_dn(name: str) -> str:
    return f"cn={name},cn=groups,{ACCOUNTS}"


def days(number: float) -> str:
    """So many days from now, as LDAP writes it."""
    return f"{datetime.now(UTC) + timedelta(days=number):%Y%m%d%H%M%SZ}"


@dataclass(frozen=True)
class RunningDs389:
    """Where the server listens, the CA to trust, and what an administrator would do to it."""

    ldaps: int
    starttls: int
    ca_file: Path
    container: str
    lookup_user: str = LOOKUP_DN
    lookup_password: str = "look up#with $igns"

    @contextlib.contextmanager
    def connection(self) -> Iterator[ldap3.Connection]:
        """Anonymous, over LDAPS."""
        tls = VerifiedTls(ssl.create_default_context(cafile=self.ca_file))
        # Not localhost: of several addresses ldap3 forgets to close the sockets that failed.
        server = ldap3.Server("127.0.0.1", self.ldaps, use_ssl=True, tls=tls, get_info=ldap3.NONE, connect_timeout=3)
        connection = ldap3.Connection(server, receive_timeout=10, check_names=False)
        try:
            connection.open()
            yield connection
            connection.unbind()
        finally:
            if connection.socket:
                connection.socket.close()

    @contextlib.contextmanager
    def managing(self) -> Iterator[ldap3.Connection]:
        """With all rights."""
        with self.connection() as connection:
            user, password = _MANAGER
            assert connection.rebind(user=user, password=password, authentication=ldap3.SIMPLE), connection.result
            yield connection

    def bind(self, name: str, password: str) -> tuple[int, str]:
        """What the server says to a person's password: result code and text."""
        with self.connection() as connection:
            connection.rebind(user=person_dn(name), password=password, authentication=ldap3.SIMPLE)
            return connection.result["result"], connection.result["message"]

    def modify(self, dn: str, **attributes: str | int | list[str]) -> None:
        """Replace attributes; an empty list removes one."""
        changes = {name: [(ldap3.MODIFY_REPLACE, value)] for name, value in attributes.items()}
        with self.managing() as connection:
            assert connection.modify(dn, changes), connection.result

    @contextlib.contextmanager
    def holding(self, dn: str, **attributes: str | list[str]) -> Iterator[None]:
        """One entry more, for a while."""
        with self.managing() as connection:
            assert connection.add(dn, attributes=attributes), connection.result
        try:
            yield
        finally:
            with self.managing() as connection:
                assert connection.delete(dn), connection.result


@pytest.fixture(scope="session")
def ds389(deployment: TestDeployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDs389]:
    """One server for all tests: who changes an entry changes it back."""
    # The deployment sees to the base image.
    _build()
    folder = tmp_path_factory.mktemp("ds389")
    _certificates(folder)
    running = RunningDs389(free_port(), free_port(), folder / "ca.pem", f"onehub-ds389-{os.getpid()}")
    ports = [f"--publish=127.0.0.1:{running.ldaps}:636", f"--publish=127.0.0.1:{running.starttls}:389"]
    options = ("--name", running.container, "--label", _LABEL, "--memory=1g", f"--volume={folder}:/srv/tls:ro")
    try:
        run("docker", "run", "--detach", *options, *ports, _IMAGE)
        _wait(running)
        _settle(running)
        yield running
    finally:
        run("docker", "rm", "--force", "--volumes", running.container, check=False)


def _build() -> None:
    """Where nothing changed since the last time, the engine has all the layers and this takes no time."""
    before = run("docker", "image", "ls", "--quiet", "--no-trunc", _IMAGE).stdout.split()
    options = ("--network", "host", "--tag", _IMAGE, "--label", _LABEL, "--build-arg", f"BASE_IMAGE={BASE_IMAGE}")
    proxies = [word for name in _PROXIES if os.environ.get(name) for word in ("--build-arg", name)]
    run("docker", "build", *options, *proxies, _CONTEXT)
    after = run("docker", "image", "ls", "--quiet", "--no-trunc", _IMAGE).stdout.split()
    outdated = [image for image in before if image not in after]
    if outdated:
        # Without --force: one that runs elsewhere is kept.
        run("docker", "image", "rm", *outdated, check=False)


def _certificates(folder: Path) -> None:
    ca = trustme.CA()
    certificate = ca.issue_cert("localhost", "127.0.0.1")
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))


def _wait(running: RunningDs389) -> None:
    deadline = time.monotonic() + 60
    while (answer := _answer(running)) is not None:
        if time.monotonic() > deadline:
            logs = run("docker", "logs", running.container, check=False)
            raise AssertionError(f"{answer}\n{logs.stdout}{logs.stderr}")
        time.sleep(0.1)


def _answer(running: RunningDs389) -> Exception | None:
    try:
        with running.managing():
            return None
    except (LDAPException, OSError) as error:
        return error


def _settle(running: RunningDs389) -> None:
    """Add the people and groups; the server's plugin works out everybody's memberOf."""
    with running.managing() as connection:
        lookup = {"objectClass": ["account", "simpleSecurityObject"], "userPassword": running.lookup_password}
        assert connection.add(running.lookup_user, attributes=lookup), connection.result
        for name, password in PASSWORDS.items():
            assert connection.add(person_dn(name), attributes=_person(name, password)), connection.result
        for name, members in GROUPS.items():
            classes = ["ipaUserGroup", "ipaObject"]
            attributes = {"objectClass": classes, "ipaUniqueID": mark(name), "member": members}
            assert connection.add(group_dn(name), attributes=attributes), connection.result


def _person(name: str, password: str) -> dict[str, str | list[str]]:
    states = _STATES.get(name, {})
    return {
        "objectClass": ["inetOrgPerson", "inetUser", "ipaObject", "testKrbPrincipal"],
        "cn": name.title(),
        "sn": name,
        "userPassword": password,
        "ipaUniqueID": mark(name),
        "krbPrincipalName": [f"{name}@{REALM}", f"{name}.alias@{REALM}"],
        **{attribute: days(value) if isinstance(value, int) else value for attribute, value in states.items()},
    }
