"""The round trips of short messages over a websocket: the address and their number, milliseconds as JSON."""

import asyncio
import json
import ssl
import sys
import time

import websockets


async def _talk(url: str, count: int) -> list[float]:
    # The certificate was made for this run alone.
    context = ssl._create_unverified_context() if url.startswith("wss:") else None
    took = []
    async with websockets.connect(url, ssl=context, compression=None) as socket:
        for _ in range(count):
            begun = time.monotonic()
            await socket.send("x" * 400)
            await socket.recv()
            took.append(1000 * (time.monotonic() - begun))
            # As people type: not the throughput is of interest.
            await asyncio.sleep(0.005)
    return took


print(json.dumps(asyncio.run(_talk(sys.argv[1], int(sys.argv[2])))))
