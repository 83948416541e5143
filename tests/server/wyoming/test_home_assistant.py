"""Home Assistant finds both services on one port, and uses them at the same time."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from wyoming.asr import Transcribe
from wyoming.audio import AudioStart
from wyoming.event import Event
from wyoming.ping import Ping
from wyoming.wake import Detect, Detection

from tests.rig.virtual_microphone import until
from tests.server.program import Program
from tests.server.wyoming.home_assistant import (
    CHANNELS,
    RATE,
    START,
    STOP,
    WAIT_S,
    WIDTH,
    chunks,
    connected,
    describe,
    read_until,
    send,
    speech_to_text,
    wake_word,
)


def test_it_finds_both_services(port: int) -> None:
    info = asyncio.run(describe(port))
    (asr,) = info.asr
    assert asr.installed
    assert asr.supports_transcript_streaming
    languages = {code for model in asr.models if model.installed for code in model.languages}
    assert "en" in languages
    (wake,) = info.wake
    assert wake.installed
    assert {"go", "left", "zero"} <= {word.name for word in wake.models}
    assert all(word.phrase == word.name for word in wake.models)


def test_a_rate_that_no_microphone_has_is_refused(port: int) -> None:
    async def talk() -> list[Event]:
        async with connected(port) as client:
            await client.write_event(AudioStart(10, WIDTH, CHANNELS).event())
            return await read_until(client)

    (error,) = asyncio.run(talk())
    assert error.type == "error"
    assert "rate: expected" in error.data["text"]


def test_one_connection_hears_text_and_words_in_turns(
    port: int, speech: bytes, commands: bytes
) -> None:
    first = speech[: 5 * RATE * WIDTH]

    async def talk() -> list[str]:
        kinds: list[str] = []
        async with connected(port) as client:
            for _ in range(2):
                await send(client, Transcribe().event(), START, *chunks(first), STOP)
                (*_, text, _stop) = await read_until(client, "transcript-stop")
                assert text.data["text"].startswith("But I am")
                await send(client, Detect().event(), START, *chunks(commands), STOP)
                kinds += [event.type for event in await read_until(client, "detection")]
                await send(client, Ping("here").event())
                assert (await read_until(client, "pong"))[-1].data["text"] == "here"
        return kinds

    assert asyncio.run(talk()) == ["detection"] * 2


def test_many_clients_are_heard_at_once(port: int, speech: bytes, commands: bytes) -> None:
    async def talk() -> list[object]:
        return await asyncio.gather(
            *(speech_to_text(port, speech, "en") for _ in range(3)),
            *(wake_word(port, chunks(commands), word) for word in ("zero", "eight", None)),
        )

    *texts, zero, eight, first = asyncio.run(talk())
    assert len(set(texts)) == 1
    assert texts[0]
    assert [getattr(x, "name", None) for x in (zero, eight, first)] == ["zero", "eight", "go"]


def test_the_log_has_a_line_for_each_request_and_no_word_of_what_was_said(
    server: Program, port: int, speech: bytes
) -> None:
    asyncio.run(speech_to_text(port, speech[: 5 * RATE * WIDTH], "en"))
    until(lambda: "transcribe moonshine-tiny-en, 5.0 s of sound" in server.told, "it is told")
    assert "pleased" not in server.told


def test_sigterm_lets_a_text_be_finished(
    start_server: Callable[..., Program], speech: bytes
) -> None:
    server = start_server("--bundle", "moonshine-tiny-en")

    async def talk() -> list[Event]:
        async with connected(server.wyoming_port) as client, connected(server.wyoming_port) as idle:
            half = 3 * RATE * WIDTH
            await send(client, Transcribe().event(), START, *chunks(speech[:half]))
            await read_until(client, "transcript-start")
            server.process.terminate()
            assert await read_until(idle) == []
            await send(client, *chunks(speech[half : 5 * RATE * WIDTH]), STOP)
            return await read_until(client)

    kinds = [event.type for event in asyncio.run(talk())]
    assert kinds == ["transcript-chunk", "transcript", "transcript-stop"]
    assert server.process.wait(WAIT_S) == 0


def test_a_worker_that_dies_is_told_once_and_replaced(
    start_server: Callable[..., Program], commands: bytes
) -> None:
    server = start_server("--bundle", "commands-en")
    first, *rest = chunks(commands[: 2 * RATE * WIDTH])

    async def talk() -> tuple[list[Event], Detection | None]:
        async with connected(server.wyoming_port) as client:
            await send(client, Detect(names=["go"]).event(), START, first, Ping().event())
            await read_until(client, "pong")
            (worker,) = server.children
            os.kill(worker, signal.SIGKILL)
            with suppress(ConnectionError):  # of whoever is told before all is sent
                await send(client, *rest)
            told = await read_until(client)
        return told, await wake_word(server.wyoming_port, [first, *rest], "go")

    told, detection = asyncio.run(talk())
    assert [(event.type, event.data["code"]) for event in told] == [("error", "worker-lost")]
    assert detection is not None
    assert detection.name == "go"
