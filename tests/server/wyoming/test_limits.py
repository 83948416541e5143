"""How much clients may ask for, for how long, and how it ends."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from earlet.server.body import JsonValue
from earlet.server.wyoming import connection, messages
from tests.server.wyoming.home_assistant import WAIT_S
from tests.server.wyoming.in_process import (
    Line,
    Running,
    ScriptedPool,
    answers,
    chunk,
    message,
    running,
    start,
)

MB = 1 << 20
BUFFERED = 12 * MB  # at most, between two that do not read: the kernel's buffers, and asyncio's
SOON_S = 10.0  # less than the silence after which a text is given up
FINAL: list[JsonValue] = [{"event": "final", "text": "so.", "timestamp": [0.0, 1.0]}]


async def settled(condition: Callable[[], bool]) -> None:
    """Until it is so."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.005)


def test_a_message_that_stops_to_come_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MESSAGE_S", 0.05)

    async def talk() -> None:
        async with running(ScriptedPool()) as server, server.line() as line:
            await line.send(b'{"type": "pi')
            told = await line.event()
            assert told is not None
            assert told["code"] == "too-slow"
            assert await line.event() is None

    asyncio.run(talk())


def test_the_longest_idle_connection_makes_room() -> None:
    async def talk() -> None:
        async with (
            running(ScriptedPool(), max_connections=2) as server,
            server.line() as first,
            server.line() as second,
        ):
            assert await answers(first)
            assert await answers(second)
            assert await answers(first)
            async with server.line() as third:
                assert await answers(third)
                assert await second.event() is None
                assert await answers(first)

    asyncio.run(talk())


def test_whoever_is_busy_is_not_ended_for_others() -> None:
    async def talk() -> None:
        pool = ScriptedPool()
        async with (
            running(pool, max_connections=2) as server,
            server.line() as first,
            server.line() as second,
        ):
            await first.send(start())
            await second.send(message("detect") + start())
            await settled(lambda: len(pool.streams) == 2)
            async with server.line() as third:
                assert await third.event() is None
            await first.send(message("audio-stop"))
            assert await first.event() == {"type": "transcript-start", "language": "en"}
            assert await answers(second)

    asyncio.run(talk())


def test_hundreds_that_say_nothing_do_not_shut_out_who_does() -> None:
    async def talk() -> None:
        async with running(ScriptedPool(), max_connections=8) as server:
            opened = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(300)]
            try:
                async with server.line() as line:
                    assert await answers(line)
            finally:
                for _, writer in opened:
                    writer.transport.abort()

    asyncio.run(talk())


def test_whoever_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "SEND_S", 0.2)
    monkeypatch.setattr(messages, "FAREWELL_S", 0.1)

    async def talk() -> None:
        async with running(ScriptedPool()) as server, server.line() as line, server.line() as other:
            line.writer.transport.pause_reading()  # type: ignore[attr-defined]
            async with asyncio.timeout(WAIT_S):
                with pytest.raises(ConnectionError):
                    await endless(line, message("describe") * 1_000)
            assert await answers(other)

    async def endless(line: Line, data: bytes) -> None:
        while True:
            await line.send(data)

    asyncio.run(talk())


def test_while_sound_is_heard_no_more_is_read() -> None:
    async def talk() -> None:
        go_on = asyncio.Event()

        async def heard(_samples: bytes) -> list[JsonValue]:
            await go_on.wait()
            return []

        async with running(ScriptedPool(heard=heard)) as server, server.line() as line:
            await line.send(message("detect") + start())
            n_sent = 0
            while n_sent < 10 * BUFFERED and await was_taken(line, chunk(bytes(MB))):
                n_sent += MB
            assert n_sent <= BUFFERED
            go_on.set()
            async with asyncio.timeout(WAIT_S):
                await line.writer.drain()
            assert await answers(line)

    asyncio.run(talk())


async def was_taken(line: Line, data: bytes) -> bool:
    """Whether all of it is on its way within half a second."""
    try:
        async with asyncio.timeout(0.5):
            await line.send(data)
    except TimeoutError:
        return False
    return True


def test_a_client_that_leaves_leaves_no_stream() -> None:
    async def talk() -> None:
        pool = ScriptedPool()
        async with running(pool) as server:
            async with server.line() as line:
                await line.send(start() + chunk(bytes(640)))
                await settled(lambda: bool(pool.streams) and pool.streams[0].n_bytes == 640)
            await settled(lambda: pool.streams[0].is_closed)

    asyncio.run(talk())


def test_a_stream_whose_sound_stays_away_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SOUND_S", 0.05)

    async def talk() -> None:
        pool = ScriptedPool()
        async with running(pool) as server, server.line() as line:
            await line.send(message("detect", names=["up"]) + chunk(bytes(640)))
            await settled(lambda: bool(pool.streams) and pool.streams[0].is_closed)
            await line.send(chunk(bytes(640)))
            await settled(lambda: len(pool.streams) == 2)
            assert pool.streams[0].options == pool.streams[1].options

    asyncio.run(talk())


def test_what_has_come_of_a_message_is_not_taken_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(messages, "MESSAGE_S", 0.05)

    async def talk() -> None:
        pool = ScriptedPool()
        async with running(pool) as server, server.line() as line:
            breaks_off = chunk(message("ping") * 10)[:-1]
            await line.send(message("detect") + chunk(bytes(640)) + breaks_off)
            told = await line.event()
            assert told is not None
            assert told["code"] == "too-slow"
            assert await line.event() is None
            assert pool.streams[0].is_closed

    asyncio.run(talk())


def test_a_text_whose_sound_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SOUND_S", 0.05)

    async def talk() -> None:
        pool = ScriptedPool()
        async with running(pool) as server, server.line() as line:
            await line.send(start())
            told = [await line.event() for _ in range(3)]
            assert [None if x is None else x.get("code") for x in told] == [None, "too-slow", None]
            assert pool.streams[0].is_closed

    asyncio.run(talk())


def test_a_text_is_of_at_most_so_much_sound() -> None:
    async def talk() -> None:
        async with running(ScriptedPool(), max_audio_s=2) as server, server.line() as line:
            await line.send(start() + chunk(bytes(64_000)))
            assert await answers_after_start(line)
            await line.send(chunk(bytes(2)))
            told = await line.event()
            assert told is not None
            assert told["code"] == "too-large"
            assert "2 s" in told["text"]

    async def answers_after_start(line: Line) -> bool:
        return await line.event() is not None and await answers(line)

    asyncio.run(talk())


def test_a_wake_word_is_waited_for_without_end() -> None:
    async def talk() -> None:
        async with running(ScriptedPool(), max_audio_s=1) as server, server.line() as line:
            await line.send(message("detect") + start() + chunk(bytes(64_000)) * 3)
            assert await answers(line)

    asyncio.run(talk())


def test_at_the_end_whoever_is_owed_a_text_gets_it() -> None:
    async def heard(_samples: bytes) -> list[JsonValue]:
        return FINAL

    async def end(server: Running, line: Line, ended: "asyncio.Task[Any]") -> list[str]:
        """The rest of the sound, while the server ends."""
        await settled(lambda: server.served.is_draining)
        await line.send(chunk(bytes(640)) + message("audio-stop"))
        kinds = []
        while (told := await line.event()) is not None:
            kinds.append(told["type"])
        await ended
        return kinds

    async def talk() -> None:
        pool = ScriptedPool(heard=heard)
        async with (
            running(pool) as server,
            server.line() as line,
            server.line() as idle,
            server.line() as waker,
        ):
            await line.send(start())
            await waker.send(message("detect") + start())
            assert await answers(idle)
            await settled(lambda: len(pool.streams) == 2)
            server.served.is_draining = True
            ended = asyncio.create_task(_closed(server))
            assert await idle.event() is None
            assert await waker.event() is None
            kinds = await end(server, line, ended)
            assert kinds == [
                *("transcript-start", "transcript-chunk", "transcript", "transcript-stop")
            ]
            with pytest.raises(ConnectionError):
                await asyncio.open_connection("127.0.0.1", server.port)

    asyncio.run(talk())


async def _closed(server: Running) -> None:
    await server.close(WAIT_S)


def test_at_the_end_nothing_new_is_begun() -> None:
    async def talk() -> None:
        pool = ScriptedPool()
        async with running(pool) as server, server.line() as line:
            assert await answers(line)
            server.served.is_draining = True
            await line.send(start())
            told = await line.event()
            assert told is not None
            assert told["code"] == "draining"
            assert not pool.streams

    asyncio.run(talk())


def test_at_the_end_nobody_is_waited_for_too_long() -> None:
    async def talk() -> None:
        pool = ScriptedPool()
        async with running(pool) as server, server.line() as line:
            await line.send(start())
            await settled(lambda: bool(pool.streams))
            async with asyncio.timeout(SOON_S):
                await server.close(0.05)
            assert pool.streams[0].is_closed

    asyncio.run(talk())
