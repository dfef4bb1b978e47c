"""JupyterHub's configuration file: everything is in `configure`, where tests reach it."""

from pathlib import Path

from onehub.core.settings import Settings
from onehub.hub import database
from onehub.hub.configure import configure
from onehub.hub.entry import SETTINGS_FILE

settings = Settings.from_json(SETTINGS_FILE.read_text(encoding="utf-8"))
configure(get_config(), settings)  # noqa: F821
database.checkpoint_in_background(Path(settings.names.data_mount) / database.FILE)
