from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core.obstacles import Obstacle
from onehub.hub.directory.active_directory import (
    account_obstacle,
    bind_obstacle,
    bind_proves,
    password_expires,
    read_guid,
    read_sid,
    read_time,
    write_guid,
    write_sid,
)

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("S-1-5-32-544", "01 02 00 00 00 00 00 05 20 00 00 00 20 02 00 00"),
        ("S-1-1-0", "01 01 00 00 00 00 00 01 00 00 00 00"),
        (
            "S-1-5-21-3623811015-3361044348-30300820-1013",
            "01 05 00 00 00 00 00 05 15 00 00 00 c7 f7 fe d7 7c 77 55 c8 94 5a ce 01 f5 03 00 00",
        ),
        ("S-1-281474976710655", "01 00 ff ff ff ff ff ff"),
    ],
)
def test_sids_as_windows_writes_them(text, raw):
    assert read_sid(bytes.fromhex(raw)) == text
    assert write_sid(text) == bytes.fromhex(raw)
    assert write_sid(text.lower()) == bytes.fromhex(raw)


@given(authority=st.integers(0, 2**48 - 1), parts=st.lists(st.integers(0, 2**32 - 1), max_size=15))
def test_any_sid_and_back(authority, parts):
    text = "-".join(map(str, ["S-1", authority, *parts]))
    assert read_sid(write_sid(text)) == text


def test_guids_as_windows_shows_them():
    raw = bytes.fromhex("ff 19 96 6f 86 8b 11 d0 b4 2d 00 c0 4f c9 64 ff")
    assert read_guid(raw) == "6f9619ff-8b86-d011-b42d-00c04fc964ff"
    assert write_guid("6F9619FF-8B86-D011-B42D-00C04FC964FF") == raw
    assert write_guid("{6f9619ff-8b86-d011-b42d-00c04fc964ff}") == raw


@given(raw=st.binary(min_size=16, max_size=16))
def test_any_guid_and_back(raw):
    assert write_guid(read_guid(raw)) == raw


@pytest.mark.parametrize("text", ["", "alice", "6f9619ff"])
def test_what_is_no_guid_is_refused(text):
    with pytest.raises(ValueError, match="badly formed hexadecimal UUID string"):
        write_guid(text)


@pytest.mark.parametrize(
    ("ticks", "time"),
    [
        ("0", None),
        ("9223372036854775807", None),
        ("9223372036854775806", None),
        ("-9223372036854775808", None),
        ("116444736000000000", datetime(1970, 1, 1, tzinfo=UTC)),
        ("134000000000000000", datetime(2025, 8, 18, 14, 13, 20, tzinfo=UTC)),
        ("1", datetime(1601, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_since_1601(ticks, time):
    assert read_time(ticks) == time


def ticks(time: datetime) -> bytes:
    return str((time - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10).encode()


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("values", "obstacle"),
    [
        ({}, None),
        ({"userAccountControl": [b"512"]}, None),
        ({"userAccountControl": [b"66048"], "accountExpires": [b"0"]}, None),
        ({"userAccountControl": [b"512"], "accountExpires": [b"9223372036854775807"]}, None),
        ({"userAccountControl": [b"512"], "accountExpires": [ticks(NOW + DAY)]}, None),
        ({"userAccountControl": [b"512"], "accountExpires": [ticks(NOW)]}, Obstacle.ACCOUNT_EXPIRED),
        ({"userAccountControl": [b"512"], "accountExpires": [ticks(NOW - DAY)]}, Obstacle.ACCOUNT_EXPIRED),
        ({"userAccountControl": [b"514"]}, Obstacle.DISABLED),
        ({"USERACCOUNTCONTROL": [b"66050"]}, Obstacle.DISABLED),
        ({"userAccountControl": [b"514"], "accountExpires": [ticks(NOW - DAY)]}, Obstacle.DISABLED),
        ({"userAccountControl": [b"512"], "msDS-User-Account-Control-Computed": [b"16"]}, None),
    ],
)
def test_the_entry_says_whether_the_account_can_be_used(values, obstacle):
    assert account_obstacle(values, NOW) == obstacle


@pytest.mark.parametrize(
    ("values", "expires"),
    [
        ({}, None),
        ({"msDS-UserPasswordExpiryTimeComputed": [b"9223372036854775807"]}, None),
        ({"msDS-UserPasswordExpiryTimeComputed": [b"0"]}, None),
        ({"msDS-UserPasswordExpiryTimeComputed": [ticks(NOW)]}, NOW),
        ({"msDS-UserPasswordExpiryTimeComputed": [ticks(NOW - DAY)]}, NOW - DAY),
    ],
)
def test_when_the_password_expires(values, expires):
    assert password_expires(values) == expires


@pytest.mark.parametrize(
    ("code", "obstacle", "proves"),
    [
        ("525", Obstacle.UNKNOWN_NAME, False),
        ("52e", Obstacle.WRONG_PASSWORD, False),
        ("52E", Obstacle.WRONG_PASSWORD, False),
        ("530", Obstacle.LOGON_HOURS, True),
        ("531", Obstacle.WORKSTATION, True),
        ("532", Obstacle.PASSWORD_EXPIRED, True),
        ("533", Obstacle.DISABLED, True),
        ("701", Obstacle.ACCOUNT_EXPIRED, True),
        ("773", Obstacle.MUST_CHANGE_PASSWORD, True),
        ("775", Obstacle.LOCKED, False),
        ("5321", Obstacle.WRONG_PASSWORD, False),
        ("80090346", Obstacle.WRONG_PASSWORD, False),
        ("0", Obstacle.WRONG_PASSWORD, False),
    ],
)
@pytest.mark.parametrize(
    "message",
    [
        "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {}, v1db1",
        "80090308: LdapErr: DSID-0C09042F, comment: AcceptSecurityContext error, data {}, v2580\0",
        "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {}, v1db1\n",
        "Simple Bind Failed: NT_STATUS_LOGON_FAILURE data {}",
    ],
)
def test_the_reason_for_a_refused_bind(message, code, obstacle, proves):
    assert bind_obstacle(message.format(code)) == obstacle
    assert bind_proves(message.format(code)) == proves


@pytest.mark.parametrize(
    "message", ["", "invalid credentials", "80090308: LdapErr: DSID-0C0903A9", "data", "metadata 532", "data 0532"]
)
def test_an_answer_without_a_reason_sounds_like_a_wrong_password(message):
    assert bind_obstacle(message) == Obstacle.WRONG_PASSWORD
    assert not bind_proves(message)
