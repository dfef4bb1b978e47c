"""Puts launcher.py in place of the script that pip or conda made for jupyterhub-singleuser, and of no other."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

_ENTRY = "from jupyterhub.singleuser import main"
"""In the script of either; somebody's own wrapper runs the script instead."""


def install() -> str:
    """What was done."""
    found = shutil.which("jupyterhub-singleuser")
    if not found:
        return "there is no jupyterhub-singleuser"
    script = Path(found).resolve()
    before = script.read_bytes()
    first, _, rest = before.partition(b"\n")
    if not first.startswith(b"#!") or b"python" not in first or _ENTRY.encode() not in rest:
        return f"{script} is not pip's or conda's, so it stays as it is"
    try:
        script.write_bytes(first + b"\n" + Path(__file__).with_name("launcher.py").read_bytes())
    except OSError as error:
        return f"servers start as they did: {error}"
    with contextlib.suppress(subprocess.SubprocessError):
        subprocess.run([script, "--version"], check=True, timeout=120, capture_output=True)
        return f"servers start by {script} without imports that they do not use"
    script.write_bytes(before)
    return f"servers start as they did: {script} does not run with the launcher"


if __name__ == "__main__":
    sys.stdout.write(install() + "\n")
