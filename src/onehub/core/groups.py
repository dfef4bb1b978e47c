"""A group of the directory, and the ways in which an operator may name it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .dn import canonical_dn, leading_value

_SID = re.compile(r"s-1-\d{1,15}(-\d{1,10}){0,15}", re.IGNORECASE)
_DN = re.compile(r"[A-Za-z][A-Za-z0-9-]*\s*=|oid\.|\d+(\.\d+)+\s*=")
_LARGEST_PART = 2**32 - 1


@dataclass(frozen=True)
class Group:
    """A group: DN as the directory writes it, the name that people call it, and Active Directory's SID."""

    dn: str
    name: str = ""
    sid: str = ""

    def answers_to(self, written: str) -> bool:
        """Whether `written` by the operator (a DN in any spelling, a name or a SID) means this group."""
        if is_sid(written):
            return bool(self.sid) and canonical_sid(self.sid) == canonical_sid(written)
        if is_dn(written):
            return _same_dn(self.dn, written)
        return bool(self.name) and self.name.casefold() == written.casefold()


def group_by_dn(dn: str) -> Group:
    """A group of which only the DN is known: its name is what the DN begins with. None answers to a SID."""
    try:
        return Group(dn, leading_value(dn) if is_dn(dn) else "")
    except ValueError:
        return Group(dn)


def group_reference(written: str) -> str:
    """What an operator may write. Raises ValueError for what can be nobody's DN, name or SID."""
    text = written.strip()
    if is_dn(text):
        canonical_dn(text)
    elif is_sid(text):
        canonical_sid(text)
    elif not text or not text.isprintable():
        raise ValueError(f"{written!r} is not a group (a DN, a name or a SID)")
    return text


def is_sid(text: str) -> bool:
    """Whether it is meant as a SID, `S-1-…`."""
    return text[:4].upper() == "S-1-" and set(text[4:]) <= set("0123456789-")


def is_dn(text: str) -> bool:
    """Whether it is meant as a DN: begins with `name=`."""
    return _DN.match(text) is not None


def canonical_sid(text: str) -> str:
    """The one spelling of a SID. Raises ValueError."""
    if not _SID.fullmatch(text):
        raise ValueError(f"{text!r} is not a SID (like S-1-5-21-1004336348-1177238915-682003330-512)")
    authority, *parts = (int(part) for part in text.split("-")[2:])
    if authority >= 2**48 or any(part > _LARGEST_PART for part in parts):
        raise ValueError(f"{text!r} is not a SID: a number in it is too large")
    return "-".join(("S-1", str(authority), *map(str, parts)))


def _same_dn(theirs: str, written: str) -> bool:
    try:
        return canonical_dn(theirs) == canonical_dn(written)
    except ValueError:
        return False  # a directory may hold names that no rule allows; they are nobody's allowed group
