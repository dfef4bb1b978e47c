"""A websocket that says one word: by it, `onehub httpd --check` knows that websockets get through."""

from __future__ import annotations

from tornado.websocket import WebSocketHandler

KNOCK = "knock"
"""Below the hub's path. Open to everybody; it tells nothing that the login page does not."""


class Knock(WebSocketHandler):
    """Opens, says `hub`, closes."""

    def open(self) -> None:
        """Without waiting for anything that the other side says."""
        self.write_message("hub")
        self.close()

    def on_message(self, message) -> None:
        """Nobody asked."""
