"""The port on which Wyoming is spoken."""

import asyncio
import logging
import socket
from contextlib import AsyncExitStack

from earlet.server.served import Served
from earlet.server.wyoming.announcement import announced
from earlet.server.wyoming.connection import Connection
from earlet.server.wyoming.messages import MAX_HEADER

log = logging.getLogger("earlet.serve")
access = logging.getLogger("earlet.serve.access")


async def serve_wyoming(served: Served, listening: socket.socket) -> "WyomingServer":
    """Answer on a bound socket, from now on until `close`."""
    server = WyomingServer(served)
    await server.start(listening)
    return server


class WyomingServer:
    """Accepts as many connections as there may be; idle ones make room for new ones."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._announcement = AsyncExitStack()

    async def start(self, listening: socket.socket) -> None:
        """Answer on a bound socket."""
        config = self._served.config
        if config.wyoming_host is not None and config.auth:
            log.warning("Wyoming knows no token: whoever reaches its port may use it")
        self._server = await asyncio.start_server(self._accept, sock=listening, limit=MAX_HEADER)
        if config.zeroconf:
            announcement = announced(*listening.getsockname()[:2])
            await self._announcement.enter_async_context(announcement)

    async def close(self, drain_s: float) -> None:
        """Accept nobody, end the idle, and let those who wait for a text have it in time."""
        if self._server is not None:
            self._server.close()
        await self._announcement.aclose()
        running = dict(self._connections)
        for connection, task in running.items():
            if not connection.is_awaited:
                task.cancel()
        if running:
            _, late = await asyncio.wait(running.values(), timeout=drain_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_full = len(self._connections) >= self._served.config.max_connections
        if is_full and not self._make_room():
            access.info("Wyoming: one more was turned away: as many ask as may be connected")
            writer.transport.abort()
            return
        connection = Connection(self._served, reader, writer)
        self._connections[connection] = task = asyncio.create_task(connection.run())
        task.add_done_callback(lambda _: self._connections.pop(connection))

    def _make_room(self) -> bool:
        """End the connection that has been idle longest; whether there was one."""
        idle = {c: c.idle_since for c in self._connections if c.idle_since is not None}
        if not idle:
            return False
        longest = min(idle, key=idle.__getitem__)
        longest.idle_since = None  # it is not to be ended twice
        self._connections[longest].cancel()
        return True
