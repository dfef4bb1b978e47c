"""The values of an entry's attributes, whatever case the server gives their names in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Values = Mapping[str, Sequence[bytes]]


def values_of(values: Values, name: str) -> Sequence[bytes]:
    """All values of an attribute, none if the entry does not show it."""
    wanted = name.lower()
    return next((found for key, found in values.items() if key.lower() == wanted), ())


def text_of(values: Values, name: str) -> str:
    """The first value as text, empty if there is none."""
    found = values_of(values, name)
    return found[0].decode("utf-8", "replace") if found else ""
