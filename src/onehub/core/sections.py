"""What every table of `onehub.toml` has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from .quantities import format_size, parse_size

DOCKER_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
"""What Docker takes as a name of a volume, a network or a container, and so as its beginning."""

_LEAST_MEMORY = parse_size("128M")


class Section(BaseModel):
    """A table of `onehub.toml`: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def enough_memory(value: int) -> int:
    """The same. Raises ValueError for less than a server needs to come up."""
    if value < _LEAST_MEMORY:
        raise ValueError(f"{format_size(value)!r} is too little for a server (at least '128M')")
    return value
