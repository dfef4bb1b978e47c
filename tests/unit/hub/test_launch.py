"""A profile and folders → what Docker is told, and the cards to choose from."""

from __future__ import annotations

import re

import pytest
from docker.types import HostConfig

from onehub.core.profiles import Folder, Mount, NotOffered, Profile, Volume
from onehub.core.settings import Settings
from onehub.hub.cards import cards, read_form
from onehub.hub.launch import Launch, describe, device_requests, plan_launch

GIB = 1024**3
GROUP = "CN=Students,DC=example"
GPU = Profile(
    name="GPU",
    description="For <b>training</b>",
    image="gpu:1",
    memory="8G",
    promise="4G",
    cpu=4,
    processes=99,
    gpus=2,
    environment={"A": "{username}"},
    volumes=(Volume(volume="datasets", mount="/srv/data"),),
    allowed_groups=("students",),
)
TINY = Profile(name="Tiny", memory="128M")
SETTINGS = Settings(profile=(TINY, GPU), folder=(Folder(name="course", writers=("students",), everybody="read"),))


def test_without_profiles_a_server_is_as_the_limits_say():
    assert plan_launch(Settings(), [GROUP], {}) == Launch(
        profile="server",
        image="jupyterhub-user",
        memory=2 * GIB,
        promise=GIB // 2,
        cpu=2.0,
        environment={},
        mounts=(),
        host_config={
            "memswap_limit": 2 * GIB,
            "mem_reservation": GIB // 2,
            "pids_limit": 1024,
            "device_requests": [],
            "group_add": [],
        },
    )


def test_a_profile_and_a_folder_decide_everything():
    gpus = {"Driver": "", "Count": 2, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}
    launch = plan_launch(SETTINGS, [GROUP], {"profile": "GPU"})
    assert launch == Launch(
        profile="GPU",
        image="gpu:1",
        memory=8 * GIB,
        promise=4 * GIB,
        cpu=4.0,
        environment={"A": "{username}"},
        mounts=(
            Mount("datasets", "/srv/data", read_only=True),
            Mount("onehub-folder-course", "/home/jovyan/shared/course", read_only=False),
        ),
        host_config={
            "memswap_limit": 8 * GIB,
            "mem_reservation": 4 * GIB,
            "pids_limit": 99,
            "device_requests": [gpus],
            "group_add": ["100"],
        },
    )
    assert launch.volumes == {
        "datasets": {"bind": "/srv/data", "mode": "ro"},
        "onehub-folder-course": {"bind": "/home/jovyan/shared/course", "mode": "rw"},
    }


def test_a_small_profile_is_promised_no_more_than_it_may_have():
    launch = plan_launch(SETTINGS, [], {"other": 1})
    assert (launch.profile, launch.memory, launch.promise) == ("Tiny", 128 * 1024**2, 128 * 1024**2)


def test_what_is_not_offered_is_no_launch():
    words = "The profile 'GPU' is not offered. Please choose one of these: Tiny."
    assert plan_launch(SETTINGS, ["CN=x"], {"profile": "GPU"}) == NotOffered(words)


def test_an_image_alone_is_nobodys_choice():
    words = "An image cannot be chosen by itself. Please choose a profile, or none."
    assert plan_launch(SETTINGS, [GROUP], {"image": "gpu:1", "profile": "GPU"}) == NotOffered(words)
    assert plan_launch(Settings(), [GROUP], {"image": "gpu:1"}) == NotOffered(words)


@pytest.mark.parametrize(
    ("gpus", "count", "ids"), [(1, 1, []), ("all", -1, []), (("0", "GPU-8a"), 0, ["0", "GPU-8a"])]
)
def test_gpus_in_dockers_words(gpus, count, ids):
    made = HostConfig(version="1.43", device_requests=device_requests(gpus))
    assert made["DeviceRequests"] == [
        {"Driver": "", "Count": count, "DeviceIDs": ids, "Capabilities": [["gpu"]], "Options": {}}
    ]


def test_no_gpus_is_no_request():
    assert HostConfig(version="1.43", device_requests=device_requests(0))["DeviceRequests"] == []


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({}, "2 GB memory · 2 cores"),
        ({"memory": "1.5G", "cpu": 1, "gpus": 1}, "1.5 GB memory · 1 core · 1 GPU"),
        ({"memory": "512M", "cpu": 0.5, "gpus": ["0", "1"]}, "512 MB memory · 0.5 cores · 2 GPUs"),
        ({"gpus": "all"}, "2 GB memory · 2 cores · all GPUs"),
    ],
)
def test_a_card_says_how_large_the_server_is(values, line):
    assert describe(Settings(), Profile(name="x", **values)) == line


# --- the form


def inputs(form: str) -> list[tuple[str, bool]]:
    return [(value, bool(checked)) for value, checked in re.findall(r'value="([^"]*)" required( checked)?', form)]


def test_nobody_is_asked_who_has_no_choice():
    assert cards(SETTINGS, []) == ""
    assert cards(Settings(), [GROUP]) == ""


def test_cards_are_radio_buttons_with_names_that_are_text():
    form = cards(SETTINGS, [GROUP])
    assert inputs(form) == [("Tiny", True), ("GPU", False)]
    assert "<legend>Which server?</legend>" in form
    assert "For &lt;b&gt;training&lt;/b&gt;" in form
    assert "8 GB memory · 4 cores · 2 GPUs" in form


@pytest.mark.parametrize(
    ("last", "chosen"), [("GPU", "GPU"), ("Tiny", "Tiny"), ("gone", "Tiny"), (None, "Tiny"), (["GPU"], "Tiny")]
)
def test_the_choice_of_last_time_is_chosen_beforehand(last, chosen):
    assert [name for name, checked in inputs(cards(SETTINGS, [GROUP], last)) if checked] == [chosen]


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ({"profile": ["GPU"]}, {"profile": "GPU"}),
        ({"profile": ["GPU", "x"], "image": ["evil"]}, {"profile": "GPU"}),
        ({"_xsrf": ["1"]}, {}),
        ({"profile": []}, {}),
    ],
)
def test_of_a_form_only_the_profile_is_taken(form, options):
    assert read_form(form) == options
