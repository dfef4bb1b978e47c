"""When a server is stopped because nobody uses it: what was seen of it and the rules → a verdict.

A kernel that computes and a terminal in which a program runs are use, too, up to a maximum.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, FailFast, Field, TypeAdapter

from .profiles import Profile
from .quantities import format_duration
from .settings import Settings


@dataclass(frozen=True)
class Rules:
    """What holds for one server; in seconds."""

    enabled: bool
    idle: int
    busy: int
    warn: int


@dataclass(frozen=True)
class Kernel:
    """A kernel as the server tells of it."""

    name: str
    busy: bool
    last_activity: datetime


@dataclass(frozen=True)
class Terminal:
    """A terminal; `running` says whether a program runs in it, besides the shell."""

    name: str
    running: bool
    last_activity: datetime


@dataclass(frozen=True)
class Seen:
    """One look at a server. `reported` is the activity that the hub knows of.

    `own` is the person's own activity, where the server can tell it from that of kernels.
    """

    started: datetime
    reported: datetime
    kernels: tuple[Kernel, ...] = ()
    terminals: tuple[Terminal, ...] = ()
    own: datetime | None = None

    @property
    def work(self) -> str:
        """What keeps it busy, or nothing."""
        kernels = [kernel.name for kernel in self.kernels if kernel.busy]
        terminals = [terminal.name for terminal in self.terminals if terminal.running]
        parts = [f"busy kernel {name}" for name in kernels] + [f"program in terminal {name}" for name in terminals]
        return ", ".join(parts)

    @property
    def _of_programs(self) -> list[datetime]:
        kernels, terminals = self.kernels, self.terminals
        return [kernel.last_activity for kernel in kernels] + [terminal.last_activity for terminal in terminals]

    @property
    def quiet_since(self) -> datetime:
        """Since when nothing has happened in it."""
        return max(self.started, self.reported, self.own or self.started, *self._of_programs)

    @property
    def persons(self) -> datetime:
        """The latest activity that is certainly the person's own."""
        if self.own:
            return max(self.started, self.own)
        # A kernel's output is reported to the hub as well. What is later than all of it is the person's.
        theirs = all(self.reported > moment for moment in self._of_programs)
        return max(self.started, self.reported) if theirs else self.started

    @property
    def busy_from(self) -> datetime:
        """Since when it has been busy, as far as one look can tell: a silent kernel's last word was its beginning."""
        begun = [kernel.last_activity for kernel in self.kernels if kernel.busy]
        begun += [terminal.last_activity for terminal in self.terminals if terminal.running]
        return max(self.started, min(begun))


@dataclass(frozen=True)
class History:
    """What all looks together found. `since` is the hub's first look, from which on it could warn."""

    since: datetime
    persons: datetime
    busy_since: datetime | None = None

    def with_look(self, seen: Seen) -> History:
        """And one more. A server that has been busy at every look was busy without a break."""
        busy_since = (self.busy_since or seen.busy_from) if seen.work else None
        return replace(self, persons=max(self.persons, seen.persons), busy_since=busy_since)


@dataclass(frozen=True)
class Verdict:
    """What becomes of a server. `stops_at` is None where nothing stops it."""

    stops_at: datetime | None
    why: str
    busy: bool = False
    warned: bool = False
    due: bool = False


def judge(rules: Rules, history: History, seen: Seen, now: datetime) -> Verdict:
    """When it stops if nothing happens, and why; whether the person is warned by now, and whether it is time."""
    if not rules.enabled:
        return Verdict(None, "culling is off for it")
    idle, busy, warn = (timedelta(seconds=seconds) for seconds in (rules.idle, rules.busy, rules.warn))
    if seen.work:
        since = history.busy_since or seen.busy_from
        stops_at = max(since, history.persons) + busy
        stops_at = max(stops_at, history.persons + idle, seen.started + idle)
        why = f"{seen.work}, since {_clock(since)}; at most {format_duration(rules.busy)}"
    else:
        stops_at = seen.quiet_since + idle
        why = f"idle since {_clock(seen.quiet_since)}; at most {format_duration(rules.idle)}"
    # A hub that was away stops nobody before they can have read of it.
    stops_at = max(stops_at, history.since + warn)
    return Verdict(stops_at, why, bool(seen.work), warned=now >= stops_at - warn, due=now >= stops_at)


def rules_of(settings: Settings, profile: str) -> Rules:
    """The rules for a server of this profile; those for all, where the profile is gone or says nothing."""
    own = next((one for one in settings.profile if one.name == profile), Profile(name="none")).culling
    common = settings.culling
    idle = own.idle or common.idle
    return Rules(
        enabled=common.enabled if own.enabled is None else own.enabled,
        idle=idle,
        busy=own.busy or common.busy,
        # Or somebody who has just begun would be warned at once.
        warn=min(common.warn, idle // 2),
    )


@dataclass(frozen=True)
class Server:
    """One line of what `onehub cull` says."""

    person: str
    name: str
    profile: str
    verdict: Verdict
    answered: bool = True
    stopped: bool = False


@dataclass(frozen=True)
class Report:
    """All servers that run, the next to stop first."""

    servers: tuple[Server, ...]

    @classmethod
    def of(cls, servers: list[Server]) -> Report:
        """In order."""
        never = datetime.max.replace(tzinfo=UTC)
        return cls(tuple(sorted(servers, key=lambda server: (server.verdict.stops_at or never, server.person))))

    def to_json(self) -> str:
        """For a pipe. `from_json` reads it."""
        return json.dumps(asdict(self), default=datetime.isoformat)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """What `to_json` wrote. Raises ValueError."""
        return _REPORT.validate_json(text)


_REPORT = TypeAdapter(Report)

SCOPE = "custom:onehub:cull"
"""What whoever asks the hub for a report must be allowed."""
PATH = "/onehub/culling"
"""Where, below the hub's API."""
SECONDS = 180.0
"""For all servers to answer, or not, and for those to stop whose time has come."""


def ask_argv(hub: str, *, stop: bool) -> tuple[str, ...]:
    """A process in the hub's container that asks the hub. Only the hub's own user can read its token."""
    argv = ("docker", "exec", "--user", "65532:65532", hub, "python", "-m", "onehub.hub.cull")
    return (*argv, "--stop") if stop else argv


@dataclass(frozen=True)
class Answers:
    """What a server said to one look: kernels, terminals, and what our layer in its image tells besides.

    Each is None where the server has no such thing.
    """

    kernels: bytes | None
    terminals: bytes | None
    layer: bytes | None

    def read(self, started: datetime, reported: datetime, now: datetime) -> Seen:
        """Together with what the hub knows. Raises ValueError: people can change what their servers say."""
        kernels = _KERNELS.validate_json(self.kernels or b"[]")
        terminals = _TERMINALS.validate_json(self.terminals or b"[]")
        layer = _Layer.model_validate_json(self.layer or b"{}")

        def until_now(moment: datetime) -> datetime:
            return min(now, moment if moment.tzinfo else moment.replace(tzinfo=UTC))

        return Seen(
            started=started,
            reported=min(now, reported),
            kernels=tuple(
                Kernel(_plain(one.name), one.execution_state == "busy", until_now(one.last_activity))
                for one in kernels
            ),
            terminals=tuple(
                Terminal(_plain(one.name), one.name in layer.running, until_now(one.last_activity))
                for one in terminals
            ),
            own=until_now(layer.own) if layer.own else None,
        )


_FEW = Field(max_length=1000)
"""People decide what their servers say; the hub reads it while everybody waits."""


class _Kernel(BaseModel):
    name: str
    execution_state: str
    last_activity: datetime


class _Terminal(BaseModel):
    name: str
    last_activity: datetime


class _Layer(BaseModel):
    own: datetime | None = None
    running: Annotated[frozenset[str], _FEW, FailFast()] = frozenset()


_KERNELS = TypeAdapter(Annotated[tuple[_Kernel, ...], _FEW, FailFast()])
_TERMINALS = TypeAdapter(Annotated[tuple[_Terminal, ...], _FEW, FailFast()])


def _plain(name: str) -> str:
    """What a server calls a thing must not steer the operator's terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:40])


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
