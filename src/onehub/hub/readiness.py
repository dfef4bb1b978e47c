"""Whether a server answers: asked often and cheaply, so that nobody waits for a back-off."""

from __future__ import annotations

import asyncio
from contextlib import suppress

_POLL = 0.05
"""Seconds."""
_ANSWER_WITHIN = 5.0


async def until_ready(host: str, port: int, path: str) -> None:
    """Returns when `GET path` gives 200. For ever, if need be: the caller has the deadline."""
    while not await _answers(host, port, path):
        await asyncio.sleep(_POLL)


async def _answers(host: str, port: int, path: str) -> bool:
    # Not an HTTP client: most of these end at a closed port, and a client takes ten times the processor for that.
    try:
        async with asyncio.timeout(_ANSWER_WITHIN):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\n\r\n".encode())
                status = await reader.readline()
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status
