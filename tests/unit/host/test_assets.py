from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from onehub.core.errors import SettingsError
from onehub.host import assets
from tests.unit.examples import OWN, make_settings

ROOT = Path(__file__).parents[3]


def test_the_wheel_carries_every_file_that_we_need():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    carried = build["targets"]["wheel"]["force-include"]
    needed = {*assets.DEPLOYMENT_FILES.values(), "images", "requirements/hub.txt"}
    assert carried == {name: f"onehub/assets/{name}" for name in needed}


def test_every_image_has_its_files():
    contexts = assets.contexts(OWN, ROOT)
    assert set(contexts) == set(assets.IMAGES)
    for context in contexts.values():
        names = [name for name, _ in context.files]
        assert {"Dockerfile", "extra-ca/.keep", "ca-certificates.crt"} <= set(names)
        assert len(names) == len(set(names))
        assert all(path.is_file() for _, path in context.files)


def test_the_hub_image_holds_the_package_and_its_lock():
    names = {name for name, _ in assets.contexts(OWN, ROOT)["hub"].files}
    assert {"requirements.txt", "onehub/__init__.py", "onehub/core/settings.py", "onehub/hub/entry.py"} <= names
    assert not any("__pycache__" in name or name.startswith("onehub/assets") for name in names)


def test_a_companys_certificate_goes_into_every_image_and_changes_its_digest(tmp_path):
    (tmp_path / "our ca.pem").write_text("certificate")
    settings = make_settings(build={"ca_certificates": ("our ca.pem",)})
    before, after = assets.contexts(OWN, tmp_path), assets.contexts(settings, tmp_path)
    for image, context in after.items():
        assert ("extra-ca/0-our ca.crt", tmp_path / "our ca.pem") in context.files
        assert context.digest != before[image].digest


def test_a_missing_certificate_is_told(tmp_path):
    with pytest.raises(SettingsError) as caught:
        assets.contexts(make_settings(build={"ca_certificates": ("no.pem",)}), tmp_path)
    (problem,) = caught.value.problems
    assert str(problem) == "onehub.toml: build.ca_certificates: there is no file 'no.pem'"
