"""What clients say wrong is named, and costs nobody else anything."""

import asyncio
import gc
import logging
import socket

import pytest

from earlet.server.body import JsonValue
from earlet.server.failures import Overloaded
from tests.server.wire import refuse_to_shut_down
from tests.server.wyoming.in_process import ScriptedPool, answers, chunk, message, running, start

MB = 1 << 20


@pytest.mark.parametrize(
    ("sent", "code", "named"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "bad-request", "JSON"),
        (b'{"data": {}}\n', "bad-request", "type"),
        (b'{"type": "audio-chunk", "payload_length": -5}\n', "bad-request", "payload_length"),
        (b'{"type": "ping", "data_length": 1000000000000}\n', "too-large", "data_length"),
        (chunk(b"")[:-5] + b"}" * 100_000, "too-large", "65536"),
        (start(rate="fast"), "bad-request", "audio-start.rate"),
        (start(width=3), "bad-request", "width"),
        (start(channels=0), "bad-request", "channels"),
        (message("audio-chunk", b"12"), "bad-request", "rate"),
        (chunk(b"123"), "bad-request", "no whole number of frames"),
        (start() + chunk(b"12", rate=8_000), "bad-request", "rate=8000"),
        (start() + chunk(b"12") + chunk(b"1234", channels=2), "bad-request", "channels=2"),
        (message("ping", text=5), "bad-request", "ping.text"),
        (message("transcribe", name=5), "bad-request", "transcribe.name"),
        (message("transcribe", name="moonshine-tiny") + start(), "not-found", "moonshine-tiny-en"),
        (message("transcribe", language="tlh") + start(), "bad-request", "'tlh'"),
        (message("detect", names="up") + start(), "bad-request", "detect.names"),
        (message("detect", names=["upp"]) + start(), "not-found", "did you mean 'up'"),
        (message("select-program", name="earl"), "not-found", "did you mean 'earlet'"),
        (message("select-program"), "bad-request", "name"),
    ],
)
def test_what_is_wrong_is_named_and_ends_the_connection(sent: bytes, code: str, named: str) -> None:
    async def talk() -> None:
        async with running(ScriptedPool()) as server, server.line() as other, server.line() as line:
            await line.send(sent)
            while (told := await line.event()) and told["type"] == "transcript-start":
                pass
            assert told is not None
            assert (told["type"], told["code"]) == ("error", code)
            assert named in told["text"]
            assert await line.event() is None
            assert await answers(other)

    asyncio.run(talk())


def test_the_error_arrives_though_more_was_sent_than_is_read() -> None:
    async def talk() -> None:
        async with running(ScriptedPool()) as server, server.line() as line:
            await line.send(b'{"type": "x", "payload_length": 9000000}\n' + bytes(32 * MB))
            told = await line.event()
            assert told is not None
            assert told["code"] == "too-large"

    asyncio.run(talk())


def test_a_client_that_leaves_while_it_is_told_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(socket.socket, "shutdown", refuse_to_shut_down)

    async def talk() -> None:
        async with running(ScriptedPool()) as server, server.line() as line:
            await line.send(b"hello\n")
            assert (await line.event() or {})["code"] == "bad-request"
            assert await line.event() is None

    asyncio.run(talk())
    gc.collect()  # asyncio tells of an exception that nobody has asked for when its task is gone
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_is_unknown_is_dropped() -> None:
    async def talk() -> None:
        async with running(ScriptedPool()) as server, server.line() as line:
            await line.send(message("run-satellite") + message("x", b"12", y=1))
            assert await answers(line)

    asyncio.run(talk())


def test_who_starts_anew_abandons_what_was_before() -> None:
    async def talk() -> None:
        pool = ScriptedPool()
        async with running(pool) as server, server.line() as line:
            await line.send(message("detect") + start() + start() + message("transcribe"))
            assert await answers(line)
            assert [stream.is_closed for stream in pool.streams] == [True, True]

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (
            Overloaded("as much waits as may"),
            {"text": "as much waits as may", "code": "overloaded"},
        ),
        (
            RuntimeError("a secret"),
            {"text": "internal error; the server's log says more", "code": "internal"},
        ),
    ],
)
def test_what_goes_wrong_inside_is_told_without_its_secrets(
    problem: Exception, expected: dict[str, str]
) -> None:
    async def heard(_samples: bytes) -> list[JsonValue]:
        raise problem

    async def talk() -> None:
        pool = ScriptedPool(heard=heard)
        async with running(pool) as server, server.line() as line:
            await line.send(message("detect") + start() + chunk(bytes(640)))
            assert await line.event() == {"type": "error", **expected}
            assert await line.event() is None
            assert pool.streams[0].is_closed

    asyncio.run(talk())
