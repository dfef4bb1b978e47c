"""Idle servers are stopped by a service that can do little else."""

from __future__ import annotations

from .deployment import run
from .person import wait_until


def test_an_idle_server_is_stopped_and_its_files_stay(deployment, person):
    alice = person("alice")
    alice.start()
    alice.write("before.txt", "kept")
    deployment.write_toml('[culling]\nidle = "3s"\nevery = "2s"\n')
    try:
        deployment.onehub("up")
        gone = ("docker", "inspect", deployment.server("alice"))
        wait_until(lambda: run(*gone, check=False).returncode != 0, "the idle server is stopped")
    finally:
        deployment.write_toml()
        deployment.onehub("up")
    alice.start()
    assert alice.read("before.txt").json()["content"] == "kept"
