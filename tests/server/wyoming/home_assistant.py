"""What Home Assistant and its satellites do, in the order in which they do it.

After homeassistant/components/wyoming (data.py, stt.py, wake_word.py) and wyoming-satellite, read
in 2026: the same events, through the same client, with a deadline.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import soundfile
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.wake import Detect, Detection

HOST = "127.0.0.1"
WAIT_S = 60.0  # for all answers, on a busy machine
RATE, WIDTH, CHANNELS = 16_000, 2, 1
CHUNK = 1_024  # samples a message
START = AudioStart(RATE, WIDTH, CHANNELS).event()
STOP = AudioStop().event()


def sound(path: Path) -> bytes:
    """A recording of 16 kHz as it is sent."""
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == RATE
    return bytes(samples.tobytes())


def chunks(data: bytes, size: int = CHUNK * WIDTH) -> Iterator[Event]:
    """Messages of sound, with timestamps."""
    for start in range(0, len(data), size):
        ms = start * 1000 // (RATE * WIDTH)
        yield AudioChunk(RATE, WIDTH, CHANNELS, data[start : start + size], ms).event()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[AsyncTcpClient]:
    """The package's client, for so long as a conversation may take."""
    async with asyncio.timeout(WAIT_S), AsyncTcpClient(HOST, port) as client:
        yield client


async def send(client: AsyncTcpClient, *events: Event) -> None:
    """Write messages, one after the other."""
    for event in events:
        await client.write_event(event)


async def read_until(client: AsyncTcpClient, *kinds: str) -> list[Event]:
    """All that comes, up to one of these kinds; or to the end of the connection."""
    events: list[Event] = []
    while not events or events[-1].type not in kinds:
        event = await client.read_event()
        if event is None:
            break
        events.append(event)
    return events


async def describe(port: int) -> Info:
    """`load_wyoming_info`."""
    async with connected(port) as client:
        await client.write_event(Describe().event())
        (*_, told) = await read_until(client, "info")
        return Info.from_event(told)


async def speech_to_text(port: int, data: bytes, language: str | None) -> str | None:
    """`async_process_audio_stream`: nothing is read before the sound has ended."""
    async with connected(port) as client:
        await client.write_event(Transcribe(language=language).event())
        await send(client, START, *chunks(data), STOP)
        while (event := await client.read_event()) is not None:
            if Transcript.is_type(event.type):
                return Transcript.from_event(event).text
    return None


async def wake_word(port: int, events: Iterable[Event], word: str | None) -> Detection | None:
    """`_async_process_audio_stream`: sound and detections at the same time; it leaves with the
    first, in the middle of the sound."""
    async with connected(port) as client:
        await client.write_event(Detect(names=[word] if word else None).event())
        await client.write_event(START)
        reading = asyncio.ensure_future(client.read_event())
        for event in events:
            await client.write_event(event)
            await asyncio.sleep(0)
            if reading.done():
                break
        # Whoever sends faster than anybody speaks may have to wait.
        told = await reading
        if told is None or not Detection.is_type(told.type):
            return None
        return Detection.from_event(told)


async def satellite(client: AsyncTcpClient, data: bytes, names: Sequence[str] | None) -> str | None:
    """`WakeStreamingSatellite`: no start and no stop, and no more sound once a word was heard."""
    await send(client, Detect(names=list(names) if names else None).event(), *chunks(data))
    told = await client.read_event()
    return None if told is None else Detection.from_event(told).name
