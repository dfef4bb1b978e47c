"""The hub container's first process: reads the deployment as root, becomes the hub's own user, starts JupyterHub.

The deployment's secrets are 0600 and may belong to anybody, so only root can read them. Root's part ends
before JupyterHub begins: what the hub needs lies in memory, readable to the hub's user alone.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path

from onehub.core import settings as core_settings
from onehub.core.errors import OneHubError
from onehub.core.sources import AD_VARIABLES

from . import database
from .health import PATH_FILE

DEPLOYMENT = Path("/srv/jupyterhub")
RUN = Path("/run/onehub")
SETTINGS_FILE = RUN / "settings.json"
DIGEST_FILE = RUN / "digest"
ROUTES = Path("/srv/routes")
PROXY_PASSWORD = "proxy_api_password"  # noqa: S105 (a file's name)
METRICS_TOKEN = "metrics_token"  # noqa: S105 (a file's name)
"""With it, a monitor may read the hub's metrics and nothing else."""
CULLING_TOKEN = "culling_token"  # noqa: S105 (a file's name)
"""With it, `onehub cull` asks the hub who is idle, and may do nothing else."""
_DOCKER_SOCKET = Path("/var/run/docker.sock")
_HUB_UID = 65532
"""The same user as the proxy's, so that it can read the routes that the hub writes."""


def main() -> None:
    """Prepare, drop every privilege, become JupyterHub."""
    try:
        _prepare()
    except OneHubError as error:
        sys.stderr.write(f"error: {error}\n\nhint: {error.hint}\n")
        sys.exit(error.exit_code)
    config = Path(__file__).with_name("jupyterhub_config.py")
    os.execvp("jupyterhub", ["jupyterhub", "--config", str(config)])  # noqa: S606, S607


def _prepare() -> None:
    settings = core_settings.load(DEPLOYMENT, os.environ, kept_exports=True)
    data = Path(settings.names.data_mount)
    groups = [_DOCKER_SOCKET.stat().st_gid] if _DOCKER_SOCKET.exists() else []
    _give([RUN, ROUTES, data, *data.iterdir()])
    _become_hub(groups)
    database.prepare(data / database.FILE)
    _write_private(SETTINGS_FILE, settings.to_json())
    _write_private(DIGEST_FILE, settings.digest())
    _write_private(PATH_FILE, settings.front.path)
    for name in (PROXY_PASSWORD, METRICS_TOKEN, CULLING_TOKEN):
        if not (data / name).exists() or not (data / name).stat().st_size:
            _write_private(data / name, secrets.token_hex(32))
    for name in AD_VARIABLES:
        os.environ.pop(name, None)
    os.environ |= {"HOME": str(data), "ONEHUB_DATA": str(data)}
    os.chdir(data)


def _give(paths: Iterable[Path]) -> None:
    """Own the places the hub writes to; a deployment of the seed left them to root."""
    for path in paths:
        os.chown(path, _HUB_UID, _HUB_UID, follow_symlinks=False)


def _become_hub(groups: list[int]) -> None:
    os.umask(0o077)
    os.setgroups(groups)
    os.setresgid(_HUB_UID, _HUB_UID, _HUB_UID)
    os.setresuid(_HUB_UID, _HUB_UID, _HUB_UID)


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    main()
