"""Sizes and durations as people write them: `8G`, `90m`."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_SIZE_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_DURATION_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_size(value: Any) -> int:
    """Bytes from `512M`, `8G` or a plain number; units are powers of 1024, as Docker and JupyterHub read them."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", str(value))
    if not match:
        raise ValueError(f"{value!r} is not a size (try '8G')")
    return int(Fraction(match[1]) * _SIZE_UNITS[match[2]])


def parse_duration(value: Any) -> int:
    """Seconds, at least one, from `30s`, `90m`, `8h`, `7d`."""
    match = re.fullmatch(r"(\d+)([smhd])", str(value))
    if not match or not int(match[1]):
        raise ValueError(f"{value!r} is not a duration (try '30m' or '8h')")
    return int(match[1]) * _DURATION_UNITS[match[2]]


def format_size(count: int) -> str:
    """The shortest exact spelling that `parse_size` reads back: 2147483648 → `2G`."""
    for unit in ("T", "G", "M", "K"):
        if count and count % _SIZE_UNITS[unit] == 0:
            return f"{count // _SIZE_UNITS[unit]}{unit}"
    return str(count)


def format_duration(seconds: int) -> str:
    """The largest unit that is exact: 5400 → `90m`."""
    for unit in ("d", "h", "m"):
        if seconds % _DURATION_UNITS[unit] == 0:
            return f"{seconds // _DURATION_UNITS[unit]}{unit}"
    return f"{seconds}s"


Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?[KMGT]?$", "examples": ["512M", "8G"]}),
]
Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+[smhd]$", "examples": ["30m", "8h"]}),
]
