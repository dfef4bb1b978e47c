"""Whose name and whose home: what follows when the directory renames people, or gives a name to somebody else.

The directory's mark (objectGUID, entryUUID) is the person; names come and go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .homes import home_volume, later_home_volume


@dataclass(frozen=True)
class Identity:
    """A person as remembered: the directory's mark, the hub's name (empty for one who lost it), their home.

    `record` marks the hub's own record of them (empty: there is none yet): names do not say whose a record is.
    """

    id: str
    name: str
    home: str
    record: str = ""


def settle(
    id: str, name: str, known: Identity | None, holder: Identity | None, taken: frozenset[str], prefix: str
) -> Identity:
    """Who signs in as `name` with the mark `id`, and where their home is.

    `known` is what is remembered of the mark, `holder` who holds the name (somebody else has been moved away before),
    `taken` the homes of everybody remembered. A home once given stays; a new one is nobody else's.
    """
    if not id:
        raise ValueError(f"{name!r} has no mark")
    if holder and holder.id != id:
        raise ValueError(f"{name!r} is still {holder.id}'s")
    if known:
        return replace(known, name=name)
    first = home_volume(prefix, name)
    return Identity(id, name, later_home_volume(prefix, name, id) if first in taken else first)
