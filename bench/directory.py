"""How many people can sign in per second, and whether the hub stands still meanwhile: ours beside ldapauthenticator.

Both in one process, each asked as the hub asks it, alternately, as these machines are noisy; a ratio is the median of
those of neighbouring runs. Where the directory is slow or silent, ldapauthenticator runs in a process that can be
ended. Prints a table and writes bench/results/directory.json: `sequential_ratio` and `concurrent_ratio`, ours : stock
in logins per second over LDAPS on OpenLDAP; `worst_stall_ms`, the event loop's longest stand-still in all runs of
ours; and what they come from.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import math
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

from directory_servers import PASSWORD, PEOPLE, Directory, delayed, samba, slapd
from jupyterhub.auth import Authenticator
from ldapauthenticator import LDAPAuthenticator
from ldapauthenticator.ldapauthenticator import TlsStrategy
from rich.console import Console
from rich.table import Table

from onehub.core.settings import Settings
from onehub.hub.authenticator import DirectoryAuthenticator
from onehub.hub.sign_in import SignInRefused

_RESULT = Path(__file__).parent / "results" / "directory.json"
_TICK = 0.010
_SLOW = 2.0
_STOCK_AT_MOST = 15.0
"""Seconds that stock may stand still in front of a slow or a silent directory: it is ended then."""
_TARGETS = {
    "sequential_ratio": (5, "at least"),
    "concurrent_ratio": (10, "at least"),
    "worst_stall_ms": (50, "at most"),
}

Transport = Literal["ldaps", "starttls"]


@dataclass(frozen=True)
class Pairs:
    """How often what is measured: pairs of runs, and the logins in a run of each."""

    count: int
    ours: int
    stock: int


_PAIRS = {
    ("slapd", "ldaps", "sequential"): Pairs(7, 40, 8),
    ("slapd", "ldaps", "concurrent"): Pairs(5, 60, 20),
    ("slapd", "starttls", "sequential"): Pairs(3, 40, 8),
    ("slapd", "starttls", "concurrent"): Pairs(3, 60, 20),
    # With its schema, much larger there, stock needs seven seconds for twenty.
    ("samba", "ldaps", "sequential"): Pairs(5, 20, 4),
    ("samba", "ldaps", "concurrent"): Pairs(3, 40, 20),
    ("samba", "starttls", "sequential"): Pairs(3, 20, 4),
    ("samba", "starttls", "concurrent"): Pairs(1, 40, 20),
}


@dataclass(frozen=True)
class Run:
    """One measurement: logins per second, and the longest time in which the event loop did nothing else."""

    logins: int
    took: float
    stall_ms: float

    @property
    def rate(self) -> float:
        """Logins per second."""
        return self.logins / self.took


@dataclass
class Report:
    """The rows of the table, and the values of the file."""

    values: dict[str, float] = field(default_factory=dict)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    stalls: list[float] = field(default_factory=list)
    """All of ours."""

    def pairs(self, name: str, said: str, ours: list[Run], stock: list[Run]) -> None:
        """Runs of the two, in pairs."""
        ratio = statistics.median(mine.rate / theirs.rate for mine, theirs in zip(ours, stock, strict=True))
        self.values[f"{name}_ratio"] = round(ratio, 2)
        for variant, runs in (("ours", ours), ("stock", stock)):
            self.values[f"{name}_{variant}_per_s"] = round(statistics.median(run.rate for run in runs), 1)
            self.values[f"{name}_{variant}_stall_ms"] = round(max(run.stall_ms for run in runs), 1)
            self.values[f"{name}_{variant}_usual_stall_ms"] = round(
                statistics.median(run.stall_ms for run in runs), 1
            )
        self.stalls += [run.stall_ms for run in ours]
        shown = (f"{self.values[f'{name}_{variant}']:,.0f}" for variant in ("ours_stall_ms", "stock_stall_ms"))
        rates = (f"{self.values[f'{name}_{variant}_per_s']:.1f}" for variant in ("ours", "stock"))
        self.rows.append((said, *rates, f"{ratio:.1f}", *shown))

    def away(self, name: str, said: str, ours: Run, stock_stall_ms: float, *, ended: bool) -> None:
        """The directory was slow or silent."""
        self.values[f"{name}_ours_s"] = round(ours.took, 1)
        self.values[f"{name}_ours_stall_ms"] = round(ours.stall_ms, 1)
        self.values[f"{name}_stock_stall_ms"] = round(stock_stall_ms, 1)
        self.stalls.append(ours.stall_ms)
        stood = f"{'> ' if ended else ''}{stock_stall_ms:,.0f}"
        self.rows.append((said, f"all in {ours.took:.1f} s", "", "", f"{ours.stall_ms:,.0f}", stood))


def main() -> None:
    """Measure; needs the directory's image (`make build`), and builds Samba's."""
    report = Report()
    asyncio.run(_idle(report))
    with slapd() as directory:
        asyncio.run(_throughput(report, directory))
        _away(report, directory)
    with samba() as directory:
        asyncio.run(_throughput(report, directory))
    values = report.values
    summary = {
        "sequential_ratio": values["slapd_ldaps_sequential_ratio"],
        "concurrent_ratio": values["slapd_ldaps_concurrent_ratio"],
        "worst_stall_ms": round(max(report.stalls), 1),
    }
    _RESULT.write_text(json.dumps(summary | values, indent=2) + "\n")
    _show(report, summary)


def _show(report: Report, summary: dict[str, float]) -> None:
    table = Table("logins per second; worst stall in ms", "ours", "stock", "ratio", "stall", "of stock")
    for row in report.rows:
        table.add_row(*row)
    console = Console(width=100)
    console.print(table)
    for name, (target, direction) in _TARGETS.items():
        value = summary[name]
        met = value >= target if direction == "at least" else value <= target
        console.print(f"{name} {value:.1f}, wanted: {direction} {target}: {'met' if met else 'NOT met'}")


async def _idle(report: Report) -> None:
    """What this machine does to an event loop that has nothing to do: nobody's fault."""
    async with _ticker() as stalls:
        await asyncio.sleep(3)
    report.values["idle_stall_ms"] = round(1000 * max(stalls), 1)


async def _throughput(report: Report, directory: Directory) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for transport in ("ldaps", "starttls"):
            both = (_ours(directory, transport, Path(folder)), _stock(directory, transport))
            for way, measure in (("sequential", _one_by_one), ("concurrent", _at_once)):
                pairs = _PAIRS[directory.kind, transport, way]
                runs: tuple[list[Run], list[Run]] = ([], [])
                for _ in range(pairs.count):
                    for authenticator, logins, taken in zip(both, (pairs.ours, pairs.stock), runs, strict=True):
                        taken.append(await measure(authenticator, logins))
                said = f"{directory.kind}, {transport}, {1 if way == 'sequential' else len(PEOPLE)} at a time"
                report.pairs(f"{directory.kind}_{transport}_{way}", said, *runs)


def _away(report: Report, directory: Directory) -> None:
    cases = (("slow", _SLOW, f"{_SLOW:.0f} s late"), ("silent", math.inf, "silent"))
    for name, seconds, said in cases:
        with delayed(directory, seconds) as far:
            ours = asyncio.run(_ours_away(far, answers=name == "slow"))
            stall_ms, ended = _stock_away(far)
        said = f"{directory.kind}, ldaps, {said}, {len(PEOPLE)} at a time"
        report.away(f"{directory.kind}_{name}", said, ours, stall_ms, ended=ended)


async def _ours_away(directory: Directory, *, answers: bool) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        return await _at_once(_ours(directory, "ldaps", Path(folder)), len(PEOPLE), answers=answers)


def _stock_away(directory: Directory) -> tuple[float, bool]:
    """How long it stood still for three logins, and whether it had to be ended."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_stock_alone, args=(directory, there))
    process.start()
    try:
        here.recv()
        if here.poll(_STOCK_AT_MOST):
            return float(here.recv()), False
        return 1000 * _STOCK_AT_MOST, True
    finally:
        process.kill()
        process.join()


def _stock_alone(directory: Directory, told: Connection) -> None:
    authenticator = _stock(directory, "ldaps")
    told.send("begin")
    told.send(asyncio.run(_at_once(authenticator, 3)).stall_ms)


# -- the two


def _ours(directory: Directory, transport: Transport, folder: Path) -> Authenticator:
    """As the hub makes it, with a list of people and a file of who is who."""
    (folder / "userlist").write_text("".join(f"{name}\n" for name in PEOPLE))
    (folder / "ca.pem").write_bytes(directory.ca_file.read_bytes())
    settings = {
        "server": "localhost",
        "tls": transport,
        "port": directory.ldaps if transport == "ldaps" else directory.starttls,
        "ca_file": "ca.pem",
        "lookup_user": directory.lookup_user,
        "lookup_password": directory.lookup_password,
    }
    return DirectoryAuthenticator(
        settings=Settings.model_validate({"directory": settings}),
        deployment=str(folder),
        people_file=str(folder / f"{transport}.sqlite"),
        log=_quiet(),
    )


def _stock(directory: Directory, transport: Transport) -> Authenticator:
    """As the seed has it, over TLS; without its groups, which would be more for it to ask."""
    return LDAPAuthenticator(
        server_address="localhost",
        server_port=directory.ldaps if transport == "ldaps" else directory.starttls,
        tls_strategy=TlsStrategy.on_connect if transport == "ldaps" else TlsStrategy.before_bind,
        lookup_dn=True,
        lookup_dn_search_user=directory.lookup_user,
        lookup_dn_search_password=directory.lookup_password,
        lookup_dn_user_dn_attribute=directory.name_attribute,
        user_search_base="dc=example,dc=test",
        user_attribute=directory.login_attribute,
        bind_dn_template=[directory.template],
        allowed_users=set(PEOPLE),
        log=_quiet(),
    )


def _quiet() -> logging.Logger:
    """Formats what it is told, as the hub's does, and writes it nowhere."""
    logger = logging.getLogger("bench")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [logging.FileHandler("/dev/null")]
    return logger


# -- measuring


async def _one_by_one(authenticator: Authenticator, logins: int) -> Run:
    async def all_of_them() -> None:
        for name in islice(cycle(PEOPLE), logins):
            # A task each, as requests are: in between, the loop may do something else.
            await asyncio.create_task(_sign_in(authenticator, name))

    return await _timed(all_of_them, logins)


async def _at_once(authenticator: Authenticator, logins: int, *, answers: bool = True) -> Run:
    async def one(name: str) -> None:
        for _ in range(max(1, logins // len(PEOPLE))):
            await asyncio.create_task(_sign_in(authenticator, name, answers=answers))

    async def all_of_them() -> None:
        await asyncio.gather(*(one(name) for name in PEOPLE[:logins]))

    return await _timed(all_of_them, logins)


async def _sign_in(authenticator: Authenticator, name: str, *, answers: bool = True) -> None:
    handler = SimpleNamespace(
        request=SimpleNamespace(remote_ip="192.0.2.1"),
        find_user=lambda name: SimpleNamespace(name=name, groups=[]),
        users={},
    )
    try:
        model = await authenticator.get_authenticated_user(handler, {"username": name, "password": PASSWORD})
    except SignInRefused:
        if answers:
            raise
    else:
        if model is None or model["name"] != name:
            raise RuntimeError(f"{type(authenticator).__name__} did not let {name} in: {model}")


async def _timed(work: Callable[[], Awaitable[None]], logins: int) -> Run:
    gc.collect()  # each clears away its own
    async with _ticker() as stalls:
        begun = time.perf_counter()
        await work()
        took = time.perf_counter() - begun
    return Run(logins, took, 1000 * max(stalls))


@asynccontextmanager
async def _ticker() -> AsyncIterator[list[float]]:
    """The seconds by which each tick came late."""
    stalls: list[float] = []

    async def tick() -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(_TICK)
            stalls.append(time.perf_counter() - begun - _TICK)

    ticking = asyncio.create_task(tick())
    await asyncio.sleep(2 * _TICK)
    yield stalls
    await asyncio.sleep(2 * _TICK)  # a stall at the end is noticed after it
    ticking.cancel()


if __name__ == "__main__":
    main()
