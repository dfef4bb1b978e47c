from __future__ import annotations

import json

import pytest

from onehub.core import names
from onehub.core.quantities import parse_size
from onehub.core.trials import Trial, container, read_trials, tasks, verdict, write_trials
from tests.unit.examples import OWN, make_settings

GOOD = Trial("lab", "sha256:1", "2026-01-01T00:00:00+00:00", names.JUPYTERHUB_VERSION, names.JUPYTERHUB_VERSION)


def test_the_record_is_read_as_it_was_written():
    assert read_trials(write_trials({GOOD.id: GOOD})) == {GOOD.id: GOOD}


def test_a_trial_with_another_release_of_the_hub_does_not_count():
    old = Trial("lab", "sha256:1", GOOD.when, "5.0.0", "5.0.0")
    assert read_trials(write_trials({old.id: old})) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sha256:1": {}}'])
def test_a_broken_record_is_told(text):
    with pytest.raises(ValueError):
        read_trials(text)


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ({"jupyterhub": names.JUPYTERHUB_VERSION}, ""),
        ({"jupyterhub": "6.0.0"}, ""),
        ({"jupyterhub": "4.1.6"}, f"it has JupyterHub 4.1.6, and the hub has {names.JUPYTERHUB_VERSION}"),
        ({}, f"it has JupyterHub of an unknown version, and the hub has {names.JUPYTERHUB_VERSION}"),
        ({"jupyterhub": "4.1.6", "problem": "it has no kernel"}, "it has no kernel"),
    ],
)
def test_the_verdict(found, problem):
    assert verdict(found) == problem


def test_it_runs_as_a_server_would():
    settings = make_settings(servers={"command": "start.sh jupyterhub-singleuser", "home_mount": "/home/ann"})
    box = container(settings, parse_size("1G"))
    assert box.command == ("start.sh", "jupyterhub-singleuser")
    assert (box.home, box.environment["JUPYTERHUB_ROOT_DIR"]) == ("/home/ann", "/home/ann")
    assert box.memory == parse_size("1G") + parse_size("256M")
    assert box.labels == {"com.onehub.deployment": "onehub", "com.onehub.kind": "trial"}
    assert container(OWN, 1).command == ()
    assert json.loads(tasks())["address"] == "http://127.0.0.1:8888/user/trial/api"
