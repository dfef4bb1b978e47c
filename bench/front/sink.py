"""Takes an upload of any size and says its length and its SHA-256."""

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PIECE = 1 << 20


class _Sink(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        digest, size = hashlib.sha256(), 0
        for piece in self._body():
            digest.update(piece)
            size += len(piece)
        told = f"{size} {digest.hexdigest()}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def _body(self) -> Iterator[bytes]:
        left = int(self.headers["Content-Length"])
        while left:
            piece = self.rfile.read(min(left, _PIECE))
            if not piece:
                raise ConnectionError(f"{left} bytes never came")
            left -= len(piece)
            yield piece


ThreadingHTTPServer(("127.0.0.1", 8890), _Sink).serve_forever()
