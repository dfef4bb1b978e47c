"""The directories that the contract is held to, each with the people who live there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onehub.core.logins import read_login
from onehub.core.settings import Settings
from onehub.hub.directory.ldap import LdapDirectory
from onehub.hub.directory.session import Answer, identify
from tests.doubles import Account, FakeDirectory

from . import ds389
from .samba import PEOPLE as AD_PEOPLE

BASE = "dc=example,dc=test"
AD_PASSWORDS = {sam: person.password for sam, person in AD_PEOPLE.items()}
STUDENTS, SCIENCE, ADMINS = (f"cn={name},ou=groups,{BASE}" for name in ("students", "data science", "admins"))
FAKE_GROUPS = {"ada": (ADMINS,), "bob": (STUDENTS,), "carol": (STUDENTS,)}


@dataclass(frozen=True)
class World:
    """A directory, passwords by login name, and who is in two groups, one of them through the other."""

    directory: Any
    passwords: Mapping[str, str]
    nested: str
    groups: frozenset[str]
    """Names of `nested`'s groups."""
    middle: str
    """The group by which `nested` is in the other."""


def ask(directory: Any, typed: str, password: str) -> Answer:
    """One sign-in."""
    login = read_login(typed)
    assert login is not None
    with directory.session() as session:
        return identify(session, login, password)


def settings_for(running: Any, transport: str, **changes: object) -> Settings:
    """How a hub would be set up for a directory that runs."""
    directory = {
        "server": "localhost",
        "tls": transport,
        "port": running.ldaps if transport == "ldaps" else running.starttls,
        "ca_file": str(running.ca_file),
        "lookup_user": running.lookup_user,
        "lookup_password": running.lookup_password,
        "connect_timeout": 2,
        "answer_timeout": 2,
    }
    return Settings.model_validate({"directory": directory | changes})


def ldap(running: Any, transport: str, **changes: object) -> LdapDirectory:
    """The directory as the hub sees it."""
    return LdapDirectory(settings_for(running, transport, **changes), Path("/"))


def fake_world(passwords: Mapping[str, str]) -> World:
    accounts = tuple(Account(name, password, FAKE_GROUPS.get(name, ())) for name, password in passwords.items())
    directory = FakeDirectory(BASE, accounts, parents={STUDENTS: (SCIENCE,)})
    return World(directory, passwords, "bob", frozenset({"students", "data science"}), "students")


def openldap_world(running: Any, transport: str, passwords: Mapping[str, str]) -> World:
    groups = frozenset({"students", "data science"})
    return World(ldap(running, transport), passwords, "bob", groups, "students")


def samba_world(running: Any, transport: str) -> World:
    usable = {sam: person.password for sam, person in AD_PEOPLE.items() if person.state in ("", "soon")}
    groups = frozenset({"Students", "Data Science", "Domain Users", "Users"})
    return World(ldap(running, transport), usable, "alice", groups, "Students")


def ds389_world(running: Any, transport: str) -> World:
    usable = {name: ds389.PASSWORDS[name] for name in ds389.USABLE}
    groups = frozenset({"ipausers", "students", "data science"})
    return World(ldap(running, transport, preset="freeipa"), usable, "alice", groups, "students")
