"""The command line and plain Compose on the running deployment."""

from __future__ import annotations

import json
import shutil
import socket

import pytest

from .deployment import inspect, paused, run
from .person import wait_until
from .test_restarts import healthy


def test_nothing_listens_beyond_the_loopback(deployment):
    published = {
        (port, binding["HostIp"])
        for name in (deployment.hub, f"{deployment.hub}-proxy", f"{deployment.hub}-directory")
        for port, bindings in inspect("container", name)["NetworkSettings"]["Ports"].items()
        for binding in bindings or ()
    }
    assert published == {("8000/tcp", "127.0.0.1")}
    # httpd is in the host's network; from Docker's own side of it nobody is let in.
    outward = inspect("network", "bridge")["IPAM"]["Config"][0]["Gateway"]
    for port in (deployment.http_port, deployment.https_port):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((outward, port), timeout=10)


def test_doctor_finds_a_healthy_deployment(deployment):
    findings = json.loads(deployment.onehub("doctor", "--json").stdout)
    assert {finding["level"] for finding in findings} <= {"ok", "warning"}
    by_subject = {finding["about"]: finding["level"] for finding in findings}
    for subject in (
        "docker",
        "compose",
        "images",
        "server image",
        "hub",
        "proxy",
        "directory",
        "lookup account",
        "file modes",
    ):
        assert by_subject[subject] == "ok", findings


def test_doctor_names_the_directory_that_does_not_answer(deployment):
    with paused(f"{deployment.hub}-directory"):
        done = deployment.onehub("doctor", "--json", check=False)
    assert done.returncode == 4
    messages = [entry["message"] for entry in json.loads(done.stdout) if entry["level"] == "problem"]
    assert any("does not answer" in message for message in messages), messages


def test_status_tells_services_and_servers(deployment, person):
    person("alice").start()
    status = deployment.status()
    assert {name: service["health"] for name, service in status["services"].items()} == {
        "hub": "healthy",
        "proxy": "healthy",
        "directory": "healthy",
        "httpd": "healthy",
    }
    assert [(server["person"], server["state"]) for server in status["servers"]] == [("alice", "running")]
    assert status["settings_current"] is True
    assert "alice" in deployment.onehub("status").stdout


def test_logs_of_a_service_and_of_a_person(deployment, person):
    person("alice").start()
    assert "Sign-in of alice from 1" in deployment.onehub("logs", "--tail", "1000").stderr
    assert "JupyterHub" in deployment.onehub("logs", "alice").stderr
    refused = deployment.onehub("logs", "nobody", check=False)
    assert refused.returncode == 1
    assert "there is no service and no running server of 'nobody'" in refused.stderr


def compose_commands() -> list[list[str]]:
    plugin = run("docker", "compose", "version", check=False).returncode == 0
    found = [["docker", "compose"]] if plugin else []
    return found + ([["docker-compose"]] if shutil.which("docker-compose") else [])


@pytest.mark.parametrize("verb", [["up", "--detach"]])
def test_plain_compose_agrees_with_onehub(deployment, verb):
    """With the seed's command nothing is recreated, and `onehub` sees the same."""
    before = inspect("container", deployment.hub)["Id"]
    for compose in compose_commands():
        run(*compose, "--profile", "demo", *verb, cwd=deployment.directory)
        if compose[0] == deployment_compose(deployment):
            assert inspect("container", deployment.hub)["Id"] == before


def deployment_compose(deployment) -> str:
    return json.loads(deployment.onehub("doctor", "--json").stdout)[1]["message"].split()[0]


def test_exported_variables_win_under_plain_compose(deployment, person, visitor):
    compose = compose_commands()[0]
    up = (*compose, "--profile", "demo", "up", "--detach")
    try:
        run(*up, cwd=deployment.directory, AD_SEARCH_BASE="ou=groups,dc=example,dc=test")
        wait_until(lambda: healthy(deployment), "the hub answers")
        # Nobody lives there.
        assert visitor("alice").sign_in(deployment.passwords()["alice"]).status_code == 403
    finally:
        deployment.onehub("up")
    assert person("alice").is_signed_in()


def test_an_exported_password_wins_and_stays_out_of_docker_inspect(deployment, visitor):
    kept = deployment.directory / "secrets" / "exported.env"
    exported = {"AD_LOOKUP_SEARCH_PASSWORD": "wrong-but-exported"}
    try:
        deployment.onehub("up", **exported)
        assert kept.stat().st_mode & 0o777 == 0o600
        assert "wrong-but-exported" not in json.dumps(inspect("container", deployment.hub))
        assert visitor("alice").sign_in(deployment.passwords()["alice"]).status_code == 503
        assert "nothing to do" in deployment.onehub("up", "--dry-run", **exported).stderr
    finally:
        deployment.onehub("up")
    assert not kept.exists()
    assert visitor("alice").sign_in(deployment.passwords()["alice"]).status_code == 302


def test_down_keeps_every_volume_and_up_brings_everybody_back(deployment, person):
    alice = person("alice")
    alice.start()
    alice.write("kept.txt", "still here")
    label = f"label=com.onehub.deployment={deployment.project}"
    volumes = run("docker", "volume", "ls", "--quiet", "--filter", label).stdout.split()
    assert deployment.home("alice") in volumes
    deployment.onehub("down")
    assert run("docker", "ps", "--all", "--quiet", "--filter", label).stdout == ""
    assert run("docker", "volume", "ls", "--quiet", "--filter", label).stdout.split() == volumes
    deployment.onehub("up")
    assert alice.is_signed_in()
    alice.start()
    assert alice.read("kept.txt").json()["content"] == "still here"


def test_bad_settings_stop_up_and_change_nothing(deployment):
    before = inspect("container", deployment.hub)["State"]["StartedAt"]
    deployment.write_toml('[limits]\nmemory = "8Q"\n')
    try:
        done = deployment.onehub("up", check=False)
    finally:
        deployment.write_toml()
    assert done.returncode == 3
    assert "limits.memory: '8Q' is not a size (try '8G')" in done.stderr
    assert inspect("container", deployment.hub)["State"]["StartedAt"] == before
    deployment.onehub("config", "check")
