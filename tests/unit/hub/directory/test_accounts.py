from __future__ import annotations

from datetime import UTC, datetime

import pytest

from onehub.core.obstacles import Obstacle
from onehub.hub.directory.accounts import account_obstacle, bind_obstacle, password_expires, read_time

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
TODAY = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days


@pytest.mark.parametrize(
    ("values", "obstacle"),
    [
        ({}, None),
        ({"nsAccountLock": [b"TRUE"]}, Obstacle.DISABLED),
        ({"nsaccountlock": [b"true"]}, Obstacle.DISABLED),
        ({"nsAccountLock": [b"FALSE"]}, None),
        ({"nsAccountLock": []}, None),
        ({"nsAccountLock": [b"\xff"]}, None),
        ({"pwdAccountLockedTime": [b"000001010000Z"]}, Obstacle.DISABLED),
        ({"pwdAccountLockedTime": [b"20260701115900Z"]}, None),
        ({"krbPrincipalExpiration": [b"20260701120000Z"]}, Obstacle.ACCOUNT_EXPIRED),
        ({"krbPrincipalExpiration": [b"20260701120001Z"]}, None),
        ({"krbPrincipalExpiration": [b"19700101000000Z"]}, Obstacle.ACCOUNT_EXPIRED),
        ({"krbPrincipalExpiration": [b"never"]}, None),
        ({"shadowExpire": [b"%d" % TODAY]}, Obstacle.ACCOUNT_EXPIRED),
        ({"shadowExpire": [b"%d" % (TODAY + 1)]}, None),
        ({"shadowExpire": [b"1"]}, Obstacle.ACCOUNT_EXPIRED),
        ({"shadowExpire": [b"0"]}, None),
        ({"shadowExpire": [b"-1"]}, None),
        ({"shadowExpire": [b"99999"]}, None),
        ({"shadowExpire": [b"tomorrow"]}, None),
        ({"shadowExpire": [b""]}, None),
        ({"krbPrincipalExpiration": [b"?"], "shadowExpire": [b"1"]}, Obstacle.ACCOUNT_EXPIRED),
        ({"nsAccountLock": [b"TRUE"], "shadowExpire": [b"1"]}, Obstacle.DISABLED),
    ],
)
def test_the_entry_says_whether_the_account_can_be_used(values, obstacle):
    assert account_obstacle(values, NOW) == obstacle


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("20301231235959Z", datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("20301231235959.123Z", datetime(2030, 12, 31, 23, 59, 59, 123000, tzinfo=UTC)),
        ("20301331235959Z", None),
        ("2030-12-31", None),
        ("000001010000Z", None),
        ("", None),
    ],
)
def test_generalized_time(text, time):
    assert read_time(text) == time


@pytest.mark.parametrize(
    ("values", "expires"),
    [
        ({}, None),
        ({"krbPasswordExpiration": [b"20260701120000Z"]}, NOW),
        ({"krbPasswordExpiration": [b"soon"]}, None),
    ],
)
def test_when_the_password_expires(values, expires):
    assert password_expires(values) == expires


@pytest.mark.parametrize(
    ("code", "message", "obstacle"),
    [
        (49, "", Obstacle.WRONG_PASSWORD),
        (49, "Invalid credentials", Obstacle.WRONG_PASSWORD),
        (49, "password expired!", Obstacle.PASSWORD_EXPIRED),
        (49, "Account Locked", Obstacle.LOCKED),
        (19, "Exceed password retry limit. Please try later.", Obstacle.LOCKED),
        (53, "Account inactivated. Contact system administrator.", Obstacle.DISABLED),
    ],
)
def test_the_reason_for_a_refused_bind(code, message, obstacle):
    assert bind_obstacle(code, message) == obstacle
