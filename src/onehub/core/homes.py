"""Which volume is whose: a person's name → the name of their home volume."""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata

from escapism import escape

_LEGAL = re.compile(r"[a-z0-9_.-]+")
_MARK = 12
"""Hexadecimal digits that tell one account's mark from another's."""
_SAFE = frozenset(string.ascii_lowercase + string.digits + "_.-")


def home_volume(prefix: str, name: str) -> str:
    """The seed's name where Docker allows it, else an escaped one.

    Hub names are lower case, so the escape's capital `X` cannot occur in anybody's raw name, and two people
    never share a home: `o'brien` → `oX27brien`.
    """
    if name != name.lower() or not name or any(unicodedata.category(character)[0] == "C" for character in name):
        raise ValueError(f"{name!r} is not a hub name: those are lower case and without control characters")
    if _LEGAL.fullmatch(name):
        return prefix + name
    return prefix + str(escape(name, safe=_SAFE, escape_char="X"))


def later_home_volume(prefix: str, name: str, id: str) -> str:
    """The home of somebody who has a name that was another's: with the beginning of the directory's mark.

    `X-` is nobody's: the escape has two hexadecimal digits after its `X`.
    """
    mark = "".join(character for character in id.lower() if character in string.hexdigits)
    if len(mark) < _MARK:
        mark = hashlib.sha256(id.encode()).hexdigest()
    return f"{home_volume(prefix, name)}X-{mark[:_MARK]}"
