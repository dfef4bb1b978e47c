"""Active Directory's own ways to write things: SIDs, GUIDs, times, account flags and the codes of a refused bind.

Formats: Microsoft's [MS-DTYP] 2.4.2.2 (SID), [MS-ADTS] 2.2.16 (userAccountControl) and 3.1.1.3.4.
"""

from __future__ import annotations

import re
import struct
import uuid
from datetime import UTC, datetime, timedelta

from onehub.core.groups import canonical_sid
from onehub.core.obstacles import AD_CODES, AD_PROVES, Obstacle

from .values import Values, text_of

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = (0, 0x7FFFFFFFFFFFFFFF)
_DISABLED = 0x2
_CODE = re.compile(r"\bdata ([0-9a-f]+)", re.IGNORECASE)


def read_sid(raw: bytes) -> str:
    """A binary SID → `S-1-5-21-…`. Raises ValueError."""
    if len(raw) < 8 or len(raw) != 8 + 4 * raw[1]:
        raise ValueError(f"{raw.hex()} is not a SID")
    parts = struct.unpack(f"<{raw[1]}I", raw[8:])
    return "-".join(str(part) for part in (f"S-{raw[0]}", int.from_bytes(raw[2:8], "big"), *parts))


def write_sid(text: str) -> bytes:
    """`S-1-5-21-…` → a binary SID. Raises ValueError."""
    authority, *parts = (int(part) for part in canonical_sid(text).split("-")[2:])
    return bytes((1, len(parts))) + authority.to_bytes(6, "big") + struct.pack(f"<{len(parts)}I", *parts)


def read_guid(raw: bytes) -> str:
    """A binary objectGUID → the text that Windows shows. Raises ValueError."""
    return str(uuid.UUID(bytes_le=raw))


def write_guid(text: str) -> bytes:
    """The text that Windows shows → a binary objectGUID. Raises ValueError."""
    return uuid.UUID(text).bytes_le


def read_time(raw: str) -> datetime | None:
    """100-nanosecond ticks since 1601 → a time, or None for `never` and what no calendar holds. Raises ValueError."""
    ticks = int(raw)
    if ticks in _NEVER:
        return None
    try:
        return _EPOCH + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return None


def account_obstacle(values: Values, now: datetime) -> Obstacle | None:
    """What the entry says against using the account: disabled or expired. A lock passes: the bind's to tell."""
    if int(text_of(values, "userAccountControl") or 0) & _DISABLED:
        return Obstacle.DISABLED
    expires = text_of(values, "accountExpires")
    end = read_time(expires) if expires else None
    return Obstacle.ACCOUNT_EXPIRED if end and end <= now else None


def password_expires(values: Values) -> datetime | None:
    """When the password expires, or None if it does not, or has to be changed anyway."""
    raw = text_of(values, "msDS-UserPasswordExpiryTimeComputed")
    return read_time(raw) if raw else None


def bind_obstacle(message: str) -> Obstacle:
    """The reason in the text of a refused bind, `… data 532, v4563`."""
    return AD_CODES.get(_code(message), Obstacle.WRONG_PASSWORD)


def bind_proves(message: str) -> bool:
    """Whether the password was right, although the bind was refused."""
    return _code(message) in AD_PROVES


def _code(message: str) -> str:
    match = _CODE.search(message)
    return match[1].lower() if match else ""
