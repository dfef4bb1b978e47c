"""A websocket that says back what it is told, as a kernel that has nothing to compute."""

import asyncio

import websockets


async def _echo(socket: websockets.WebSocketServerProtocol) -> None:
    async for message in socket:
        await socket.send(message)


async def _serve() -> None:
    async with websockets.serve(_echo, "127.0.0.1", 8889, compression=None):
        await asyncio.Future()


asyncio.run(_serve())
