"""What must hold for the files of the repository, which no type checker sees."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from onehub import __version__
from onehub.core import names, sources
from onehub.core.settings import Settings
from onehub.host.assets import IMAGES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
each_service = pytest.mark.parametrize("service", SERVICES)


def default_of(variable: str) -> str:
    section, name = sources.VARIABLES[variable].split(".")
    return str(getattr(getattr(Settings(), section), name))


# --- compose.yaml


def test_compose_has_the_services_that_we_know():
    assert set(SERVICES) == set(names.EVERY_SERVICE)
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {service: [profile] for service, profile in names.PROFILES.items()}


@each_service
def test_every_image_has_our_version(service):
    assert SERVICES[service]["image"] == f"localhost/onehub/{service}:{__version__}"


@each_service
def test_every_service_restarts_and_is_bounded(service):
    values = SERVICES[service]
    assert values["restart"] == "unless-stopped"
    assert {"mem_limit", "pids_limit"} <= set(values)
    assert values["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}


@each_service
def test_every_service_says_whether_it_is_healthy(service):
    in_compose = "healthcheck" in SERVICES[service]
    in_image = "HEALTHCHECK" in (ROOT / "images" / service / "Dockerfile").read_text()
    assert in_compose or in_image


@each_service
def test_containers_are_called_after_the_hubs(service):
    suffix = "" if service == "hub" else f"-{service}"
    assert SERVICES[service]["container_name"] == f"${{HUB_CONTAINER_NAME:-jupyterhub}}{suffix}"


def test_only_the_proxy_has_a_port_and_only_on_this_host():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"proxy": ["127.0.0.1:${HUB_PORT:-8000}:8000"]}
    assert not any(service.get("privileged") for service in SERVICES.values())
    # The front door stands in the host's network, like an Apache httpd of the host's own.
    assert {name for name, service in SERVICES.items() if "network_mode" in service} == {"httpd"}
    assert SERVICES["httpd"]["network_mode"] == "host"


def test_compose_can_remove_neither_the_network_nor_the_data():
    assert COMPOSE["networks"]["servers"] == {
        "external": True,
        "name": "${DOCKER_NETWORK_NAME:-jupyterhub-network}",
    }
    assert COMPOSE["volumes"]["data"] == {"external": True, "name": "${DATA_VOLUME_HOST:-jupyterhub-data}"}
    assert "data:${DATA_VOLUME_CONTAINER:-/data}" in SERVICES["hub"]["volumes"]


def test_the_hub_is_handed_every_variable_by_name_alone():
    assert sorted(SERVICES["hub"]["environment"]) == sorted(sources.VARIABLES)


def test_the_hub_sees_the_deployment_and_cannot_change_it():
    assert ".:/srv/jupyterhub:ro" in SERVICES["hub"]["volumes"]


def test_defaults_in_compose_are_the_models():
    defaults = set(re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT))
    assert {variable for variable, _ in defaults} <= set(sources.DOTENV_VARIABLES)
    assert defaults == {(variable, default_of(variable)) for variable, _ in defaults}


# --- .env


def test_the_dotenv_names_every_variable_with_the_models_default():
    assert dotenv_values(ROOT / ".env") == {variable: default_of(variable) for variable in sources.DOTENV_VARIABLES}


def test_the_secrets_example_names_every_variable():
    assert set(dotenv_values(ROOT / "secrets/ad.env.example")) == set(sources.AD_VARIABLES)


# --- git and the locks


def git(*argv: str) -> list[str]:
    done = subprocess.run(["git", *argv], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def test_only_the_example_of_the_secrets_is_tracked():
    assert git("ls-files", "secrets") == ["secrets/ad.env.example"]
    private = [
        "secrets/ad.env",
        "secrets/demo-people",
        "secrets/other",
        "userlist",
        "ad_allowed_groups",
        "onehub.toml",
    ]
    assert git("check-ignore", *private, "secrets/ad.env.example", ".env") == private


def test_the_locks_name_no_package_index_and_every_hash():
    locks = [*ROOT.glob("requirements/*.txt"), *ROOT.glob("images/*/requirements*.txt")]
    assert len(locks) >= 5
    for lock in locks:
        text = lock.read_text()
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text), lock
        pinned = re.findall(r"^[A-Za-z0-9].*", text, re.MULTILINE)
        assert pinned
        assert all(re.match(r"\S+==\S+ (; .* )?\\$", line) for line in pinned), lock


def test_every_image_folder_is_one_that_we_build():
    assert {path.name for path in (ROOT / "images").iterdir() if path.is_dir()} == set(IMAGES)


def test_the_hubs_jupyterhub_is_the_one_that_is_pinned():
    pinned = re.search(r"(?m)^jupyterhub==(\S+)", (ROOT / "requirements/hub.txt").read_text())
    assert pinned is not None
    assert pinned[1] == names.JUPYTERHUB_VERSION
