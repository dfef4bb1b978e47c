"""JupyterHub's configuration file: everything is in `configure`, where tests reach it."""

from onehub.core.settings import Settings
from onehub.hub.configure import configure
from onehub.hub.entry import SETTINGS_FILE

configure(get_config(), Settings.from_json(SETTINGS_FILE.read_text(encoding="utf-8")))  # noqa: F821
