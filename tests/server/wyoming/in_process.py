"""Wyoming in the test's own event loop, with streams that do what the test says."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from earlet.config import ServeConfig
from earlet.server.body import JsonValue
from earlet.server.cache import ResultCache
from earlet.server.models import Model, open_models
from earlet.server.served import Served
from earlet.server.traffic import Traffic
from earlet.server.workers.pool import Pool
from earlet.server.wyoming.server import serve_wyoming
from tests.server.wyoming.home_assistant import WAIT_S

Heard = Callable[[bytes], Awaitable[list[JsonValue]]]


async def nothing(_samples: bytes) -> list[JsonValue]:
    """What silence gives rise to."""
    return []


@dataclass
class ScriptedStream:
    """One that was opened with these options."""

    model: str
    options: Mapping[str, Any]
    heard: Heard
    n_bytes: int = 0  # that were pushed
    is_closed: bool = False

    async def push(self, samples: bytes) -> list[JsonValue]:
        """As the test says."""
        self.n_bytes += len(samples)
        return await self.heard(samples)

    async def flush(self) -> list[JsonValue]:
        """Nothing is left."""
        return []

    async def close(self) -> None:
        """It is given back."""
        self.is_closed = True


@dataclass
class ScriptedPool:
    """Opens streams and remembers them."""

    models: Mapping[str, Model] = field(default_factory=open_models)
    heard: Heard = nothing
    streams: list[ScriptedStream] = field(default_factory=list)

    async def open(self, model: str, options: Mapping[str, Any]) -> ScriptedStream:
        """A stream."""
        self.streams.append(ScriptedStream(model, options, self.heard))
        return self.streams[-1]


@dataclass
class Line:
    """A connection that knows nothing of the protocol."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """As it is."""
        self.writer.write(data)
        await self.writer.drain()

    async def event(self) -> dict[str, Any] | None:
        """The next message, its line and its data as one; None at the end."""
        async with asyncio.timeout(WAIT_S):
            line = await self.reader.readline()
            if not line:
                return None
            header = cast(dict[str, Any], json.loads(line))
            data = await self.reader.readexactly(header.get("data_length", 0))
        return {"type": header["type"], **json.loads(data or b"{}")}


@dataclass
class Running:
    """A server that can be reached, and its end."""

    port: int
    served: Served
    close: Callable[[float], Awaitable[None]]

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """A connection to it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Line(reader, writer)
        finally:
            writer.transport.abort()


@asynccontextmanager
async def running(pool: ScriptedPool, **config: Any) -> AsyncIterator[Running]:
    """A server on a free port, with these keys of its configuration."""
    served = Served(
        config=ServeConfig(**config),
        pool=cast(Pool, pool),
        cache=ResultCache(),
        traffic=Traffic(),
    )
    listening = socket.create_server((served.config.wyoming_address, 0))
    server = await serve_wyoming(served, listening)
    try:
        yield Running(listening.getsockname()[1], served, server.close)
    finally:
        await server.close(0)


def message(kind: str, payload: bytes = b"", **data: object) -> bytes:
    """As it is sent."""
    line = {"type": kind, "data": data, "payload_length": len(payload)}
    return json.dumps(line).encode() + b"\n" + payload


def start(**said: object) -> bytes:
    """`audio-start`."""
    data: dict[str, object] = {"rate": 16_000, "width": 2, "channels": 1, **said}
    return message("audio-start", b"", **data)


def chunk(payload: bytes, **said: object) -> bytes:
    """`audio-chunk`."""
    data: dict[str, object] = {"rate": 16_000, "width": 2, "channels": 1, **said}
    return message("audio-chunk", payload, **data)


async def answers(line: Line) -> bool:
    """Whether it answers."""
    await line.send(message("ping", text="still there"))
    return await line.event() == {"type": "pong", "text": "still there"}
