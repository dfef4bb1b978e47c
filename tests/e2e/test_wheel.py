"""The wheel carries everything: no checkout is needed to make and build a deployment."""

from __future__ import annotations

import json
import sys

from .deployment import REPOSITORY, run

_LOOK = """
import json, sys
from pathlib import Path
from onehub.core.settings import Settings
from onehub.host import assets
digests = {name: context.digest for name, context in assets.contexts(Settings(), Path(".")).items()}
print(json.dumps({"root": str(assets.root()), "digests": digests}))
"""


def test_an_installed_wheel_makes_the_same_deployment_and_the_same_images(tmp_path):
    wheels, site = tmp_path / "wheels", tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, REPOSITORY)
    (wheel,) = wheels.glob("onehub-*.whl")
    run(*pip, "install", "--no-deps", "--target", site, wheel)
    looks = [
        json.loads(run(sys.executable, "-c", _LOOK, cwd=tmp_path, PYTHONPATH=str(path)).stdout)
        for path in (site, REPOSITORY / "src")
    ]
    installed, checkout = looks
    assert installed["root"] == str(site / "onehub" / "assets")
    assert installed["digests"] == checkout["digests"]
    main = "from onehub.cli.main import main; main()"
    run(sys.executable, "-c", main, "init", tmp_path / "hub", cwd=tmp_path, PYTHONPATH=str(site))
    assert (tmp_path / "hub" / "compose.yaml").read_text() == (REPOSITORY / "compose.yaml").read_text()
    assert (tmp_path / "hub" / ".gitignore").exists()
