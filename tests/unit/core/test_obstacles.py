from __future__ import annotations

import pytest

from onehub.core.obstacles import AD_CODES, AD_PROVES, Obstacle

WRONG = "Wrong user name or password."
SILENT = {Obstacle.UNKNOWN_NAME, Obstacle.WRONG_PASSWORD, Obstacle.LOCKED, Obstacle.NOT_A_NAME, Obstacle.GONE}
PRIVATE = {
    Obstacle.PASSWORD_EXPIRED,
    Obstacle.MUST_CHANGE_PASSWORD,
    Obstacle.DISABLED,
    Obstacle.ACCOUNT_EXPIRED,
    Obstacle.LOGON_HOURS,
    Obstacle.WORKSTATION,
}


@pytest.mark.parametrize(
    ("code", "obstacle"),
    [
        ("525", Obstacle.UNKNOWN_NAME),
        ("52e", Obstacle.WRONG_PASSWORD),
        ("530", Obstacle.LOGON_HOURS),
        ("531", Obstacle.WORKSTATION),
        ("532", Obstacle.PASSWORD_EXPIRED),
        ("533", Obstacle.DISABLED),
        ("701", Obstacle.ACCOUNT_EXPIRED),
        ("773", Obstacle.MUST_CHANGE_PASSWORD),
        ("775", Obstacle.LOCKED),
    ],
)
def test_what_active_directory_means(code, obstacle):
    assert AD_CODES[code] == obstacle
    assert len(AD_CODES) == 9


def test_a_stranger_hears_the_same_whether_the_account_is_there_locked_or_not():
    assert {obstacle for obstacle in Obstacle if obstacle.words == WRONG} == SILENT
    assert {obstacle.status for obstacle in SILENT} == {403}
    assert not any(obstacle.about_password for obstacle in SILENT)


@pytest.mark.parametrize("obstacle", Obstacle)
def test_how_an_account_is_hears_only_who_has_its_password(obstacle):
    assert obstacle.shown(proven=True) == obstacle
    assert obstacle.shown(proven=False) == (Obstacle.WRONG_PASSWORD if obstacle in PRIVATE else obstacle)


def test_active_directory_gives_each_private_reason_to_the_right_password_only():
    assert {AD_CODES[code] for code in AD_PROVES} == PRIVATE
    assert {AD_CODES[code] for code in AD_CODES.keys() - AD_PROVES} <= SILENT


def test_everybody_else_is_told_what_it_is():
    told = [obstacle.words for obstacle in Obstacle if obstacle not in SILENT]
    assert all(words.endswith((".", "!")) for words in told)
    assert len(told) == len(set(told)) == len(Obstacle) - len(SILENT)


def test_a_new_password_helps_where_it_is_the_password():
    assert {obstacle for obstacle in Obstacle if obstacle.about_password} == {
        Obstacle.PASSWORD_EXPIRED,
        Obstacle.MUST_CHANGE_PASSWORD,
    }


def test_the_status_tells_the_hub_from_the_person():
    others = {obstacle: obstacle.status for obstacle in Obstacle if obstacle.status != 403}
    assert others == {Obstacle.THROTTLED: 429, Obstacle.BUSY: 503, Obstacle.DIRECTORY_DOWN: 503}


def test_the_operator_can_tell_all_of_them_apart():
    for told in ("kind", "meaning"):
        values = [getattr(obstacle, told) for obstacle in Obstacle]
        assert len(set(values)) == len(values)
        assert all(values)
