"""JupyterHub's configuration file: its settings are in `configure`, where tests reach it."""

from pathlib import Path

from tornado.httpserver import HTTPServer

from onehub.core.settings import Settings
from onehub.hub import database
from onehub.hub.configure import LARGEST_BODY, configure
from onehub.hub.entry import SETTINGS_FILE

settings = Settings.from_json(SETTINGS_FILE.read_text(encoding="utf-8"))
configure(get_config(), settings)  # noqa: F821
# The hub reads a body before it asks who sends it; Traefik's limit holds for one way to it alone.
HTTPServer.configure(None, max_body_size=LARGEST_BODY)
database.checkpoint_in_background(Path(settings.names.data_mount) / database.FILE)
