"""The other Compose: Debian 13's plugin, `docker compose`, beside Debian 12's `docker-compose` 1.29."""

from __future__ import annotations

import pytest

from .deployment import TestDeployment, inspect, run
from .person import wait_until
from .test_restarts import healthy

_PLUGIN = "/usr/libexec/docker/cli-plugins/docker-compose"
_DOCKERFILE = """\
FROM debian:trixie-slim
RUN apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends docker-compose
"""


@pytest.fixture(scope="module")
def with_plugin(deployment: TestDeployment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the `docker` command knows `compose`."""
    folder = tmp_path_factory.mktemp("compose")
    (folder / "Dockerfile").write_text(_DOCKERFILE)
    image, container = "onehub-test/compose-v2", f"{deployment.project}-compose"
    run("docker", "build", "--network", "host", "--tag", image, folder)
    run("docker", "create", "--name", container, image, "true")
    plugins = folder / "cli-plugins"
    plugins.mkdir()
    try:
        run("docker", "cp", f"{container}:{_PLUGIN}", plugins / "docker-compose")
    finally:
        run("docker", "rm", container)
        run("docker", "image", "rm", "--no-prune", image)
    environ = {"DOCKER_CONFIG": str(folder)}
    assert run("docker", "compose", "version", "--short", **environ).stdout.lstrip("v").startswith("2.")
    return environ


def test_up_works_with_it_and_again_plans_nothing(deployment, with_plugin, person):
    alice = person("alice")
    alice.start()
    server = inspect("container", deployment.server("alice"))["Id"]
    try:
        deployment.onehub("up", **with_plugin)
        assert "nothing to do" in deployment.onehub("up", "--dry-run", **with_plugin).stderr
        assert inspect("container", deployment.server("alice"))["Id"] == server
        assert alice.is_signed_in()
    finally:
        deployment.onehub("up")


def test_plain_commands_of_the_seed(deployment, with_plugin, person):
    compose = ("docker", "compose", "--profile", "demo")
    try:
        run(*compose, "down", cwd=deployment.directory, **with_plugin)
        label = f"label=com.onehub.deployment={deployment.project}"
        assert f"{deployment.project}-data" in run("docker", "volume", "ls", "--quiet", "--filter", label).stdout
        run(*compose, "up", "--detach", cwd=deployment.directory, **with_plugin)
        wait_until(lambda: healthy(deployment), "the hub answers")
        assert person("alice").is_signed_in()
        assert "JupyterHub is now running" in run("docker", "logs", deployment.hub).stderr
    finally:
        deployment.onehub("up")
