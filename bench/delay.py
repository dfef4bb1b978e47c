"""delay.py PORT SECONDS: listens on the loopback and passes each connection on to PORT after SECONDS (`inf`: never).

Prints the port that it listens on.
"""

from __future__ import annotations

import asyncio
import math
import sys
from contextlib import suppress


async def main() -> None:
    """Until somebody ends it."""
    port, seconds = int(sys.argv[1]), float(sys.argv[2])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if math.isinf(seconds):
            await reader.read()  # until the other end gives up
        else:
            await asyncio.sleep(seconds)
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(main())
