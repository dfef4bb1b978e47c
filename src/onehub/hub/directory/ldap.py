"""The conversation with a real LDAP server, by ldap3."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from ldap3 import BASE, SUBTREE, Connection
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_bytes, escape_filter_chars
from ldap3.utils.dn import escape_rdn

from onehub.core.groups import Group, is_dn, is_sid
from onehub.core.logins import Login
from onehub.core.presets import PRESETS, Preset, PresetName
from onehub.core.settings import DEMO_CA_FILE, Settings

from . import accounts, active_directory
from .connections import SERVER_FAILED, Connections, Row, bind, told
from .kept import KeptConnections
from .servers import Resolver, Server, Servers
from .session import DirectoryDown, Entry, Proof
from .tls import Trust
from .values import Values, values_of

_REFUSALS = {19: "constraintViolation", 49: "invalidCredentials", 53: "unwillingToPerform"}
"""Answers to a bind that are about the account: 49 everywhere, 53 and 19 where accounts are inactivated or locked."""
_ANSWERED = (0, 4)
"""Success, and more entries than were asked for."""
_HIDDEN = (32, 50)
"""No such object, insufficient rights: how servers say that one may not look."""
_NESTING_DEPTH = 10
_GROUP_LIMIT = 1000
"""Bounds of the walk up the groups; a directory with loops or thousands of groups cannot stall a sign-in."""
_AT_ONCE = 50
"""Values in one filter; directories limit its size."""
_AD_CAPABILITY = b"1.2.840.113556.1.4.800"
_IPA_EXTENSION = b"2.16.840.1.113730.3.8.10."
"""The arc of FreeIPA's own extended operations; a 389 Directory Server without FreeIPA has none of them."""
_BACKSLASH = "\\"
_IN_CHAIN = "1.2.840.113556.1.4.1941"
_ROOT = (
    "defaultNamingContext",
    "namingContexts",
    "supportedCapabilities",
    "supportedExtension",
)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Shape:
    """What kind of directory it is and where to search, from the settings, else from the server's root entry.

    People are below `base`, groups below `top`: those of Active Directory often lie elsewhere than the people.
    """

    preset: Preset
    base: str
    top: str


class LdapDirectory:
    """The configured directory. Opens a session per question; remembers which servers answer and what they are."""

    def __init__(
        self,
        settings: Settings,
        deployment: Path,
        resolver: Resolver | None = None,
        watch: Callable[[Server, bool], None] = lambda server, well: None,
    ) -> None:
        own = settings.directory
        self.settings = own
        self.servers = Servers(own, resolver, watch=watch)
        ca_file = deployment / own.ca_file if own.ca_file else None
        self._trust = Trust(Path(DEMO_CA_FILE) if settings.is_demo else ca_file)
        self._kept = KeptConnections(own.workers)
        weakref.finalize(self, self._kept.clear)
        self.shape: Shape | None = None

    @contextmanager
    def session(self) -> Iterator[LdapSession]:
        """A conversation; ends at the deadline and closes its connections. Raises DirectoryDown."""
        try:
            context = self._trust.context()
        except OSError as error:
            why = error.strerror or error
            raise DirectoryDown(f"the CA certificate {self._trust.ca_file} cannot be read: {why}", "tls") from error
        connections = Connections(self.settings, self.servers, self._kept, context)
        well = False
        try:
            yield LdapSession(self, connections)
            well = True
        except (LDAPException, OSError) as error:
            raise connections.down(error) from error
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            # What ldap3 and the readers of values come to with an answer that is none.
            raise DirectoryDown(f"the directory's answer cannot be read: {error!r}", "protocol") from error
        finally:
            connections.close(well=well)


class LdapSession:
    """A conversation with one server, or with the next one if that fails before a password was sent."""

    def __init__(self, directory: LdapDirectory, connections: Connections) -> None:
        self.connections = connections
        self._directory = directory
        self._settings = directory.settings
        self._reader_or_none: Connection | None = None

    @property
    def reads_first(self) -> bool:
        """Whether there is a lookup account."""
        return bool(self._settings.lookup_user)

    # -- the questions

    def find(self, login: Login) -> Entry | None:
        if not self.reads_first:
            return Entry(self._templated(login), login.name) if self._reader_or_none is None else self._myself(login)
        preset = self._preset
        attributes = [self._login_attribute, *preset.qualified]
        wanted = [(self._login_attribute, login.name)]
        if login.qualified:
            wanted = [(attribute, login.qualified) for attribute in preset.qualified] + wanted
        condition = "".join(f"({attribute}={escape_filter_chars(value)})" for attribute, value in wanted)
        rows = self._search(f"(&{preset.person_filter}(|{condition}))", self._person_attributes(attributes), limit=20)
        for attribute, value in wanted:
            # The first way in which anybody has this name decides: a principal name is its owner's, whoever else
            # may have a login name that looks like its beginning.
            hits = [row for row in rows if _holds(row, attribute, value)]
            if hits:
                return self._entry(hits[0]) if len(hits) == 1 else None
        return self._entry(rows[0]) if len(rows) == 1 else None

    def find_again(self, id: str) -> Entry | None:
        raw = active_directory.write_guid(id) if self._is_ad else id.encode()
        condition = f"({self._preset.id}={escape_bytes(raw)})"
        rows = self._search(condition, self._person_attributes([self._login_attribute]), limit=2)
        return self._entry(rows[0]) if len(rows) == 1 else None

    def prove(self, entry: Entry, password: str) -> Proof:
        # Where there is nobody to look with, the servers are tried until the password is sent; the one that took it
        # is the last one asked, or one wrong password would count twice.
        connection = self._reader() if self.reads_first else self.connections.for_proof()
        result = bind(connection, entry.dn, password)
        if result["result"] == 0:
            self._reader_or_none = connection
            return Proof(None, proven=True)
        if result["result"] not in _REFUSALS:
            raise DirectoryDown(f"the directory refuses to check a password: {told(result)}", "refused")
        message = str(result["message"])
        if "data " in message:
            proven = active_directory.bind_proves(message)
            return Proof(active_directory.bind_obstacle(message), told(result), proven)
        # Others do not say whether they looked at the password first.
        return Proof(accounts.bind_obstacle(result["result"], message), told(result))

    def groups(self, entry: Entry) -> frozenset[Group]:
        if not self._base:
            return frozenset()
        if self._preset.nesting == "token-groups":
            sids = self._token_groups(entry.dn)
            if sids:
                return self._groups_of_sids(sids)
            in_chain = f"(member:{_IN_CHAIN}:={escape_filter_chars(entry.dn)})"
            return frozenset((*self._groups_where(in_chain), *self._primary_group(entry)))
        if self._preset.nesting == "member-of":
            rows = self._read(entry.dn, ["memberOf"])
            dns = [raw.decode() for row in rows for raw in _values(row, "memberOf")]
            return frozenset(group for dn in dns for group in self._group_at(dn))
        return frozenset(self._climb(entry))

    def paths(self, entry: Entry) -> dict[Group, tuple[Group, ...]]:
        """Each group that can be reached by climbing, with the groups on the way, nearest first. For explanations."""
        found: dict[Group, tuple[Group, ...]] = {}
        frontier: list[tuple[str, tuple[Group, ...]]] = [(entry.dn, ())]
        for dn, through in frontier:
            if len(through) >= _NESTING_DEPTH or len(found) > _GROUP_LIMIT:
                break
            for group in self._groups_holding([dn], "" if through else entry.login):
                if group not in found:
                    found[group] = through
                    frontier.append((group.dn, (*through, group)))
        return found

    def find_groups(self, written: str) -> tuple[Group, ...]:
        if is_sid(written):
            return tuple(self._groups_where(f"(objectSid={escape_bytes(active_directory.write_sid(written))})"))
        if is_dn(written):
            return self._group_at(written)
        name = escape_filter_chars(written)
        return tuple(self._groups_where(f"(&({self._preset.group_name}={name}){self._preset.group_filter})"))

    def knows_anybody(self) -> bool:
        """Whether the lookup account sees anyone with a login name, for the doctor."""
        return bool(self._search(f"(&{self._preset.person_filter}({self._login_attribute}=*))", ["1.1"], limit=1))

    def shows_state(self) -> bool:
        """Whether one may see what says that an account is disabled; filters, too, find only what one may see."""
        if not self._is_ad:
            return True
        visible = f"(&{self._preset.person_filter}(userAccountControl=*))"
        return bool(self._search(visible, ["1.1"], limit=1))

    def lockout_threshold(self) -> int | None:
        """After how many wrong passwords Active Directory locks an account; 0 for never, None where it is not AD."""
        if not self._is_ad:
            return None
        rows = self._read(self.shape.top, ["lockoutThreshold"])
        values = _values(rows[0], "lockoutThreshold") if rows else ()
        return int(values[0]) if values else None

    def begin(self) -> None:
        """Bind the lookup account now, so that it can be timed; the first question would. Raises DirectoryDown."""
        self._reader()

    def last_search(self) -> tuple[str, int]:
        """The filter of the latest search and how many entries it found. For explanations."""
        reader = self._reader()
        found = [row for row in reader.response or () if row["type"] == "searchResEntry"]
        return str(reader.request["filter"]), len(found)

    @property
    def shape(self) -> Shape:
        """What kind of directory this is and where people are."""
        if self._directory.shape is None:
            self._directory.shape = self._find_shape()
        return self._directory.shape

    # -- reading entries

    @property
    def _preset(self) -> Preset:
        return self.shape.preset

    @property
    def _base(self) -> str:
        return self.shape.base

    @property
    def _is_ad(self) -> bool:
        return self._preset.name == "active-directory"

    @property
    def _login_attribute(self) -> str:
        return self._settings.login_attribute or self._preset.login

    def _person_attributes(self, more: Sequence[str]) -> list[str]:
        return list(dict.fromkeys((*more, self._preset.id, *self._preset.state)))

    def _entry(self, row: Row) -> Entry | None:
        logins = _values(row, self._login_attribute)
        if len(logins) != 1:
            return None
        ids = _values(row, self._preset.id)
        now = datetime.now(UTC)
        entry = Entry(row["dn"], logins[0].decode("utf-8"))
        if self._is_ad:
            return replace(
                entry,
                id=active_directory.read_guid(ids[0]) if ids else "",
                obstacle=active_directory.account_obstacle(row["raw_attributes"], now),
                password_expires=active_directory.password_expires(row["raw_attributes"]),
            )
        return replace(
            entry,
            id=ids[0].decode("utf-8") if ids else "",
            obstacle=accounts.account_obstacle(row["raw_attributes"], now),
            password_expires=accounts.password_expires(row["raw_attributes"]),
        )

    def _token_groups(self, dn: str) -> list[bytes]:
        rows = self._read(dn, ["tokenGroups"])
        return list(_values(rows[0], "tokenGroups")) if rows else []

    def _groups_of_sids(self, sids: Sequence[bytes]) -> frozenset[Group]:
        found: set[Group] = set()
        for some in batched(sids, _AT_ONCE):
            condition = "".join(f"(objectSid={escape_bytes(sid)})" for sid in some)
            found.update(self._groups_where(f"(|{condition})"))
        return frozenset(found)

    def _primary_group(self, entry: Entry) -> list[Group]:
        """It is in nobody's `member`: its SID is the person's with another end."""
        rows = self._read(entry.dn, ["objectSid", "primaryGroupID"])
        sids, ends = (_values(rows[0], name) if rows else () for name in ("objectSid", "primaryGroupID"))
        if not sids or not ends:
            return []
        domain = active_directory.read_sid(sids[0]).rpartition("-")[0]
        sid = active_directory.write_sid(f"{domain}-{int(ends[0])}")
        return self._groups_where(f"(objectSid={escape_bytes(sid)})")

    def _group_at(self, dn: str) -> tuple[Group, ...]:
        rows = self._ask(dn, self._preset.group_filter, BASE, self._group_attributes, 0)
        return tuple(self._group(row) for row in rows)

    def _groups_where(self, condition: str) -> list[Group]:
        return [self._group(row) for row in self._ask(self.shape.top, condition, SUBTREE, self._group_attributes, 0)]

    def _climb(self, entry: Entry) -> set[Group]:
        """From group to group, level by level."""
        found: set[Group] = set()
        frontier, login = [entry.dn], entry.login
        for _ in range(_NESTING_DEPTH):
            reached = [group for group in self._groups_holding(frontier, login) if group not in found]
            found.update(reached)
            frontier, login = [group.dn for group in reached], ""
            if not frontier or len(found) > _GROUP_LIMIT:
                break
        return found

    def _groups_holding(self, members: Sequence[str], login: str) -> list[Group]:
        """Groups that name one of these DNs, or, as posixGroup does, the bare login name."""
        attributes = ("member",) if self._is_ad else ("member", "uniqueMember")
        found: list[Group] = []
        for some in batched(members, _AT_ONCE):
            conditions = [f"({name}={escape_filter_chars(dn)})" for dn in some for name in attributes]
            if login and not self._is_ad:
                conditions.append(f"(memberUid={escape_filter_chars(login)})")
            found += self._groups_where(f"(|{''.join(conditions)})")
        return found

    @property
    def _group_attributes(self) -> list[str]:
        return [self._preset.group_name, *(["objectSid"] if self._is_ad else [])]

    def _group(self, row: Row) -> Group:
        names, sids = _values(row, self._preset.group_name), _values(row, "objectSid")
        return Group(
            row["dn"],
            names[0].decode("utf-8") if names else "",
            active_directory.read_sid(sids[0]) if sids else "",
        )

    def _find_shape(self) -> Shape:
        base, wanted = self._settings.search_base, self._settings.preset
        if base and wanted not in ("auto", "active-directory"):
            return Shape(PRESETS[wanted], base, base)
        rows = self._read("", list(_ROOT))
        root = rows[0]["raw_attributes"] if rows else {}
        contexts = values_of(root, "defaultNamingContext") or values_of(root, "namingContexts")
        if not base and len(contexts) != 1:
            raise DirectoryDown("AD_SEARCH_BASE is missing, and the directory does not name one base", "base")
        top = contexts[0].decode("utf-8") if contexts else base
        preset = PRESETS[kind_of_directory(root) if wanted == "auto" else wanted]
        return Shape(preset, base or top, top if preset.name == "active-directory" else base or top)

    # -- asking

    def _search(self, condition: str, attributes: list[str], limit: int = 0) -> list[Row]:
        return self._ask(self._base, condition, SUBTREE, attributes, limit)

    def _read(self, dn: str, attributes: list[str]) -> list[Row]:
        """One entry, or none if it is not there, or is not called so."""
        return self._ask(dn, "(objectClass=*)", BASE, attributes, 0)

    def _ask(self, base: str, condition: str, scope: str, attributes: list[str], limit: int) -> list[Row]:
        def ask(reader: Connection) -> list[Row]:
            reader.search(base, condition, scope, attributes=attributes, size_limit=limit)
            code = reader.result["result"]
            if scope == BASE and code in (*_HIDDEN, 34):
                return []
            # Somebody who looks with their own account may not be let see the groups; they have none, then.
            if code not in (_ANSWERED if self.reads_first else (*_ANSWERED, *_HIDDEN)):
                raise DirectoryDown(f"the directory cannot search below {base!r}: {told(reader.result)}", "base")
            return [row for row in reader.response or () if row["type"] == "searchResEntry"]

        return self._reading(ask)

    def _reading(self, ask: Callable[[Connection], Result]) -> Result:
        """Ask; where the server fails, ask the next one. Reading twice harms nobody."""
        if not self.reads_first:
            return ask(self._reader())
        while True:
            reader = self._reader()
            try:
                return ask(reader)
            except SERVER_FAILED as error:
                self.connections.give_up(error)
                self._reader_or_none = None

    def _reader(self) -> Connection:
        """A connection that may read: the lookup account's, or the person's own after the proof."""
        if self._reader_or_none is None:
            if not self.reads_first:
                raise DirectoryDown("without a lookup account nothing can be read before somebody signs in", "lookup")
            self._reader_or_none = self.connections.for_reading()
        return self._reader_or_none

    def _templated(self, login: Login) -> str:
        template = self._settings.bind_templates[0]
        # A template with `=` is a DN, in which some characters must be escaped; the others are Windows' names.
        return template.replace("{username}", escape_rdn(login.name) if "=" in template else login.name)

    def _myself(self, login: Login) -> Entry | None:
        """The entry of whoever has just proven themselves, as the directory names them: a template may have led
        to somebody else than a search for the same letters would."""
        name = str(self._reader().extend.standard.who_am_i() or "")
        attributes = self._person_attributes([self._login_attribute])
        kind, _, whole = name.partition(":")
        if kind == "u":
            condition = f"({self._login_attribute}={escape_filter_chars(whole.rpartition(_BACKSLASH)[2])})"
            rows = self._search(f"(&{self._preset.person_filter}{condition})", attributes, limit=2)
        else:
            rows = self._read(whole, attributes) if kind == "dn" else []
        entry = self._entry(rows[0]) if len(rows) == 1 else None
        if entry is None:
            message = (
                f"the directory calls {login.name!r} {name!r} but does not show that entry: use a lookup account"
            )
            raise DirectoryDown(message, "lookup")
        return entry


def kind_of_directory(root: Values) -> PresetName:
    """By what the root entry says the server can do."""
    if _AD_CAPABILITY in values_of(root, "supportedCapabilities"):
        return "active-directory"
    extensions = values_of(root, "supportedExtension")
    return "freeipa" if any(oid.startswith(_IPA_EXTENSION) for oid in extensions) else "openldap"


def _values(row: Row, attribute: str) -> Sequence[bytes]:
    return values_of(row["raw_attributes"], attribute)


def _holds(row: Row, attribute: str, value: str) -> bool:
    return any(raw.decode("utf-8", "replace").casefold() == value.casefold() for raw in _values(row, attribute))


def batched(items: Sequence[Result], size: int) -> Iterator[Sequence[Result]]:
    """Slices of at most `size`; itertools has it from Python 3.12 on."""
    return (items[start : start + size] for start in range(0, len(items), size))
