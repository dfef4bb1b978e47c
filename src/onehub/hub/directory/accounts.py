"""How OpenLDAP and FreeIPA say that an account cannot be used.

Sources: slapo-ppolicy(5), shadow(5), 389 Directory Server's account policy, FreeIPA's Kerberos attributes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ldap3.protocol.formatters.formatters import format_time

from onehub.core.obstacles import Obstacle

from .values import Values, text_of

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_DAY = 2_900_000
_UNWILLING = 53
_CONSTRAINT = 19
_FOR_EVER = "000001010000Z"


def account_obstacle(values: Values, now: datetime) -> Obstacle | None:
    """What the entry says against using the account."""
    if text_of(values, "nsAccountLock").lower() == "true":
        return Obstacle.DISABLED
    if text_of(values, "pwdAccountLockedTime") == _FOR_EVER:
        return Obstacle.DISABLED
    ends = read_time(text_of(values, "krbPrincipalExpiration")) or _shadow_end(values)
    return Obstacle.ACCOUNT_EXPIRED if ends and ends <= now else None


def password_expires(values: Values) -> datetime | None:
    """When the password expires, where the directory says so."""
    return read_time(text_of(values, "krbPasswordExpiration"))


def bind_obstacle(code: int, message: str) -> Obstacle:
    """The reason for a refused bind."""
    said = message.lower()
    if code == _CONSTRAINT or "locked" in said or "failed logins" in said:
        return Obstacle.LOCKED
    if code == _UNWILLING:
        # FreeIPA: "Account (Kerberos principal) is expired", before it looks at the password.
        return Obstacle.ACCOUNT_EXPIRED if "expired" in said else Obstacle.DISABLED
    if "expired" in said:
        return Obstacle.PASSWORD_EXPIRED
    return Obstacle.WRONG_PASSWORD


def read_time(text: str) -> datetime | None:
    """LDAP's generalized time, `20301231235959Z`, or None for anything else."""
    found = format_time(text.encode())
    return found if isinstance(found, datetime) else None


def _shadow_end(values: Values) -> datetime | None:
    days = text_of(values, "shadowExpire")
    if not (days.isascii() and days.isdigit()) or int(days) == 0:
        return None
    # A day that no calendar holds is a long way off.
    return _UNIX_EPOCH + timedelta(days=min(int(days), _LAST_DAY))
