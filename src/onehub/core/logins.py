"""What people type as their name, read before anything is asked: `Alice`, `EXAMPLE\\alice`, `alice@example.test`."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_LONGEST = 256
"""Characters; Active Directory ends login names at 256 and UPNs at 1024, and nobody types those."""


@dataclass(frozen=True)
class Login:
    """A name to look for. `qualified` is the whole `alice@example.test`, empty where there was no `@`."""

    name: str
    qualified: str = ""


def read_login(typed: str) -> Login | None:
    """What was typed → what to look for, or None for what cannot be anybody's name.

    The domain before a `\\` is dropped; a name with `@` is kept whole as well, since it may be somebody's user
    principal name, whatever stands before the `@`. Letters are normalised (NFKC), as directories do.
    """
    if len(typed) > _LONGEST or any(unicodedata.category(character)[0] == "C" for character in typed):
        return None
    whole = unicodedata.normalize("NFKC", typed).rpartition("\\")[2].strip()
    name, at, domain = whole.partition("@")
    name = name.strip()
    if not name or len(whole) > _LONGEST:
        return None
    return Login(name, f"{name}@{domain.strip()}" if at and domain.strip() else "")


def hub_name(login: str) -> str:
    """The hub's name for a person: the login name as the directory writes it, in lower case, composed (NFC)."""
    return unicodedata.normalize("NFC", login.lower())


def can_be_hub_name(name: str) -> bool:
    """No backtick, backslash or unprintable character: names become part of the proxy's rules."""
    return name.isprintable() and not set("`\\") & set(name)
