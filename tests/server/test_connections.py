"""Connections that are slow, silent, too many, or no HTTP: by sockets, to the byte."""

import asyncio
import http.client
import json
import logging
import resource
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn import Config
from uvicorn.server import ServerState

from earlet.config import ServeConfig
from earlet.server import connections
from tests.rig.virtual_microphone import WAIT_S, until
from tests.server.wire import (
    SOON_S,
    Answering,
    answering,
    dripping,
    is_ended,
    read_answer,
    refuse_to_shut_down,
    request,
)

PIECE = bytes(1 << 20)
HEALTH = request(method="GET", path="/health")


async def large(_request: Request) -> Response:
    """More than all buffers on the way hold."""
    return Response(bytes(50_000_000))


async def endless(_request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield PIECE

    return StreamingResponse(pieces())


@pytest.fixture(scope="module")
def wire() -> Iterator[Answering]:
    with answering(routes=[Route("/large", large), Route("/endless", endless)]) as it:
        yield it


@pytest.mark.parametrize("protocol", connections.USED)
def test_uvicorn_has_what_is_used_of_it(protocol: type[Any]) -> None:
    async def made() -> object:
        config = Config(large, ws="websockets-sansio")
        config.load()
        return protocol(config=config, server_state=ServerState(), app_state={})

    its = asyncio.run(made())
    assert not [name for name in connections.USED[protocol] if not hasattr(its, name)]


def test_a_connection_that_says_nothing_is_ended(
    monkeypatch: pytest.MonkeyPatch, wire: Answering
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", SOON_S)
    with wire.connect() as connection:
        assert is_ended(connection)


@pytest.mark.parametrize("before", [b"", HEALTH])
def test_a_head_that_comes_drop_by_drop_is_ended(
    monkeypatch: pytest.MonkeyPatch, wire: Answering, before: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", SOON_S)
    with wire.connect() as connection:
        if before:
            connection.sendall(before)
            assert read_answer(connection).status == 200
        with dripping(connection, b"GET /health HTTP/1.1\r\nX: "):
            assert is_ended(connection)


def test_between_two_requests_a_connection_may_wait_as_long_as_before_the_first(
    monkeypatch: pytest.MonkeyPatch, wire: Answering
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", SOON_S)
    with wire.connect() as connection:
        connection.sendall(HEALTH)
        read_answer(connection)
        time.sleep(2 * SOON_S)  # less than uvicorn's own limit, which is 5 s
        connection.sendall(HEALTH)
        assert read_answer(connection).status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40) + b"\r\n\r\n", 400),  # TLS
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # without Host
        (b"GET /%zz\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 20_000, 431),
    ],
)
def test_what_is_no_http_is_told_so(wire: Answering, sent: bytes, status: int) -> None:
    answer = wire.ask(sent)
    assert (answer.status, answer.is_last) == (status, True)
    assert list(json.loads(answer.body)) == ["error"]


def test_what_is_no_http_is_in_the_log(wire: Answering, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        wire.ask(b"hello\r\n\r\n")
    assert "- - 400 Invalid HTTP request received., 127.0.0.1" in caplog.text


def test_the_rest_of_a_body_that_nobody_wants_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, wire: Answering
) -> None:
    monkeypatch.setattr(connections, "LINGER_S", SOON_S)
    with wire.connect() as connection:
        connection.sendall(request("Content-Length: 1000000", path="/nowhere"))
        with dripping(connection):
            assert read_answer(connection).status == 404
            assert is_ended(connection)
            until(lambda: not wire.http.server_state.connections, "it is gone")


@pytest.mark.parametrize(
    ("deadline", "path", "head"),
    [("STALL_S", "/endless", []), ("LINGER_S", "/large", ["Connection: close"])],
)
def test_a_client_that_does_not_read_is_ended(
    monkeypatch: pytest.MonkeyPatch, wire: Answering, deadline: str, path: str, head: list[str]
) -> None:
    monkeypatch.setattr(connections, deadline, SOON_S)
    with wire.connect() as connection:
        connection.sendall(request(*head, method="GET", path=path))
        assert connection.recv(4) == b"HTTP"
        until(lambda: not wire.http.server_state.connections, "it is gone")


def test_a_websocket_that_does_not_read_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_S", SOON_S)

    async def tell(socket: WebSocket) -> None:
        await socket.accept()
        with suppress(TimeoutError):
            async with asyncio.timeout(SOON_S):
                while True:
                    await socket.send_bytes(PIECE)

    upgrade = request(
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",  # RFC 6455, 1.3
        "Sec-WebSocket-Version: 13",
        method="GET",
        path="/tell",
    )
    with answering(routes=[WebSocketRoute("/tell", tell)]) as server, server.connect() as client:
        client.sendall(upgrade)
        assert client.recv(12) == b"HTTP/1.1 101"
        until(lambda: not server.http.server_state.connections, "it is gone")


def test_ten_thousand_idle_connections_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that have waited longest go; a request that runs is not disturbed."""
    monkeypatch.setattr(connections, "HEAD_S", 10 * WAIT_S)
    most = 50
    proceed = threading.Event()

    def wait(_request: Request) -> Response:  # in a thread of its own
        proceed.wait(WAIT_S)
        return PlainTextResponse("done")

    config = ServeConfig(max_connections=most, drain_s=0)
    with (
        many_files(12_000),
        answering(config, [Route("/wait", wait)]) as server,
        ExitStack() as idle,
        server.connect() as busy,
    ):
        busy.sendall(request(method="GET", path="/wait"))
        until(lambda: server.served.traffic.running == 1, "it runs")
        waiting = []
        for i in range(10_000):
            waiting.append(idle.enter_context(server.connect()))
            if i % 1000 == 0:
                assert server.ask(HEALTH).status == 200
                assert len(server.http.server_state.connections) <= most
        assert is_ended(waiting[0])
        waiting[-1].sendall(HEALTH)
        assert read_answer(waiting[-1]).status == 200
        proceed.set()
        assert read_answer(busy).body == b"done"


def test_where_all_connections_are_at_work_no_more_are_taken() -> None:
    proceed = threading.Event()

    def wait(_request: Request) -> Response:
        proceed.wait(WAIT_S)
        return PlainTextResponse("done")

    config = ServeConfig(max_connections=1, drain_s=0)
    with answering(config, [Route("/wait", wait)]) as server, server.connect() as busy:
        busy.sendall(request(method="GET", path="/wait"))
        until(lambda: server.served.traffic.running == 1, "it runs")
        with server.connect() as another:
            assert is_ended(another)
        proceed.set()
        assert read_answer(busy).body == b"done"


def test_an_answer_that_breaks_off_ends_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"begun"
        raise RuntimeError("in the middle")

    async def answer(_request: Request) -> Response:
        return StreamingResponse(broken())

    with answering(routes=[Route("/broken", answer)]) as server, server.connect() as connection:
        connection.sendall(request(method="GET", path="/broken"))
        with pytest.raises(http.client.IncompleteRead):
            read_answer(connection)
    assert "in the middle" in caplog.text  # and nowhere else


def test_a_client_that_leaves_while_it_is_refused_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, wire: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(socket.socket, "shutdown", refuse_to_shut_down)
    with wire.connect() as connection, suppress(ConnectionResetError):
        connection.sendall(request("Content-Length: 900000000"))
        while connection.recv(1024):
            pass
    until(lambda: not wire.http.server_state.connections, "it is gone")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_still_runs_when_the_server_ends_is_told_so() -> None:
    async def wait(_request: Request) -> Response:
        await asyncio.sleep(WAIT_S)
        return PlainTextResponse("done")

    with answering(routes=[Route("/wait", wait)]) as server, server.connect() as connection:
        connection.sendall(request(method="GET", path="/wait"))
        until(lambda: server.served.traffic.running == 1, "it runs")
        server.http.should_exit = True
        answer = read_answer(connection)
    assert (answer.status, answer.is_last) == (503, True)
    assert json.loads(answer.body) == {"error": "the server is about to end"}


@contextmanager
def many_files(n: int) -> Iterator[None]:
    """So many files may be open, if the machine lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < n and hard != resource.RLIM_INFINITY and hard < n:
        pytest.skip(f"needs {n} open files, and {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
