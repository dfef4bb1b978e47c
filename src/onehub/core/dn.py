"""Distinguished names: one spelling for each (RFC 4514), so that equal names are equal strings."""

from __future__ import annotations

import functools
import re

_KEYS = {
    "commonname": "cn",
    "2.5.4.3": "cn",
    "organizationalunitname": "ou",
    "2.5.4.11": "ou",
    "organizationname": "o",
    "2.5.4.10": "o",
    "domaincomponent": "dc",
    "0.9.2342.19200300.100.1.25": "dc",
    "userid": "uid",
    "0.9.2342.19200300.100.1.1": "uid",
    "countryname": "c",
    "2.5.4.6": "c",
}
_KEY = re.compile(r"[a-z][a-z0-9-]*|\d+(\.\d+)+")
_SPECIAL = set(',+"\\<>;=#')


@functools.lru_cache(maxsize=65536)
def canonical_dn(text: str) -> str:
    """The one spelling of a DN: lower case, no needless space or escape, parts of an RDN in order.

    Compares as directories compare names and groups (caseIgnoreMatch). Raises ValueError.
    """
    return ",".join("+".join(sorted(_part(part) for part in _split(rdn, "+"))) for rdn in _split(text, ",;"))


def leading_value(text: str) -> str:
    r"""What the first part of a DN says, unescaped: `CN=Smith\, Jane,OU=x` → `Smith, Jane`. Raises ValueError."""
    _, equals, value = _split(_split(text, ",;")[0], "+")[0].partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not `name=value`")
    return _unescape(value).strip()


def _part(text: str) -> str:
    key, equals, value = text.partition("=")
    key = key.strip().lower().removeprefix("oid.")
    if not equals or not _KEY.fullmatch(key):
        raise ValueError(f"{text!r} is not `name=value`")
    raw = value.strip()
    if raw.startswith("#"):
        # The value's BER in hexadecimal: for a type that has no text.
        if not re.fullmatch("#([0-9A-Fa-f]{2})+", raw):
            raise ValueError(f"{text!r} has a `#` that must be escaped")
        return f"{_KEYS.get(key, key)}={raw.lower()}"
    meaning = " ".join(_unescape(value).casefold().split())
    if not meaning or "\0" in meaning:
        raise ValueError(f"{text!r} has no value")
    return f"{_KEYS.get(key, key)}={_escape(meaning)}"


def _split(text: str, separators: str) -> list[str]:
    """At separators that are neither escaped nor in quotes."""
    parts, current, escaped, quoted = [], "", False, False
    for character in text:
        if character in separators and not escaped and not quoted:
            parts.append(current)
            current = ""
            continue
        if character == '"' and not escaped:
            quoted = not quoted
        current += character
        escaped = character == "\\" and not escaped
    if quoted:
        raise ValueError(f"{text!r} has a quote that is not closed")
    return [*parts, current]


def _unescape(text: str) -> str:
    """The value that was meant: `\\2C`, `\\,` and `"…"` read. Raises ValueError."""
    value = text.strip()
    # A space at the end may be an escaped one; either way it does not count when names are compared.
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    value = value[1:-1] if quoted else text.lstrip()
    octets, index = bytearray(), 0
    while index < len(value):
        if value[index] == '"':
            raise ValueError(f"{text!r} has a quote in the middle")
        step, meant = _read_one(value, index, text)
        octets += meant
        index += step
    return octets.decode("utf-8")


def _read_one(value: str, index: int, text: str) -> tuple[int, bytes]:
    """The character at a place, or the escape that begins there: how long it is, and what it means."""
    if value[index] != "\\":
        return 1, value[index].encode()
    pair = value[index + 1 : index + 3]
    if re.fullmatch("[0-9A-Fa-f]{2}", pair):
        return 3, bytes.fromhex(pair)
    if pair and pair[0] in _SPECIAL | {" "}:
        return 2, pair[0].encode()
    raise ValueError(f"{text!r} has a backslash before nothing that needs one")


def _escape(value: str) -> str:
    return "".join(f"\\{ord(character):02x}" if character in _SPECIAL else character for character in value)
