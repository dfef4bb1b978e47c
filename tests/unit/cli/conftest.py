"""No Docker, no exported settings, no programs to find: the same on every machine."""

from __future__ import annotations

import pytest

from onehub.core.sources import VARIABLES


@pytest.fixture(autouse=True)
def bare_host(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in (*VARIABLES, "ONEHUB_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")  # discards; a missing socket file leaks inside docker-py
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("programs")))
