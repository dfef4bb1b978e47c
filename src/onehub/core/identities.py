"""Whose name and whose home: what follows when the directory renames people, or gives a name to somebody else.

The directory's mark (objectGUID, entryUUID) is the person; names come and go.
"""

from __future__ import annotations

from dataclasses import dataclass

from .homes import home_volume, later_home_volume


@dataclass(frozen=True)
class Identity:
    """A person as remembered: the directory's mark, the hub's name (empty for one who lost it), their home."""

    id: str
    name: str
    home: str


@dataclass(frozen=True)
class Settled:
    """What holds from now on. `renamed_from` is the hub's earlier name for the same person, empty if it stays."""

    identity: Identity
    renamed_from: str = ""


def settle(
    id: str, name: str, known: Identity | None, holder: Identity | None, taken: frozenset[str], prefix: str
) -> Settled:
    """Who signs in as `name` with the mark `id`, and where their home is.

    `known` is what is remembered of the mark, `holder` who holds the name (somebody else has been moved away before),
    `taken` the homes of everybody remembered. A home once given stays; a new one is nobody else's.
    """
    if not id:
        raise ValueError(f"{name!r} has no mark")
    if holder and holder.id != id:
        raise ValueError(f"{name!r} is still {holder.id}'s")
    if known:
        return Settled(Identity(id, name, known.home), known.name if known.name != name else "")
    first = home_volume(prefix, name)
    return Settled(Identity(id, name, later_home_volume(prefix, name, id) if first in taken else first))
