"""Settings → traits, seen on a bare Config."""

from __future__ import annotations

import pytest
from traitlets.config import Config

from onehub.core.settings import Settings
from onehub.hub.configure import configure
from onehub.hub.routes import basic_auth_entry


@pytest.fixture
def configured(tmp_path):
    def make(**sections: dict) -> Config:
        (tmp_path / "proxy_api_password").write_text("secret")
        (tmp_path / "metrics_token").write_text("another")
        (tmp_path / "culling_token").write_text("a third")
        config = Config()
        names = {"data_mount": str(tmp_path)} | sections.pop("names", {})
        configure(config, Settings.model_validate({"names": names} | sections))
        return config

    return make


def test_a_restart_of_the_hub_leaves_servers_and_routes_alone(configured):
    hub = configured().JupyterHub
    assert (hub.cleanup_servers, hub.cleanup_proxy) == (False, False)


def test_debug_and_admin_access_are_off_unlike_in_the_seed(configured):
    hub = configured().JupyterHub
    assert hub.log_level == "INFO"
    assert "admin_access" not in hub


def test_limits_reach_the_container(configured):
    spawner = configured(limits={"memory": "1G", "cpu": 0.5, "processes": 99}).ServerSpawner
    assert (spawner.mem_limit, spawner.cpu_limit) == (1024**3, 0.5)
    assert spawner.extra_host_config["pids_limit"] == 99
    assert spawner.extra_host_config["memswap_limit"] == 1024**3


def test_a_person_has_one_server_unless_the_operator_says_otherwise(configured):
    assert configured().JupyterHub.allow_named_servers is False
    hub = configured(limits={"servers_per_person": 3}).JupyterHub
    assert (hub.allow_named_servers, hub.named_server_limit_per_user) == (True, 2)


def test_the_seeds_spawn_command_and_an_empty_one(configured):
    assert configured(servers={"command": "start-singleuser.sh --debug"}).ServerSpawner.cmd == [
        "start-singleuser.sh",
        "--debug",
    ]
    assert "cmd" not in configured().ServerSpawner


def test_the_servers_image_is_never_fetched_from_a_registry(configured):
    assert configured().ServerSpawner.pull_policy == "never"


def test_who_asks_for_idle_servers_may_do_nothing_else(configured):
    hub = configured().JupyterHub
    assert hub.services[1] == {"name": "culling", "api_token": "a third"}
    assert hub.load_roles[1]["scopes"] == [*hub.custom_scopes] == ["custom:onehub:cull"]


def test_the_monitoring_token_reads_metrics_and_nothing_else(configured):
    hub = configured().JupyterHub
    assert hub.services[0] == {"name": "monitoring", "api_token": "another"}
    assert hub.load_roles[0]["scopes"] == ["read:metrics"]


def test_the_proxys_password_is_over_what_an_older_file_says(configured):
    users = configured().RoutesProxy.extra_dynamic_config["http"]["middlewares"]["auth_api"]["basicAuth"]["users"]
    assert users == [basic_auth_entry("hub", "secret")]


def test_basic_auth_in_the_form_that_htpasswd_writes():
    assert basic_auth_entry("hub", "secret") == "hub:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="


@pytest.mark.parametrize(
    ("front", "bind", "subdomains", "forms"),
    [
        ({}, "http://:8000/", "", "PathPrefix(`/hub/`)"),
        ({"address": "https://a.b/jupyter"}, "http://:8000/jupyter/", "", "PathPrefix(`/jupyter/hub/`)"),
        (
            {"address": "https://a.b:8443", "subdomains": True},
            "http://:8000/",
            "https://a.b:8443",
            "PathPrefix(`/hub/`)",
        ),
    ],
)
def test_the_shapes_of_the_front_door(configured, front, bind, subdomains, forms):
    config = configured(front=front)
    assert config.JupyterHub.bind_url == bind
    assert config.JupyterHub.get("subdomain_host", "") == subdomains
    routers = config.RoutesProxy.extra_dynamic_config["http"]["routers"]
    assert routers["hub-forms"]["rule"].startswith(forms)
