"""Directories to measure against: an OpenLDAP and a Samba in containers of their own, also behind a slow network."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import ldap3
import trustme

from onehub.core.names import BASE_IMAGE, DIRECTORY_IMAGE

PEOPLE = tuple(f"p{number:02}" for number in range(20))
PASSWORD = "a password of their own"

_BASE = "dc=example,dc=test"
_LOOKUP_PASSWORD = "look up#with $igns"
_SAMBA_IMAGE = "localhost/onehub-bench/samba"
_SAMBA_SOURCE = Path(__file__).parents[1] / "tests" / "samba"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_SAMBA_PEOPLE = f"""
import ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

parameters = LoadParm()
parameters.load_default()
sam = SamDB(session_info=system_session(), lp=parameters)
sam.transaction_start()
for name, password in [("bench-lookup", {_LOOKUP_PASSWORD!r}), *((name, {PASSWORD!r}) for name in {PEOPLE!r})]:
    sam.add({{"dn": f"CN={{name}},CN=Users,{_BASE}", "objectClass": "user", "sAMAccountName": name,
              "userAccountControl": "512", "clearTextPassword": password.encode("utf-16-le")}})
for name, members in (("course", {PEOPLE!r}), ("school", ["course"])):
    sam.add({{"dn": f"CN={{name}},CN=Users,{_BASE}", "objectClass": "group", "sAMAccountName": name,
              "groupType": "-2147483646", "member": [f"CN={{one}},CN=Users,{_BASE}" for one in members]}})
sam.transaction_commit()
"""


@dataclass(frozen=True)
class Directory:
    """A directory with PEOPLE in it, and how each authenticator has to be told about it."""

    kind: str
    ldaps: int
    starttls: int
    ca_file: Path
    lookup_user: str
    lookup_password: str
    template: str
    login_attribute: str
    name_attribute: str

    def at(self, port: int) -> Directory:
        """The same behind another port."""
        return replace(self, ldaps=port)


@contextmanager
def slapd() -> Iterator[Directory]:
    """OpenLDAP from the project's own image (`make build`)."""
    with tempfile.TemporaryDirectory() as folder:
        secrets, published = Path(folder, "secrets"), Path(folder, "ca")
        secrets.mkdir()
        published.mkdir()
        (secrets / "demo-people").write_text("")
        (secrets / "ad.env").write_text(f"AD_LOOKUP_SEARCH_PASSWORD='{_LOOKUP_PASSWORD}'\n")
        mounts = (f"--volume={secrets}:/srv/secrets:ro", f"--volume={published}:/srv/directory-ca")
        with _container("slapd", *mounts, DIRECTORY_IMAGE) as (container, ldaps, starttls):
            template = f"uid={{username}},ou=people,{_BASE}"
            directory = Directory(
                "slapd",
                ldaps,
                starttls,
                published / "ca.pem",
                f"cn=lookup,{_BASE}",
                _LOOKUP_PASSWORD,
                template,
                "uid",
                "uid",
            )
            _wait(lambda: _binds(directory, directory.lookup_user, _LOOKUP_PASSWORD))
            _docker("exec", "--interactive", container, "ldapadd", "-Y", "EXTERNAL", "-H", "ldapi:///", told=_ldif())
            yield directory


@contextmanager
def samba() -> Iterator[Directory]:
    """Active Directory, from the image of the tests."""
    proxies = [f"--build-arg={name}" for name in _PROXIES if os.environ.get(name)]
    base = f"--build-arg=BASE_IMAGE={BASE_IMAGE}"
    _docker("build", "--network=host", base, *proxies, "--tag", _SAMBA_IMAGE, _SAMBA_SOURCE)
    with tempfile.TemporaryDirectory() as folder:
        tls = Path(folder)
        authority = trustme.CA()
        server = authority.issue_cert("localhost")
        authority.cert_pem.write_to_path(tls / "ca.pem")
        server.cert_chain_pems[0].write_to_path(tls / "cert.pem")
        server.private_key_pem.write_to_path(tls / "key.pem")
        with _container("samba", f"--volume={tls}:/srv/tls:ro", _SAMBA_IMAGE) as (container, ldaps, starttls):
            template = f"CN={{username}},CN=Users,{_BASE}"
            directory = Directory(
                "samba",
                ldaps,
                starttls,
                tls / "ca.pem",
                "EXAMPLE\\bench-lookup",
                _LOOKUP_PASSWORD,
                template,
                "sAMAccountName",
                "cn",
            )
            _wait(lambda: _answers(directory))
            _docker("exec", "--interactive", container, "python3", "-", told=_SAMBA_PEOPLE)
            _wait(lambda: _binds(directory, directory.lookup_user, _LOOKUP_PASSWORD))
            yield directory


@contextmanager
def delayed(directory: Directory, seconds: float) -> Iterator[Directory]:
    """The same directory, each connection passed on only after so long; `inf` is never."""
    # A process of its own: in ours, a stall of the event loop would be one of the directory, too.
    argv = (sys.executable, Path(__file__).with_name("delay.py"), str(directory.ldaps), str(seconds))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield directory.at(int((process.stdout or sys.stdin).readline()))
        finally:
            process.terminate()


def _ldif() -> str:
    entries = [
        f"dn: uid={name},ou=people,{_BASE}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n"
        f"userPassword: {PASSWORD}\n"
        for name in PEOPLE
    ]
    groups = (
        ("course", [f"uid={name},ou=people,{_BASE}" for name in PEOPLE]),
        ("school", [f"cn=course,ou=groups,{_BASE}"]),
    )
    for name, members in groups:
        lines = "".join(f"member: {member}\n" for member in members)
        entries.append(f"dn: cn={name},ou=groups,{_BASE}\nobjectClass: groupOfNames\ncn: {name}\n{lines}")
    return "\n".join(entries)


@contextmanager
def _container(kind: str, *words: str) -> Iterator[tuple[str, int, int]]:
    """Its name and its ports for LDAPS and StartTLS."""
    name = f"onehub-bench-{kind}-{os.getpid()}"
    publish = ("--publish=127.0.0.1::636", "--publish=127.0.0.1::389")
    _docker("run", "--detach", "--name", name, *publish, *words)
    try:
        yield name, _port(name, 636), _port(name, 389)
    finally:
        _docker("rm", "--force", "--volumes", name)


def _port(container: str, port: int) -> int:
    return int(_docker("port", container, f"{port}/tcp").split()[0].rpartition(":")[2])


def _wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError("the directory did not start")
        time.sleep(0.1)


def _answers(directory: Directory) -> bool:
    return _binds(directory, "", "")


def _binds(directory: Directory, user: str, password: str) -> bool:
    server = ldap3.Server("localhost", directory.ldaps, use_ssl=True, get_info=ldap3.NONE, connect_timeout=2)
    how = ldap3.SIMPLE if user else ldap3.ANONYMOUS
    connection = ldap3.Connection(server, user, password, authentication=how, raise_exceptions=False)
    try:
        return bool(connection.bind())
    except ldap3.core.exceptions.LDAPException:
        return False
    finally:
        connection.unbind()


def _docker(*words: str | Path, told: str | None = None) -> str:
    argv = ("docker", *words)
    done = subprocess.run(argv, input=told, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise RuntimeError(f"{argv} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout
