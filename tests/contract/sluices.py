"""What stands between the hub and a directory in the tests: takes notes, delays, keeps silent, or lies about TLS."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

STARTTLS = b"1.3.6.1.4.1.1466.20037"
_SUCCESS, _UNAVAILABLE = 0, 52


def _extended_response(request: bytes, result: int) -> bytes:
    """An answer to an extended request (RFC 4511): its number, a result, and no words."""
    number = request[2 : 4 + request[3]]
    body = number + bytes((0x78, 7, 0x0A, 1, result, 4, 0, 4, 0))
    return bytes((0x30, len(body))) + body


@contextmanager
def listener(handle: Callable[[socket.socket], None], host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A server that hands each connection to `handle` in a thread of its own; its port."""
    with socket.create_server((host, port)) as server:
        threading.Thread(target=_accept, args=(server, handle), daemon=True).start()
        yield server.getsockname()[1]
        # Wakes the thread that waits for the next connection.
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, handle: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, handle), daemon=True).start()


def _serve(connection: socket.socket, handle: Callable[[socket.socket], None]) -> None:
    with connection, suppress(OSError):
        handle(connection)


def silent(connection: socket.socket) -> None:
    """Takes the connection and never says anything."""
    while connection.recv(4096):
        pass


def drip(connection: socket.socket) -> None:
    """The start of a long answer, byte by byte: keeps each single read within its deadline and never ends."""
    connection.recv(4096)
    for octet in bytes.fromhex("3084000fffff02010164") + bytes(1000):
        connection.sendall(bytes((octet,)))
        time.sleep(0.5)


def delayed(port: int, seconds: float) -> Callable[[socket.socket], None]:
    """Forwards to a port of the loopback, after a while."""

    def handle(connection: socket.socket) -> None:
        time.sleep(seconds)
        with socket.create_connection(("127.0.0.1", port)) as target:
            back = threading.Thread(target=_pump, args=(target, connection), daemon=True)
            back.start()
            _pump(connection, target)
            back.join()

    return handle


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)


class Eavesdropper:
    """A man in the middle who ends TLS with a certificate of his own and writes down what he hears."""

    def __init__(self, context: ssl.SSLContext, *, starttls: bool) -> None:
        self._context = context
        self._starttls = starttls
        self.heard = bytearray()

    def __call__(self, connection: socket.socket) -> None:
        if self._starttls:
            connection.sendall(_extended_response(connection.recv(4096), _SUCCESS))
        with self._context.wrap_socket(connection, server_side=True) as secret:
            while chunk := secret.recv(4096):
                self.heard += chunk


class Babbler:
    """A directory that has lost its mind: TLS is in order, the answers are not."""

    def __init__(self, context: ssl.SSLContext, answer: bytes) -> None:
        self._context = context
        self._answer = answer

    def __call__(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(connection, server_side=True) as secret:
            while request := secret.recv(4096):
                # With the number of the question, where there is room for one.
                number = request[2 : 4 + request[3]]
                secret.sendall(self._answer.replace(b"NUMBER", number))


class Stripper:
    """A man in the middle who says that StartTLS is not to be had, and hopes for a password in clear."""

    def __init__(self) -> None:
        self.heard = bytearray()

    def __call__(self, connection: socket.socket) -> None:
        while chunk := connection.recv(4096):
            self.heard += chunk
            if STARTTLS in chunk:
                connection.sendall(_extended_response(chunk, _UNAVAILABLE))
