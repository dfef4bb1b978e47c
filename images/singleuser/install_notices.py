"""Puts the hub's notices into the image: an extension of jupyter_server, and one of JupyterLab where there is one."""

import importlib.util
import json
import shutil
import sys
import sysconfig
from pathlib import Path

_HERE = Path(__file__).parent
_MODULE, _LAB = "onehub_server", "onehub-notices"


def install() -> str:
    """What was done."""
    if importlib.util.find_spec("jupyter_server") is None:
        return "there is no jupyter_server, so people are not warned before idle servers stop"
    prefix = Path(sys.prefix)
    config = prefix / "etc" / "jupyter" / "jupyter_server_config.d" / f"{_MODULE}.json"
    lab = prefix / "share" / "jupyter" / "labextensions" / _LAB
    try:
        shutil.copy(_HERE / f"{_MODULE}.py", sysconfig.get_path("purelib"))
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(json.dumps({"ServerApp": {"jpserver_extensions": {_MODULE: True}}}))
        # Harmless without JupyterLab, which may also be added later.
        shutil.copytree(_HERE / "labextension", lab, dirs_exist_ok=True)
    except OSError as error:
        return f"people are not warned before idle servers stop: {error}"
    return f"people read notices of the hub in JupyterLab ({lab})"


if __name__ == "__main__":
    sys.stdout.write(install() + "\n")
