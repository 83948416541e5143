"""Visitors with live sound, by WebSocket and by Wyoming; some leave in the middle."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
import soundfile
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.wake import Detect, Detection

from tests.server.program import Place
from tests.soak.server.requests import COMMANDS, SAID, SPEECH

SAMPLE_RATE = 16_000  # Hz
CHUNK = 3_200  # bytes: 0.1 s
WORD_S = 2.5  # of COMMANDS, with "go" in them
NORMAL = 1000  # the code of a WebSocket that is closed in order
TOO_LARGE = 2 << 20  # bytes in one frame; 1 MiB is allowed


class UnexpectedError(Exception):
    """The server did what it should not."""


def pcm(recording: bytes, length_s: float | None = None) -> bytes:
    """Its samples in 16 bits, and a second of silence."""
    frames = -1 if length_s is None else round(length_s * SAMPLE_RATE)
    samples, _ = soundfile.read(io.BytesIO(recording), dtype="int16", frames=frames)
    return bytes(np.pad(samples, (0, SAMPLE_RATE)).astype("<i2").tobytes())


WORD, SENTENCE = pcm(COMMANDS, WORD_S), pcm(SPEECH)


def chunks(sound: bytes) -> list[bytes]:
    """As a microphone gives them."""
    return [sound[i : i + CHUNK] for i in range(0, len(sound), CHUNK)]


async def spot(place: Place) -> None:
    """A word over a WebSocket."""
    async with listening(place, model="commands-en") as socket:
        told = await heard(socket, WORD)
    if not any(event.get("label") == "go" for event in told):
        raise UnexpectedError(f"'go' was not heard: {told}")


async def dictate(place: Place) -> None:
    """Sentences over a WebSocket, with what is shown before they end."""
    async with listening(place, model="moonshine-tiny-en", partials=True) as socket:
        told = await heard(socket, SENTENCE)
    if SAID not in " ".join(str(event.get("text", "")).lower() for event in told):
        raise UnexpectedError(f"{SAID!r} was not heard: {told}")


async def hang_up(place: Place) -> None:
    """In the middle of a sentence, without a word."""
    async with listening(place, model="moonshine-tiny-en", partials=True) as socket:
        for chunk in chunks(SENTENCE)[:40]:
            await socket.send(chunk)
        socket.transport.abort()


async def listen_to_nothing_known(place: Place) -> None:
    """A model that is not there."""
    async with connect(_address(place)) as socket:
        await socket.send(json.dumps({"model": "nonesuch"}))
        await _refused(socket)


async def begin_with_sound(place: Place) -> None:
    """Nobody has said yet what kind of sound it is."""
    async with connect(_address(place)) as socket:
        await socket.send(WORD[:CHUNK])
        await _refused(socket)


async def send_too_much(place: Place) -> None:
    """A frame that is larger than any may be."""
    async with listening(place, model="commands-en") as socket:
        with suppress(ConnectionClosed):  # before all of it was sent
            await socket.send(bytes(TOO_LARGE))
        told = await _until_closed(socket)
    if socket.close_code == NORMAL:
        raise UnexpectedError(f"a frame of {TOO_LARGE} bytes was taken: {told}")


@asynccontextmanager
async def listening(place: Place, **options: object) -> AsyncIterator[ClientConnection]:
    """A stream that is ready for sound."""
    async with connect(_address(place)) as socket:
        sound = {"rate": SAMPLE_RATE, "format": "s16le", "channels": 1}
        await socket.send(json.dumps({**sound, **options}))
        if (event := json.loads(await socket.recv())).get("event") != "ready":
            raise UnexpectedError(f"expected to be ready, got {event}")
        yield socket


async def heard(socket: ClientConnection, sound: bytes) -> list[dict[str, Any]]:
    """All events but the last, which says that it is over."""

    async def speak() -> None:
        for chunk in chunks(sound):
            await socket.send(chunk)
        await socket.send(json.dumps({"type": "close"}))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(speak())
        told = [json.loads(message) async for message in socket]
    if not told or told[-1].get("event") != "end":
        raise UnexpectedError(f"expected an end, got {told[-3:]}")
    return told[:-1]


def _address(place: Place) -> str:
    return f"ws://{place.host}:{place.port}/v1/listen"


async def _refused(socket: ClientConnection) -> None:
    """An error is told, and the connection closed for what it was."""
    told = await _until_closed(socket)
    if [event.get("event") for event in told] != ["error"] or socket.close_code == NORMAL:
        raise UnexpectedError(f"expected an error, got {told} and {socket.close_code}")


async def _until_closed(socket: ClientConnection) -> list[dict[str, Any]]:
    told = []
    with suppress(ConnectionClosed):
        while True:
            told.append(json.loads(await socket.recv()))
    return told


async def introduce(place: Place) -> None:
    """What Home Assistant asks first."""
    async with AsyncTcpClient(place.host, place.wyoming_port) as client:
        await client.write_event(Describe().event())
        info = Info.from_event(await _until(client, Info.is_type))
    if not info.asr or not info.wake:
        raise UnexpectedError(f"expected a recogniser and a spotter, got {info}")


async def wake(place: Place) -> None:
    """A wake word, as Home Assistant listens for it."""
    async with AsyncTcpClient(place.host, place.wyoming_port) as client:
        await client.write_event(Detect(names=["go"]).event())
        await _say(client, WORD)
        event = await _until(client, Detection.is_type)
    if (name := Detection.from_event(event).name) != "go":
        raise UnexpectedError(f"expected 'go', got {name!r}")


async def tell(place: Place) -> None:
    """Speech to text, as Home Assistant asks for it."""
    async with AsyncTcpClient(place.host, place.wyoming_port) as client:
        await client.write_event(Transcribe(language="en").event())
        await _say(client, SENTENCE)
        text = Transcript.from_event(await _until(client, Transcript.is_type)).text
    if SAID not in text.lower():
        raise UnexpectedError(f"{SAID!r} is not in {text!r}")


async def walk_away(place: Place) -> None:
    """In the middle of a sentence."""
    async with AsyncTcpClient(place.host, place.wyoming_port) as client:
        await client.write_event(Transcribe(language="en").event())
        await _say(client, SENTENCE[: len(SENTENCE) // 2], ends=False)


async def _say(client: AsyncTcpClient, sound: bytes, *, ends: bool = True) -> None:
    sort = {"rate": SAMPLE_RATE, "width": 2, "channels": 1}
    await client.write_event(AudioStart(**sort).event())
    for chunk in chunks(sound):
        await client.write_event(AudioChunk(**sort, audio=chunk).event())
    if ends:
        await client.write_event(AudioStop().event())


async def _until(client: AsyncTcpClient, wanted: Callable[[str], bool]) -> Event:
    while (event := await client.read_event()) is not None:
        if wanted(event.type):
            return event
        if Error.is_type(event.type):
            raise UnexpectedError(f"got the error {event.data}")
    raise UnexpectedError("the server closed the connection")
