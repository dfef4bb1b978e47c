"""How `jupyterhub-singleuser` ends, by images/singleuser/launcher.py in place of pip's script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .test_repository import ROOT

_MAIN = """
import atexit, threading, time

class Remains:
    def __del__(self):
        print("taken apart")

remains = Remains()

def main():
    atexit.register(print, "last words")
    threading.Thread(target=lambda: (time.sleep(0.05), print("a thread's end"))).start()
    {end}
"""


@pytest.fixture
def run(tmp_path: Path):
    """The launcher with a server that only ends, in this way."""

    def run(end: str, **environ: str) -> subprocess.CompletedProcess[str]:
        package = tmp_path / "jupyterhub"
        for name in ("", "log", "services", "services/auth", "singleuser"):
            file = package / name / "__init__.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_MAIN.format(end=end) if name == "singleuser" else "")
        launcher = ROOT / "images" / "singleuser" / "launcher.py"
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), **environ}
        command = [sys.executable, launcher]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)

    return run


def test_a_proper_end_waits_for_everybodys_end_and_takes_nothing_apart(run):
    done = run("return None")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["a thread's end", "last words"]


@pytest.mark.parametrize(("end", "status"), [("return 3", 3), ("raise SystemExit(4)", 4), ("raise KeyError", 1)])
def test_an_end_with_an_error_is_told(run, end, status):
    done = run(end)
    assert done.returncode == status
    assert done.stdout.splitlines() == ["a thread's end", "last words", "taken apart"]


def test_a_plain_start_has_a_plain_end(run):
    done = run("return None", ONEHUB_PLAIN_START="1")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "taken apart"
