"""Home Assistant's wake words: each is told as soon as it was said."""

import asyncio

import numpy as np
import pytest
import soxr
from wyoming.audio import AudioChunk, AudioStart
from wyoming.event import Event
from wyoming.info import Describe
from wyoming.ping import Ping
from wyoming.wake import Detect

from tests.server.wyoming.home_assistant import (
    RATE,
    START,
    STOP,
    WIDTH,
    chunks,
    connected,
    read_until,
    satellite,
    send,
    wake_word,
)

# From the end of a word to the message of sound with which it is detected, of which the time is
# that of its beginning; words are not told apart from the silence after them to the sample.
EARLY_S, LATE_S = 0.1, 1.0


@pytest.mark.parametrize("word", [None, "go", "five"])
def test_it_hears_a_wake_word(
    port: int, commands: bytes, word: str | None, said: list[tuple[str, float]]
) -> None:
    detection = asyncio.run(wake_word(port, chunks(commands), word))
    expected, end_s = next(row for row in said if word in (None, row[0]))
    assert detection is not None
    assert detection.name == expected
    assert detection.timestamp is not None
    assert -EARLY_S <= detection.timestamp / 1000 - end_s <= LATE_S


def test_every_word_is_told_once(port: int, commands: bytes, said: list[tuple[str, float]]) -> None:
    async def talk() -> list[Event]:
        async with connected(port) as client:
            await send(client, Detect().event(), START, *chunks(commands), STOP, Ping().event())
            return await read_until(client, "pong")

    detections = asyncio.run(talk())[:-1]
    assert [event.type for event in detections] == ["detection"] * len(said)
    for event, (label, end_s) in zip(detections, said, strict=True):
        assert event.data["name"] == label
        assert -EARLY_S <= event.data["timestamp"] / 1000 - end_s <= LATE_S


@pytest.mark.parametrize(
    ("rate", "width", "channels"), [(48_000, 2, 2), (44_100, 4, 1), (22_050, 2, 1), (16_000, 1, 3)]
)
def test_words_are_heard_in_sound_of_any_format(
    port: int, commands: bytes, rate: int, width: int, channels: int
) -> None:
    mono = np.frombuffer(commands[: 9 * RATE * WIDTH], "<i2").astype(np.float32) / 2**15
    # Of a voice as quiet as this, eight bits leave little.
    samples = soxr.resample(mono * (4 if width == 1 else 1), RATE, rate).clip(-1, 1)
    scaled = {
        1: lambda x: np.round(x * 127 + 128).astype(np.uint8),
        2: lambda x: np.round(x * 32_767).astype("<i2"),
        4: lambda x: np.round(x.astype(np.float64) * (2**31 - 1)).astype("<i4"),
    }[width](samples)
    data = np.repeat(scaled[:, None], channels, axis=1).tobytes()
    size = 1_024 * width * channels

    async def talk() -> list[Event]:
        async with connected(port) as client:
            await send(client, Detect().event(), AudioStart(rate, width, channels).event())
            for start in range(0, len(data), size):
                piece = AudioChunk(rate, width, channels, data[start : start + size])
                await client.write_event(piece.event())
            await send(client, STOP, Ping().event())
            return await read_until(client, "pong")

    *detections, _ = asyncio.run(talk())
    assert [event.data["name"] for event in detections] == ["go", "left", "right", "up"]


def test_where_no_word_was_heard_that_is_told(port: int, speech: bytes) -> None:
    async def talk() -> list[Event]:
        async with connected(port) as client:
            await send(client, Detect().event(), START, *chunks(speech), STOP)
            return await read_until(client, "not-detected", "detection")

    assert [event.type for event in asyncio.run(talk())] == ["not-detected"]


@pytest.mark.parametrize("events", [[START, STOP], [STOP]])
def test_in_no_sound_there_is_no_word(port: int, events: list[Event]) -> None:
    async def talk() -> list[Event]:
        async with connected(port) as client:
            await send(client, Detect().event(), *events)
            return await read_until(client, "not-detected")

    assert [event.type for event in asyncio.run(talk())] == ["not-detected"]


def test_a_program_that_is_selected_answers(port: int, commands: bytes) -> None:
    async def talk() -> list[Event]:
        async with connected(port) as client:
            await send(
                client, Event("select-program", {"name": "commands-en"}), START, *chunks(commands)
            )
            return await read_until(client, "detection")

    assert [event.data["name"] for event in asyncio.run(talk())] == ["go"]


def test_sound_without_timestamps_is_timed_from_its_start(port: int, commands: bytes) -> None:
    async def talk() -> list[Event]:
        async with connected(port) as client:
            bare = [
                Event(e.type, {**e.data, "timestamp": None}, e.payload) for e in chunks(commands)
            ]
            await send(client, Detect(names=["left"]).event(), START, *bare)
            return await read_until(client, "detection")

    assert asyncio.run(talk())[-1].data["timestamp"] == pytest.approx(3_420, abs=600)


def test_a_satellite_waits_for_its_word_again_and_again(port: int, commands: bytes) -> None:
    def seconds(start: float, end: float) -> bytes:
        return commands[int(start * RATE) * WIDTH : int(end * RATE) * WIDTH]

    async def talk() -> list[str | None]:
        async with connected(port) as client:
            heard = [await satellite(client, seconds(0, 4.5), ["left", "up"])]
            await client.write_event(Describe().event())
            await read_until(client, "info")
            heard.append(await satellite(client, seconds(4, 8.5), ["left", "up"]))
            heard.append(await satellite(client, seconds(0, 2.5), None))
        return heard

    assert asyncio.run(talk()) == ["left", "up", "go"]
