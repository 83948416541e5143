"""A server whose workers are played, and a client."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
import uvicorn
from starlette.applications import Starlette

from earlet.bundle import Bundle
from earlet.config import ServeConfig
from earlet.server import listen
from earlet.server.connections import uvicorn_config
from earlet.server.models import Model
from tests.rig.virtual_microphone import until

MODELS = Path(__file__).parents[3] / "models"


class PlayedStream:
    """What the pool would give: notes what it is pushed, and does what it is told to."""

    sample_rate = 16_000
    labels = ("go",)
    description = "played"

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.pushed: list[tuple[int, bool]] = []  # bytes, late
        self.sound = bytearray()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.answer: list[Any] = []
        self.failure: Exception | None = None  # of a push
        self.last_failure: Exception | None = None  # of a flush
        self.is_closed = False
        self.was_cancelled = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_closed = True

    async def push(self, samples: bytes, *, late: bool = False) -> list[Any]:
        self.pushed.append((len(samples), late))
        try:
            while not self.may_go_on.is_set():
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        self.sound += samples
        if self.failure is not None:
            raise self.failure
        return self.answer

    async def flush(self) -> list[Any]:
        if self.last_failure is not None:
            raise self.last_failure
        return []


class PlayedPool:
    """Streams of models that are really there."""

    def __init__(self) -> None:
        self.models = {
            name: Model(name, MODELS / name, Bundle(MODELS / name).manifest)
            for name in ("commands-en", "moonshine-tiny-en", "sentiment-en", "vad", "yamnet")
        }
        self.streams: list[PlayedStream] = []
        self.opened: list[str] = []

    async def open(self, model: str, options: dict[str, Any]) -> PlayedStream:
        self.opened.append(model)
        self.streams.append(PlayedStream(options))
        return self.streams[-1]

    @property
    def stream(self) -> PlayedStream:
        """The last one, once it is there."""
        until(lambda: bool(self.streams), "a stream is opened")
        return self.streams[-1]


@dataclass(frozen=True)
class Played:
    """A server that answers `/v1/listen`, and its pool."""

    url: str
    port: int
    pool: PlayedPool
    server: uvicorn.Server


@pytest.fixture
def played(serving: Callable[[PlayedPool], tuple[uvicorn.Server, int]]) -> Played:
    """A pool of its own for each test."""
    pool = PlayedPool()
    server, port = serving(pool)
    return Played(f"ws://127.0.0.1:{port}/v1/listen", port, pool, server)


@pytest.fixture(scope="module")
def serving() -> Iterator[Callable[[PlayedPool], tuple[uvicorn.Server, int]]]:
    """uvicorn in a thread, as `earlet serve` runs it; called with the pool that it is to have."""
    config = ServeConfig(port=0)
    app = Starlette(routes=listen.routes())
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = uvicorn.Server(uvicorn_config(app, config))
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[bound])), daemon=True
        )
        thread.start()
        port = bound.getsockname()[1]

        def serve(pool: PlayedPool) -> tuple[uvicorn.Server, int]:
            app.state.served = SimpleNamespace(
                pool=pool, config=config, token=None, is_draining=False
            )
            return server, port

        try:
            until(lambda: server.started, "the server answers")
            yield serve
        finally:
            server.should_exit = True
            thread.join(10)
