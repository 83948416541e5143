"""Home Assistant's speech to text: what is said comes back as text."""

import asyncio
import re
from difflib import SequenceMatcher
from pathlib import Path

import pytest
from wyoming.asr import Transcribe
from wyoming.event import Event, async_write_event

import earlet
from tests.server.wyoming.home_assistant import (
    HOST,
    RATE,
    START,
    STOP,
    WAIT_S,
    WIDTH,
    chunks,
    connected,
    read_until,
    send,
    speech_to_text,
)

ALIKE = 0.9  # difflib's ratio of the words: three of the 34 may be wrong, by the shipped recogniser


@pytest.fixture(scope="module")
def pipeline_text(recordings: Path) -> str:
    """What the recogniser makes of the same recording as a file."""
    recogniser = earlet.pipeline("automatic-speech-recognition")
    return recogniser(recordings / "speech.flac").text


def words(text: str) -> list[str]:
    """Without case and punctuation."""
    return re.findall(r"[a-z']+", text.lower())


def test_it_gets_the_text(port: int, speech: bytes, recordings: Path) -> None:
    text = asyncio.run(speech_to_text(port, speech, "en"))
    assert text is not None
    expected = words((recordings / "speech.txt").read_text(encoding="utf-8"))
    assert SequenceMatcher(None, words(text), expected).ratio() >= ALIKE


@pytest.mark.parametrize("language", ["en", "en-US", None])
def test_a_text_comes_in_pieces_that_add_up(port: int, speech: bytes, language: str | None) -> None:
    async def talk() -> list[Event]:
        async with connected(port) as client:
            await send(client, Transcribe(language=language).event(), START)
            await send(client, *chunks(speech), STOP)
            return await read_until(client, "transcript-stop")

    start, *pieces, text, stop = asyncio.run(talk())
    assert start == Event("transcript-start", {"language": "en"})
    assert [piece.type for piece in pieces] == ["transcript-chunk"] * 2
    assert text.type == "transcript"
    assert text.data["language"] == "en"
    assert text.data["text"] == "".join(piece.data["text"] for piece in pieces)
    assert stop == Event("transcript-stop")


def test_the_first_utterance_is_told_while_sound_still_comes(port: int, speech: bytes) -> None:
    async def talk() -> list[Event]:
        async with connected(port) as client:
            await send(client, Transcribe().event(), START, *chunks(speech))
            return await read_until(client, "transcript-chunk")

    assert asyncio.run(talk())[-1].data["text"].startswith("But I am")


@pytest.mark.parametrize("size", [2, 2_048, 54_321 * 2, 1_000_000])
def test_the_text_is_the_same_however_the_sound_is_cut(
    port: int, speech: bytes, size: int, pipeline_text: str
) -> None:
    async def talk() -> list[Event]:
        data = speech[: RATE * WIDTH // 50] if size == 2 else speech
        rest = speech[len(data) :]
        async with connected(port) as client:
            await send(client, Transcribe().event(), START, *chunks(data, size))
            await send(client, *chunks(rest), STOP)
            return await read_until(client, "transcript")

    assert asyncio.run(talk())[-1].data["text"] == pipeline_text


@pytest.mark.parametrize("events", [[START, STOP], [STOP], [START, *chunks(bytes(64)), STOP]])
def test_where_nothing_is_said_the_text_is_empty(port: int, events: list[Event]) -> None:
    async def talk() -> list[Event]:
        async with connected(port) as client:
            await send(client, Transcribe(language="en").event(), *events)
            return await read_until(client, "transcript-stop")

    kinds = [(event.type, event.data.get("text")) for event in asyncio.run(talk())]
    expected = [("transcript-start", None), ("transcript", ""), ("transcript-stop", None)]
    assert kinds == expected


# What wyoming-faster-whisper 3.8.1 takes, too.
@pytest.mark.parametrize("before", [[], [START], [Transcribe(language="en").event()]])
def test_sound_alone_is_written_down(port: int, speech: bytes, before: list[Event]) -> None:
    async def talk() -> list[Event]:
        async with connected(port) as client:
            await send(client, *before, *chunks(speech[: 5 * RATE * WIDTH]), STOP)
            return await read_until(client, "transcript")

    assert asyncio.run(talk())[-1].data["text"].startswith("But I am")


def test_who_has_said_all_may_close_that_direction(port: int, speech: bytes) -> None:
    async def talk() -> str:
        reader, writer = await asyncio.open_connection(HOST, port)
        for event in (START, *chunks(speech[: 5 * RATE * WIDTH]), STOP):
            await async_write_event(event, writer)
        writer.write_eof()
        async with asyncio.timeout(WAIT_S):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer.decode()

    answer = asyncio.run(talk())
    assert [answer.count(f'"{kind}"') for kind in ("transcript", "transcript-stop")] == [1, 1]
