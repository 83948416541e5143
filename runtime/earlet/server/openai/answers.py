"""Segments as the API's formats: JSON, text, subtitles, and events as they come."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from starlette.responses import JSONResponse, PlainTextResponse, Response

from earlet import subtitles
from earlet.results import Chunk
from earlet.server import sse
from earlet.server.body import JsonValue
from earlet.server.languages import name_of
from earlet.server.openai.request import SpeechRequest

if TYPE_CHECKING:
    from earlet.server.workers.segments import HeardJson, SegmentJson

# Of a segment, as `TranscriptionSegment` of the `openai` package orders them, behind its id.
SEGMENT_KEYS = (
    *("seek", "start", "end", "text", "tokens", "temperature", "avg_logprob"),
    *("compression_ratio", "no_speech_prob"),
)


@dataclass
class Transcription:
    """What was said, as far as it is known."""

    language: str | None  # a code; None where nobody knows it
    segments: list["SegmentJson"] = field(default_factory=list)
    duration_s: float = 0.0  # known at the end

    def add(self, heard: "HeardJson") -> None:
        """What comes next."""
        if "segment" in heard:
            self.segments.append(heard["segment"])
        else:
            self.duration_s = heard["summary"]["duration"]
            self.language = heard["summary"]["language"] or self.language

    @property
    def text(self) -> str:
        """Of all segments."""
        return " ".join(segment["text"] for segment in self.segments)


def response(said: Transcription, asked: SpeechRequest) -> Response:
    """The answer in the format that was asked for."""
    chunks = [Chunk(s["text"], (s["start"], s["end"])) for s in said.segments]
    match asked.response_format:
        case "json":
            return JSONResponse(_json(said, asked))
        case "verbose_json":
            return JSONResponse(_verbose(said, asked))
        case "text":
            return PlainTextResponse(f"{said.text}\n")
        case "srt":
            return PlainTextResponse(subtitles.srt(chunks))
        case "vtt":
            return PlainTextResponse(subtitles.vtt(chunks))


def delta_event(said: Transcription, asked: SpeechRequest) -> bytes:
    """What the latest segment adds to the text."""
    segment, is_first = said.segments[-1], len(said.segments) == 1
    told: dict[str, JsonValue] = {
        "type": "transcript.text.delta",
        "delta": segment["text"] if is_first else f" {segment['text']}",
    }
    if asked.logprobs:
        told["logprobs"] = _logprobs(segment, is_first=is_first)
    return sse.event(told)


def done_event(said: Transcription, asked: SpeechRequest) -> bytes:
    """What ends a stream: all of the text."""
    told: dict[str, JsonValue] = {"type": "transcript.text.done", "text": said.text}
    if asked.logprobs:
        told["logprobs"] = _all_logprobs(said)
    return sse.event(told)


def _json(said: Transcription, asked: SpeechRequest) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"text": said.text}
    if asked.logprobs:
        told["logprobs"] = _all_logprobs(said)
    if asked.task == "transcribe":  # a translation has no other key
        told["usage"] = _usage(said)
    return told


def _verbose(said: Transcription, asked: SpeechRequest) -> dict[str, JsonValue]:
    language = "en" if asked.task == "translate" else said.language
    told: dict[str, JsonValue] = {
        "task": asked.task,
        "language": None if language is None else name_of(language),
        "duration": said.duration_s,
        "text": said.text,
    }
    if "segment" in asked.granularities:
        told["segments"] = [_segment(i, s) for i, s in enumerate(said.segments)]
    if "word" in asked.granularities:
        told["words"] = [cast(JsonValue, word) for s in said.segments for word in s["words"]]
    if asked.task == "transcribe":
        told["usage"] = _usage(said)
    return told


def _usage(said: Transcription) -> JsonValue:
    return {"type": "duration", "seconds": said.duration_s}


def _segment(number: int, segment: "SegmentJson") -> JsonValue:
    """A space before the text, as the API has it: programs join segments with nothing between."""
    known = {**cast(dict[str, JsonValue], segment), "text": f" {segment['text']}"}
    return {"id": number, **{key: known[key] for key in SEGMENT_KEYS}}


def _all_logprobs(said: Transcription) -> JsonValue:
    found = [_logprobs(s, is_first=i == 0) for i, s in enumerate(said.segments)]
    return [entry for entries in found for entry in entries]


def _logprobs(segment: "SegmentJson", *, is_first: bool) -> list[JsonValue]:
    """Those of a segment; the space before it belongs to its first token."""
    found = cast(list[JsonValue], segment["logprobs"])
    if is_first or not found:
        return found
    first = segment["logprobs"][0]
    spaced = {**first, "token": f" {first['token']}", "bytes": [*b" ", *first["bytes"]]}
    return [cast(JsonValue, spaced), *found[1:]]
