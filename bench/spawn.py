"""How long people wait for their servers: ours beside jupyterhub-deploy-docker's design, alternately, on one machine.

Both hubs run all the time, one of them idle; everybody is signed in before a clock starts. Prints a table and writes
bench/results/spawn.svg and bench/results/spawn.json: `one_ratio`, `twenty_total_ratio`, `twenty_median_ratio` and
`stop_ratio` (seconds, ours : stock), `raw_ratio` (ours : plain `docker run` of stock's image), `health_p99_ms` and
`health_max_ms` (what somebody else waits for our hub meanwhile), and what they come from.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from spawn_hubs import PEOPLE, hubs
from spawn_people import People, hurry, sign_in, watching_health
from spawn_phases import milestones, one_start, raw
from spawn_plot import draw

_RESULTS = Path(__file__).parent / "results"
_ONE = 5
_PHASES = 3
_CROWDS = 2
_CROWD = 20
_GROWTH = (5, 10)
_LONG = (40,)
_ENOUGH = 420
"""Seconds of measuring after which no further crowd begins: on a slow machine the curve has fewer points."""
_TARGETS = {
    "one_ratio": 0.5,
    "twenty_total_ratio": 0.5,
    "twenty_median_ratio": 0.25,
    "stop_ratio": 0.3,
}

Both = Mapping[str, People]


@dataclass
class Crowd:
    """A number of people who asked for their servers at once."""

    waits: list[float]
    created: list[float]
    health: list[float]
    stop: float = 0
    stop_health: list[float] = field(default_factory=list)
    memory: float = 0

    @property
    def total(self) -> float:
        """Until the last one has it."""
        return max(self.waits)

    @property
    def median(self) -> float:
        """What the one in the middle waits."""
        return statistics.median(self.waits)


@dataclass
class Measured:
    """Everything of one hub; seconds, MiB, milliseconds of health and of phases."""

    one: list[float] = field(default_factory=list)
    one_stop: list[float] = field(default_factory=list)
    phases: list[dict[str, float]] = field(default_factory=list)
    idle_memory: float = 0
    idle_health: list[float] = field(default_factory=list)
    idle_busy: float = 0
    """Percent of the processors in use while both hubs were idle: by others, for the most part."""
    crowds: dict[int, list[Crowd]] = field(default_factory=lambda: defaultdict(list))

    @property
    def twenty(self) -> list[Crowd]:
        """The crowds that the figures come from."""
        return self.crowds[_CROWD]


def main() -> None:
    """Measure; needs Docker and what `make demo` needs, and builds the images of both sides."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--long", action="store_true", help="40 at once, too")
    growth = (*_GROWTH, *(_LONG if parser.parse_args().long else ()))
    again = (_CROWD,) * (_CROWDS - 1)
    # `timeout` and CI end a program so; what was started has to go even then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(stderr=True)
    console.print("building and starting both hubs")
    with hubs() as both:
        hurry()
        begun = time.monotonic()
        people = {name: sign_in(hub, PEOPLE[: max(*growth, _CROWD)]) for name, hub in both.items()}
        measured, limits = asyncio.run(_measure(people, (*growth, *again), console))
        console.print(f"measured for {time.monotonic() - begun:.0f} s")
    values = _values(measured, limits)
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / "spawn.json").write_text(json.dumps(values, indent=2) + "\n")
    (_RESULTS / "spawn.svg").write_text(draw(_curves(measured)))
    _show(values)


async def _measure(people: Both, more: tuple[int, ...], console: Console) -> tuple[dict, dict[int, list[float]]]:
    begun = time.monotonic()
    measured = {name: Measured() for name in people}
    engine = people["ours"].hub.engine
    limits: dict[int, list[float]] = {1: [], _CROWD: []}
    for name, of in measured.items():
        of.idle_memory = people[name].hub.memory()
        with watching_health(people[name].hub) as of.idle_health:
            before = _processor()
            await asyncio.sleep(3)
            of.idle_busy = _busy(before, _processor())
        await people[name].start(PEOPLE[:1])
        await people[name].stop(PEOPLE[:1])
    await raw(engine, 1)
    for number in range(_ONE):
        console.print(f"one server, pair {number + 1} of {_ONE}")
        for name, of in measured.items():
            of.one += await people[name].start(PEOPLE[:1])
            of.one_stop.append(await people[name].stop(PEOPLE[:1]))
        limits[1] += await raw(engine, 1)
    for _ in range(_PHASES):
        for name, of in measured.items():
            of.phases.append(await one_start(people[name], PEOPLE[0]))
            await people[name].stop(PEOPLE[:1])
    await _pair_of_crowds(people, measured, _CROWD, console)
    console.print(f"{_CROWD} at once: plain docker run")
    limits[_CROWD] = await raw(engine, _CROWD)
    for count in more:
        if time.monotonic() - begun < _ENOUGH:
            await _pair_of_crowds(people, measured, count, console)
    return measured, limits


async def _pair_of_crowds(people: Both, measured: Mapping[str, Measured], count: int, console: Console) -> None:
    for name, of in measured.items():
        console.print(f"{count} at once: {name}")
        of.crowds[count].append(await _crowd(people[name], count))


async def _crowd(people: People, count: int) -> Crowd:
    names = PEOPLE[:count]
    with watching_health(people.hub) as health, milestones(people.hub) as seen:
        waits = await people.start(names)
    crowd = Crowd(waits, [seen.created[name] for name in names], health)
    crowd.memory = await asyncio.to_thread(people.hub.memory)
    with watching_health(people.hub) as crowd.stop_health:
        crowd.stop = await people.stop(names)
    return crowd


def _values(measured: Mapping[str, Measured], limits: Mapping[int, list[float]]) -> dict[str, float]:
    """What goes into the file: the ratios first."""
    ours, stock = measured["ours"], measured["stock"]
    ours_health, stock_health = ([took for crowd in of.twenty for took in crowd.health] for of in (ours, stock))
    values = {
        "one_ratio": _ratio(ours.one, stock.one),
        "raw_ratio": statistics.median(ours.one) / statistics.median(limits[1]),
        "twenty_total_ratio": _ratio([c.total for c in ours.twenty], [c.total for c in stock.twenty]),
        "twenty_median_ratio": _ratio([c.median for c in ours.twenty], [c.median for c in stock.twenty]),
        "stop_ratio": _ratio([c.stop for c in ours.twenty], [c.stop for c in stock.twenty]),
        "health_p99_ms": _p99(ours_health),
        "health_max_ms": max(ours_health),
        "raw_one_s": statistics.median(limits[1]),
        "raw_twenty_total_s": max(limits[_CROWD]),
        "raw_twenty_median_s": statistics.median(limits[_CROWD]),
    }
    for name, of, health in (("ours", ours, ours_health), ("stock", stock, stock_health)):
        values |= {f"{name}_{key}": value for key, value in _values_of(of, health).items()}
    return {key: round(value, 3 if key.endswith(("_ratio", "_s")) else 1) for key, value in values.items()}


def _values_of(of: Measured, health: list[float]) -> dict[str, float]:
    values = {"one_s": statistics.median(of.one), "one_worst_s": max(of.one)}
    values["one_stop_s"] = statistics.median(of.one_stop)
    values |= {f"phase_{step}_ms": statistics.median(run[step] for run in of.phases) for step in of.phases[0]}
    for count, crowds in sorted(of.crowds.items()):
        values[f"{count}_total_s"] = statistics.median(crowd.total for crowd in crowds)
        values[f"{count}_median_s"] = statistics.median(crowd.median for crowd in crowds)
        values[f"{count}_first_s"] = statistics.median(min(crowd.waits) for crowd in crowds)
        values[f"{count}_median_created_s"] = statistics.median(statistics.median(crowd.created) for crowd in crowds)
        values[f"{count}_stop_s"] = statistics.median(crowd.stop for crowd in crowds)
    return values | {
        "health_p99_ms": _p99(health),
        "health_max_ms": max(health),
        "stop_health_max_ms": max(max(crowd.stop_health) for crowd in of.twenty),
        "idle_health_p99_ms": _p99(of.idle_health),
        "idle_busy_percent": of.idle_busy,
        "memory_idle_mib": of.idle_memory,
        "memory_twenty_mib": max(crowd.memory for crowd in of.twenty),
    }


def _processor() -> tuple[int, int]:
    """Ticks of all processors, and how many of those they were free."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]


def _busy(before: tuple[int, int], after: tuple[int, int]) -> float:
    return 100 * (1 - (after[1] - before[1]) / max(1, after[0] - before[0]))


def _ratio(ours: list[float], stock: list[float]) -> float:
    """The median of those of neighbouring runs: what else the machine does meets both."""
    return statistics.median(mine / theirs for mine, theirs in zip(ours, stock, strict=True))


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def _curves(measured: Mapping[str, Measured]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """For the plot: by title and hub, the number of people and their seconds."""
    curves: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for title, of_crowd in (
        ("until the last one has a server", max),
        ("until half of them have one", statistics.median),
    ):
        curves[title] = {
            name: [(1, statistics.median(of.one))]
            + [
                (count, statistics.median(of_crowd(crowd.waits) for crowd in crowds))
                for count, crowds in sorted(of.crowds.items())
            ]
            for name, of in measured.items()
        }
    return curves


def _show(values: Mapping[str, float]) -> None:
    rows = (
        ("one server, s", "one_s", "one_ratio"),
        (f"{_CROWD} at once, last, s", "20_total_s", "twenty_total_ratio"),
        (f"{_CROWD} at once, median, s", "20_median_s", "twenty_median_ratio"),
        (f"{_CROWD} at once, first, s", "20_first_s", ""),
        (f"stop of {_CROWD}, s", "20_stop_s", "stop_ratio"),
        ("stop of one, s", "one_stop_s", ""),
        ("hub's health meanwhile, p99, ms", "health_p99_ms", ""),
        ("hub's health meanwhile, worst, ms", "health_max_ms", ""),
        ("… while they stop, worst, ms", "stop_health_max_ms", ""),
        ("… idle, p99, ms", "idle_health_p99_ms", ""),
        (f"hub and proxy with {_CROWD} servers, MiB", "memory_twenty_mib", ""),
        ("processors in use while idle, %", "idle_busy_percent", ""),
        ("one: container made, ms", "phase_created_ms", ""),
        ("one: container runs, ms", "phase_started_ms", ""),
        ("one: server answers, ms", "phase_answers_ms", ""),
        ("one: usable, ms", "phase_usable_ms", ""),
    )
    table = Table("", "ours", "stock", "ours : stock", "wanted")
    for said, key, ratio_key in rows:
        ours, stock = values[f"ours_{key}"], values[f"stock_{key}"]
        digits = 2 if key.endswith("_s") else 0
        ratio = values[ratio_key] if ratio_key else ours / max(stock, 0.1)
        target = _TARGETS.get(ratio_key)
        verdict = f"≤ {target}: {'met' if ratio <= target else 'NOT met'}" if target else ""
        table.add_row(said, f"{ours:.{digits}f}", f"{stock:.{digits}f}", f"{ratio:.2f}", verdict)
    console = Console(width=100)
    console.print(table)
    console.print(
        f"plain docker run of stock's image: one {values['raw_one_s']:.2f} s "
        f"(ours : that = {values['raw_ratio']:.2f}), {_CROWD} at once {values['raw_twenty_total_s']:.1f} s, "
        f"median {values['raw_twenty_median_s']:.1f} s"
    )


if __name__ == "__main__":
    main()
