"""The spawner takes a choice, or says why not; and a restarted hub knows what it promised."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from jupyterhub.spawner import SpawnException

from onehub.core.names import RESCUE_IMAGE
from onehub.core.profiles import Folder, Profile
from onehub.core.settings import Settings
from onehub.hub.spawner import ServerSpawner

GIB = 1024**3
GROUP = "CN=Students,DC=example"
LARGE = Profile(name="Large", memory="3G", promise="1G", cpu=4, environment={"A": "b"}, allowed_groups=("students",))
SETTINGS = Settings(
    profile=(Profile(name="Plain", image="plain:1"), LARGE),
    folder=(Folder(name="course", writers=("students",)),),
)


class OnFullHost(ServerSpawner):
    """Every image is here."""

    async def _id_of(self, image: str) -> str:
        return image


@pytest.fixture
def spawner_of():
    def make(*groups: str, **options: object) -> ServerSpawner:
        user = SimpleNamespace(name="bob", url="/user/bob/", groups=[SimpleNamespace(name=dn) for dn in groups])
        spawner = OnFullHost(settings=SETTINGS, extra_host_config={"oom_score_adj": 500})
        spawner.user, spawner.db = user, SimpleNamespace(commit=lambda: None)
        spawner.orm_spawner = SimpleNamespace(user_options=options, server=None, name="", state={})
        spawner.user_options = options
        return spawner

    return make


def test_what_is_chosen_is_applied_and_the_next_start_forgets_it(spawner_of):
    spawner = spawner_of(GROUP, profile="Large")
    spawner._take_choice()
    assert (spawner.image, spawner.environment) == ("jupyterhub-user", {"A": "b"})
    assert (spawner.mem_limit, spawner.mem_guarantee, spawner.cpu_limit) == (3 * GIB, GIB, 4)
    course = {"bind": "/home/jovyan/shared/course", "mode": "rw"}
    assert spawner.volumes == {"{home}": "/home/jovyan/work", "onehub-folder-course": course}
    assert spawner.extra_host_config["oom_score_adj"] == 500
    assert spawner.extra_host_config["group_add"] == ["100"]
    spawner.user_options, spawner.user.groups = {"profile": "Plain"}, []
    spawner._take_choice()
    assert (spawner.image, spawner.environment) == ("plain:1", {})
    assert (spawner.mem_limit, spawner.mem_guarantee, spawner.cpu_limit) == (2 * GIB, GIB // 2, 2)
    assert spawner.volumes == {"{home}": "/home/jovyan/work"}
    assert spawner.extra_host_config["group_add"] == []


def test_a_rescue_server_is_for_once_and_leaves_nothing_behind(spawner_of):
    spawner = spawner_of(GROUP, rescue=True)
    spawner.cmd, spawner._usual["cmd"], spawner._choice_before = ["own.sh"], ["own.sh"], {"profile": "Large"}
    spawner._take_choice()
    assert (spawner.image, spawner.cmd, spawner.mem_guarantee) == (RESCUE_IMAGE, None, 128 * 1024**2)
    assert spawner.volumes == {"{home}": "/home/jovyan/work"}
    assert spawner.extra_host_config["read_only"] is True
    assert spawner.orm_spawner.user_options == {"profile": "Large"}
    spawner.user_options = {"profile": "Large"}
    spawner._take_choice()
    assert (spawner.image, spawner.cmd, spawner.mem_guarantee) == ("jupyterhub-user", ["own.sh"], GIB)
    assert "read_only" not in spawner.extra_host_config


def test_the_choice_of_last_time_is_no_mistake_where_nothing_is_left_to_choose(spawner_of):
    spawner = spawner_of(profile="Large")
    spawner._choice_before = {"profile": "Large"}
    spawner._take_choice()
    assert spawner.image == "plain:1"


@pytest.mark.parametrize(("name", "container"), [("", "jupyter-bob"), ("gpu-2", "jupyter-bob--gpu-2d2")])
def test_servers_of_one_person_have_containers_of_their_own(spawner_of, name, container):
    spawner = spawner_of()
    spawner.orm_spawner.name = name
    spawner.name_template = "jupyter-{username}{suffix}"
    assert spawner.object_name == container


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"profile": "Large"}, "The profile 'Large' is not offered. Please choose one of these: Plain."),
        ({"profile": {}}, "The profile '{}' is not offered. Please choose one of these: Plain."),
        ({"image": "evil:1"}, "An image cannot be chosen by itself. Please choose a profile, or none."),
    ],
)
def test_what_is_not_offered_is_refused_and_not_remembered(spawner_of, options, words):
    spawner = spawner_of("CN=Others,DC=example", **options)
    with pytest.raises(SpawnException) as caught:
        spawner._take_choice()
    assert (caught.value.status_code, caught.value.reason) == (403, "not-offered")
    assert caught.value.jupyterhub_message == words
    assert spawner.orm_spawner.user_options is None


async def test_the_page_asks_whoever_has_a_choice_and_remembers_theirs(spawner_of):
    assert await spawner_of("CN=Others,DC=example").get_options_form() == ""
    assert 'value="Large" required checked' in await spawner_of(GROUP, profile="Large").get_options_form()
    assert 'value="Plain" required checked' in await spawner_of(GROUP).get_options_form()


def test_a_form_and_a_link_are_read_alike(spawner_of):
    spawner = spawner_of(GROUP)
    form = {"profile": ["Large"], "image": ["evil:1"]}
    assert spawner.run_options_from_form(form) == spawner.options_from_query(form) == {"profile": "Large"}


def test_a_restarted_hub_counts_what_it_promised(spawner_of):
    before, after, old = spawner_of(GROUP, profile="Large"), spawner_of(GROUP), spawner_of(GROUP)
    before._take_choice()
    after.load_state(before.get_state())
    assert after.mem_guarantee == GIB
    old.mem_guarantee = 7
    old.load_state({})
    assert old.mem_guarantee == 7
