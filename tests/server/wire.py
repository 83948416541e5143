"""The application behind uvicorn in a thread, and what goes over its sockets to the byte."""

import asyncio
import errno
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPResponse

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from earlet.config import ServeConfig
from earlet.server.app import create_app
from earlet.server.cache import ResultCache
from earlet.server.connections import QUEUE, uvicorn_config
from earlet.server.served import Served
from earlet.server.traffic import Traffic
from earlet.server.workers.pool import Pool
from tests.rig.virtual_microphone import WAIT_S, until

SOON_S = 0.3  # in place of deadlines that are to pass


@dataclass(frozen=True)
class Answering:
    """A server that answers, without models."""

    port: int
    served: Served
    http: uvicorn.Server

    def connect(self) -> socket.socket:
        """A connection on which nothing takes for ever."""
        return socket.create_connection(("127.0.0.1", self.port), WAIT_S)

    def ask(self, request: bytes) -> "Answer":
        """What comes back for these bytes, up to the end of one answer."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_answer(connection)


@dataclass(frozen=True)
class Answer:
    """One answer; `is_last` where the server has ended the connection after it."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_last: bool


def application(config: ServeConfig, token: bytes | None = None) -> Starlette:
    """All routes, and no models."""
    pool = Pool({}, config)
    return create_app(
        Served(config=config, pool=pool, cache=ResultCache(), traffic=Traffic(), token=token)
    )


@contextmanager
def answering(
    config: ServeConfig | None = None, routes: Sequence[BaseRoute] = (), token: bytes | None = None
) -> Iterator[Answering]:
    """Serve, with these routes beside its own, until it is left."""
    config = config or ServeConfig(drain_s=0)
    app = application(config, token)
    app.router.routes.extend(routes)
    http = uvicorn.Server(uvicorn_config(app, config))
    with socket.create_server(("127.0.0.1", 0)) as bound:
        thread = threading.Thread(target=asyncio.run, args=(http.serve([bound]),))
        thread.start()
        try:
            until(lambda: http.started, "the server answers")
            bound.listen(QUEUE)
            yield Answering(bound.getsockname()[1], app.state.served, http)
        finally:
            http.should_exit = True
            thread.join(WAIT_S)


def read_answer(connection: socket.socket) -> Answer:
    """The next answer on a connection, as Python's own HTTP client reads it."""
    response = HTTPResponse(connection)
    response.begin()
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    is_last = headers.get("connection") == "close" and connection.recv(1) == b""
    return Answer(response.status, headers, body, is_last)


def is_ended(connection: socket.socket) -> bool:
    """Whether the server ends a connection without another word; waits for it."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def request(*lines: str, body: bytes = b"", method: str = "POST", path: str = "/") -> bytes:
    """A request to this machine with these lines in its head."""
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def refuse_to_shut_down(_socket: socket.socket, _how: int) -> None:
    """`socket.shutdown` where a reset has come in the meantime."""
    raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))


@contextmanager
def dripping(connection: socket.socket, first: bytes = b"") -> Iterator[None]:
    """A byte now and then, for as long as the other side takes them."""
    enough = threading.Event()

    def drip() -> None:
        with suppress(OSError):
            connection.sendall(first)
            while not enough.wait(SOON_S / 10):
                connection.sendall(b"a")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join(WAIT_S)
