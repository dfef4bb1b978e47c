"""How many servers a host can start and hold: numbers in, a decision out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .quantities import format_size

_FIRST_GUESS = 5.0
"""Seconds that a start takes, until one has been measured."""


@dataclass(frozen=True)
class Capacity:
    """What the operator allows. `memory` is the host's minus the reserve, in bytes; `servers` 0 is no limit."""

    at_once: int
    memory: int
    servers: int = 0


@dataclass(frozen=True)
class Full:
    """There is no room; `words` tell the person why and what to do."""

    words: str


def room_for(capacity: Capacity, wanted: int, promised: Sequence[int]) -> Full | None:
    """Whether one more server of `wanted` bytes fits beside those that have been promised memory."""
    if capacity.servers and len(promised) >= capacity.servers:
        return Full(
            f"All {capacity.servers} places for servers are taken. Please try again later, "
            "or ask somebody who is done to stop their server."
        )
    if sum(promised) + wanted > capacity.memory:
        return Full(
            f"The memory of this machine is given away: {format_size(sum(promised))} to {len(promised)} servers, "
            f"and yours needs {format_size(wanted)}. Please try again later, or ask somebody who is done to stop "
            "their server."
        )
    return None


def estimate(position: int, at_once: int, measured: Sequence[float]) -> float:
    """Seconds until the one at `position` (1 is next) has a server, by how long the last starts took."""
    each = statistics.median(measured) if measured else _FIRST_GUESS
    rounds = -(-position // at_once)
    return (rounds + 1) * each
