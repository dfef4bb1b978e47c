"""What a rehearsal says of servers: real sockets and certificates, and the same in front of real directories."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from onehub.core.logins import Login
from onehub.core.rehearsal import Rehearsal, Request, Stage
from onehub.core.settings import Settings
from onehub.hub.directory.ldap import LdapDirectory
from onehub.hub.notes import Ended, Notes
from onehub.hub.reach import reach
from onehub.hub.rehearsal import rehearse

from .conftest import PASSWORDS
from .samba import LOCKOUT_THRESHOLD
from .sluices import listener, silent
from .worlds import AD_PASSWORDS, World, fake_world, openldap_world, samba_world, settings_for


@pytest.fixture
def ca(tmp_path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


@contextmanager
def serving(certificate: trustme.LeafCert) -> Iterator[int]:
    """A server that shakes hands and nothing else; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def shake(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as protected:
            protected.recv(1)

    with listener(shake) as port:
        yield port


@pytest.fixture
def look(tmp_path) -> Callable[..., list[Stage]]:
    """The stages about servers."""

    def reached(port: int, server: str = "localhost", **changes: object) -> list[Stage]:
        values = {
            "server": server,
            "port": port,
            "ca_file": "ca.pem",
            "lookup_user": "svc",
            "lookup_password": "x",
            "connect_timeout": 1,
            "answer_timeout": 1,
        }
        directory = LdapDirectory(Settings.model_validate({"directory": values | changes}), tmp_path)
        notes = Notes()
        try:
            reach(directory, notes)
        except Ended:
            notes.stages.append(Stage("end", "failed"))
        return notes.stages

    return reached


def last(stages: list[Stage]) -> Stage:
    """The stage at which it ended."""
    assert stages[-1].about == "end"
    return next(stage for stage in stages if stage.level == "failed")


def unused_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


def test_a_good_server_has_an_address_a_connection_and_a_certificate(ca, look):
    with serving(ca.issue_cert("localhost", common_name="dc1")) as port:
        stages = look(port)
    assert [(stage.about, stage.level, stage.subject) for stage in stages] == [
        ("dns", "ok", "localhost"),
        ("connect", "ok", f"localhost:{port}"),
        ("tls", "ok", f"localhost:{port}"),
    ]
    assert stages[0].text.split(", ")[-1] == "127.0.0.1"
    assert stages[1].text == "from 127.0.0.1 to 127.0.0.1"
    assert stages[2].text.startswith("TLSv1.3, the certificate 'dc1' for localhost, signed by ")
    assert all(stage.milliseconds is not None for stage in stages)


def test_a_certificate_that_soon_ends_is_a_warning(ca, look):
    ends = datetime.now(UTC) + timedelta(days=12, hours=1)
    with serving(ca.issue_cert("localhost", not_after=ends)) as port:
        stage = look(port)[-1]
    assert (stage.about, stage.level) == ("tls", "warning")
    assert stage.text.endswith(f"good until {ends:%Y-%m-%d}: 12 days left, then nobody can sign in")


@pytest.mark.parametrize(
    ("make", "why", "fix"),
    [
        (
            lambda ca: trustme.CA(organization_name="Theirs", organization_unit_name="CA").issue_cert("localhost"),
            "the certificate is of a CA that is not trusted here: ",
            "put the certificate (PEM) of the CA 'OU=CA,O=Theirs' here; its file name is directory.ca_file",
        ),
        (
            lambda ca: ca.issue_cert("dc1.example.com", "dc2.example.com"),
            "the certificate is not for 'localhost': ",
            "in secrets/ad.env, a name that it is for: dc1.example.com or dc2.example.com",
        ),
        (
            lambda ca: ca.issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC)),
            "the certificate has expired: ",
            "have it renewed by whoever runs the directory",
        ),
    ],
)
def test_a_refused_certificate_is_described_with_its_fix(ca, look, make, why, fix):
    with serving(make(ca)) as port:
        stages = look(port)
    stage = last(stages)
    assert (stage.about, stage.fix) == ("tls", fix)
    assert stage.text.startswith(f"{why}localhost:{port} shows the certificate ")
    assert "signed by" in stage.text


def test_nobody_listens(ca, look):
    port = unused_port()
    stages = look(port)
    assert last(stages).text == f"localhost:{port} does not answer: Connection refused"
    assert [(stage.about, stage.level) for stage in stages[1:3]] == [("connect", "failed"), ("tls", "not reached")]


def test_a_server_that_says_nothing(ca, look):
    with listener(silent) as port:
        assert last(look(port)).text.startswith(f"localhost:{port} does not answer: ")


def test_a_name_that_is_nobodys(ca, look):
    stage = last(look(636, "nobody.invalid"))
    assert (stage.about, stage.text) == ("dns", "the name 'nobody.invalid' has no address")


def test_every_server_is_tried_and_one_that_answers_will_do(ca, look):
    with serving(ca.issue_cert("localhost")) as port:
        stages = look(port, "nobody.invalid localhost 127.0.0.2")
    assert [(stage.about, stage.level, stage.subject.partition(":")[0]) for stage in stages] == [
        ("dns", "warning", "nobody.invalid"),
        ("connect", "not reached", "nobody.invalid"),
        ("tls", "not reached", "nobody.invalid"),
        ("dns", "ok", "localhost"),
        ("connect", "ok", "localhost"),
        ("tls", "ok", "localhost"),
        ("dns", "ok", "127.0.0.2"),
        ("connect", "warning", "127.0.0.2"),
        ("tls", "not reached", "127.0.0.2"),
    ]
    assert stages[0].text == "the name 'nobody.invalid' has no address; another server answers"


def test_without_tls_there_is_no_certificate(ca, look):
    with listener(silent) as port:
        assert [stage.about for stage in look(port, insecure=True)] == ["dns", "connect"]


def test_a_ca_file_that_is_gone(look):
    with listener(silent) as port:
        stage = last(look(port))
    assert stage.text.endswith("ca.pem cannot be read: No such file or directory")


# --- in front of real directories


@pytest.fixture(params=["fake", "openldap", "samba"])
def world(request: pytest.FixtureRequest) -> World:
    """The fake as well: the unit tests ask it the same."""
    if request.param == "fake":
        return fake_world(PASSWORDS)
    running = request.getfixturevalue(request.param)
    return (
        openldap_world(running, "ldaps", PASSWORDS) if request.param == "openldap" else samba_world(running, "ldaps")
    )


def test_every_directory_explains_itself_alike(world):
    with world.directory.session() as session:
        session.begin()
        entry = session.find(Login(world.nested))
        condition, hits = session.last_search()
        ways = {group.name.lower(): [one.name for one in way] for group, way in session.paths(entry).items()}
        assert session.knows_anybody()
        assert session.find(Login("nobody")) is None
        assert session.last_search()[1] == 0
    assert world.nested in condition
    assert hits == 1
    assert ways["data science"] == [world.middle]
    assert ways[world.middle.lower()] == []


def ask(running: Any, transport: str, name: str, password: str | None, **access: object) -> Rehearsal:
    settings = settings_for(running, transport).model_copy(
        update={"access": Settings.model_validate({"access": access}).access}
    )
    secret = None if password is None else SecretStr(password)
    return rehearse(LdapDirectory(settings, Path("/")), Request(settings, name, secret), Notes())


def stage(rehearsal: Rehearsal, about: str) -> Stage:
    return next(stage for stage in rehearsal.stages if stage.about == about)


@pytest.mark.parametrize("transport", ["ldaps", "starttls"])
def test_openldap_tells_everything(openldap, transport):
    group = "cn=data science,ou=groups,dc=example,dc=test"
    rehearsal = ask(openldap, transport, "bob", PASSWORDS["bob"], allowed_groups=[group])
    assert {stage.level for stage in rehearsal.stages} == {"ok"}
    assert stage(rehearsal, "search").details[0] == "filter (&(|(uid=bob)))"
    assert stage(rehearsal, "groups").details == ("data science ← students", "students")
    assert rehearsal.decision
    assert rehearsal.decision.because == f"member of {group}"


@pytest.mark.parametrize("transport", ["ldaps", "starttls"])
def test_active_directory_tells_everything(samba, transport):
    rehearsal = ask(samba, transport, "EXAMPLE\\alice", AD_PASSWORDS["alice"], allowed_groups=["Data Science", "nix"])
    assert stage(rehearsal, "search base").text == "active-directory, people below DC=example,DC=test"
    assert (
        stage(rehearsal, "lock-out").text
        == f"after {LOCKOUT_THRESHOLD} wrong passwords; the hub asks 4 times at most"
    )
    assert [one.text for one in rehearsal.stages if one.about == "access rule"] == [
        "exists",
        "the group 'nix' does not exist",
    ]
    assert stage(rehearsal, "groups").details[:2] == (
        "Data Science ← Students",
        "Domain Users (the primary group, or known to the directory alone)",
    )
    assert str(rehearsal.decision) == (
        "alice may sign in: member of Data Science (an admin only if the admin page made them one)"
    )


@pytest.mark.parametrize(
    ("name", "password", "reason"),
    [
        ("disabled", None, "the account is disabled"),
        ("mustchange", AD_PASSWORDS.get("mustchange", ""), "the password must be changed at the next logon"),
        ("alice", "wrong", "wrong password"),
    ],
)
def test_active_directory_says_why_not(samba, name, password, reason):
    rehearsal = ask(samba, "ldaps", name, password, allow_all=True)
    assert rehearsal.decision
    assert (rehearsal.decision.allowed, rehearsal.decision.because) == (False, reason)


def test_active_directory_says_what_an_old_password_means_before_it_is_typed(samba):
    rehearsal = ask(samba, "ldaps", "pwexpired", None, allow_all=True)
    assert rehearsal.decision
    assert not rehearsal.decision.allowed
    assert rehearsal.decision.because.startswith("the password expired on ")
