from __future__ import annotations

import pytest

from onehub.core import names
from onehub.core.catalogue import Entry, catalogue, fit, memory_of, missing, obstacle, uses
from onehub.core.facts import Image
from onehub.core.quantities import parse_size
from onehub.core.trials import Trial
from tests.unit.examples import OWN, make_settings

LAB = "registry.example.com/lab:1"
PROFILES = (
    {"name": "Small"},
    {"name": "Lab", "image": LAB, "memory": "8G"},
    {"name": "Local", "image": "gpu"},
    {"name": "Lab again", "image": LAB},
)
SETTINGS = make_settings(profile=PROFILES)


def trial(id: str, problem: str = "") -> Trial:
    return Trial(LAB, id, "2026-01-01T00:00:00+00:00", names.JUPYTERHUB_VERSION, "6.1.1", problem)


def test_who_uses_which():
    assert uses(OWN) == {"jupyterhub-user": ("default",)}
    assert uses(SETTINGS) == {
        "jupyterhub-user": ("default", "Small"),
        LAB: ("Lab", "Lab again"),
        "gpu": ("Local",),
    }


def test_an_image_that_no_profile_leaves_to_the_default_is_not_missed():
    assert uses(make_settings(profile=PROFILES[1:2])) == {LAB: ("Lab",)}


def test_it_is_tried_with_the_most_that_its_servers_may_have():
    assert memory_of(SETTINGS, LAB) == parse_size("8G")
    assert memory_of(SETTINGS, "jupyterhub-user") == SETTINGS.limits.memory


@pytest.mark.parametrize(
    ("image", "id", "trials", "why"),
    [
        (LAB, None, {}, ""),
        ("gpu", None, {}, "the image gpu is not on this host"),
        ("gpu", "1", {}, ""),
        (LAB, "1", {"1": trial("1")}, ""),
        (LAB, "1", {"1": trial("1", "no kernel")}, f"the image {LAB} failed its trial: no kernel"),
        (LAB, "2", {"1": trial("1", "no kernel")}, ""),
    ],
)
def test_what_may_be_offered(image, id, trials, why):
    assert obstacle(image, id, trials) == why


def test_the_catalogue():
    here, kept = Image("1", size=5), Image("0")
    images = {LAB: here, "localhost/onehub/previous/registry.example.com/lab:1": kept}
    default, lab, local = catalogue(SETTINGS, images, {"1": trial("1", "no kernel")})
    assert lab == Entry(LAB, ("Lab", "Lab again"), here, trial("1", "no kernel"), "0")
    assert lab.obstacle == f"the image {LAB} failed its trial: no kernel"
    assert missing((default, lab, local)) == (default, local)


def test_profiles_without_a_usable_image_are_left_out_unless_that_leaves_none():
    profiles = SETTINGS.profile
    assert [each.name for each in fit(SETTINGS, profiles, {LAB: "failed", "gpu": ""})] == ["Small", "Local"]
    assert fit(SETTINGS, profiles, dict.fromkeys(("jupyterhub-user", LAB, "gpu"), "gone")) == profiles
    assert fit(SETTINGS, profiles, {}) == profiles
