"""What is sent while sound is heard, and when it has ended.

transcribe -> transcript-start, transcript-chunk for each utterance, transcript, transcript-stop
detect     -> detection for each word, or at the end not-detected
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from wyoming.asr import Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.event import Event
from wyoming.wake import Detection, NotDetected

from earlet.server.body import JsonValue

Send = Callable[[Event], Awaitable[None]]
MS_PER_S = 1000


class Answer(Protocol):
    """Between the events of a stream and the messages of the protocol."""

    request: str  # the type of the message that asked for it
    is_awaited: bool  # whether the client waits for something at the end

    async def begin(self) -> None:
        """Sound is about to come."""

    async def hear(self, events: Iterable[JsonValue], timestamp: float | None, /) -> None:
        """What came of some sound; `timestamp` is its own, in milliseconds."""

    async def end(self) -> None:
        """No more comes."""


class Transcription:
    """One text. Its pieces, put together, are the text."""

    request = "transcribe"
    is_awaited = True

    def __init__(self, send: Send, language: str | None) -> None:
        self._send = send
        self._language = language
        self._texts: list[str] = []

    async def begin(self) -> None:
        """Say that pieces may come."""
        await self._send(TranscriptStart(language=self._language).event())

    async def hear(self, events: Iterable[JsonValue], _timestamp: float | None, /) -> None:
        """Send the utterances that have ended."""
        for event in events:
            if isinstance(event, dict) and event["event"] == "final" and event["text"]:
                text = str(event["text"])
                piece = f" {text}" if self._texts else text
                self._texts.append(text)
                await self._send(TranscriptChunk(text=piece).event())

    async def end(self) -> None:
        """Send the text."""
        text = " ".join(self._texts)
        await self._send(Transcript(text=text, language=self._language).event())
        await self._send(TranscriptStop().event())


class Words:
    """The words that are heard, at once."""

    request = "detect"
    is_awaited = False

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_any = False

    async def begin(self) -> None:
        """Nothing is said."""

    async def hear(self, events: Iterable[JsonValue], timestamp: float | None, /) -> None:
        """Send the detections, with the timestamp of the sound that completed them."""
        for event in events:
            if isinstance(event, dict) and event["event"] == "detection":
                self._is_any = True
                await self._send(_detection(event, timestamp).event())

    async def end(self) -> None:
        """Say so if there were none."""
        if not self._is_any:
            await self._send(NotDetected().event())


def _detection(event: dict[str, JsonValue], timestamp: float | None) -> Detection:
    """Where the sound has no timestamps, that of the word's end, from the first sample on."""
    if timestamp is None:
        timestamp = MS_PER_S * float(str(event["end_s"]))
    return Detection(name=str(event["label"]), timestamp=round(timestamp))
