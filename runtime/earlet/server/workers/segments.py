"""What is said in a sound file, segment by segment, with how sure the network is of it.

Each segment is an utterance; it is told as soon as it is written, and a summary comes last.
"""

from collections.abc import Iterator
from statistics import fmean
from typing import TYPE_CHECKING, TypedDict, cast

from earlet.decoding.fallback import compression_ratio
from earlet.decoding.recogniser import Recogniser, Segment, TranscriptionOptions
from earlet.errors import InputError
from earlet.results import Partial
from earlet.server.workers.loaded import Arguments, Loaded
from earlet.streaming.endpointer import ROUND_DIGITS
from earlet.streaming.partials import Final
from earlet.tasks.transcription_options import transcription_options

if TYPE_CHECKING:
    from earlet.server.body import JsonValue

SEEK_HZ = 100  # Whisper counts where a window begins in frames of 10 ms


class WordJson(TypedDict):
    """A word, and where it lies in the sound, in seconds."""

    word: str
    start: float
    end: float


class LogprobJson(TypedDict):
    """A stretch of the text, and the log-probability of its tokens together."""

    token: str
    bytes: list[int]  # of its UTF-8
    logprob: float


class SegmentJson(TypedDict):
    """A stretch in which somebody speaks; names as in OpenAI's `whisper/transcribe.py`."""

    seek: int  # where the sound begins that the network was given, in 1 / SEEK_HZ s
    start: float  # seconds
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float  # mean over the tokens, and the end
    compression_ratio: float
    no_speech_prob: float | None  # None: the network does not tell it
    words: list[WordJson]  # where times of words were asked for
    logprobs: list[LogprobJson]  # where they were asked for


class SummaryJson(TypedDict):
    """What is known at the end."""

    duration: float  # of the sound, in seconds
    language: str | None  # of the first segment, where the network knows several


class HeardJson(TypedDict, total=False):
    """An answer: one of the two."""

    segment: SegmentJson
    summary: SummaryJson


def segments(loaded: Loaded, arguments: Arguments, payload: bytes) -> Iterator["JsonValue"]:
    """The `HeardJson` of a sound file: its segments, and the summary.

    Args:
        loaded: a recogniser.
        arguments: `language`, `task`, `initial_prompt` and `hotwords` as of `SpeechRecognition`;
            `temperature`, at which the text is drawn; `words` and `logprobs`: whether they are
            wanted.
        payload: the file.

    Raises:
        InputError: the model answers other questions, or has no use for an argument.
    """
    if (found := loaded.task.bundle.manifest.task) != "automatic-speech-recognition":
        raise InputError(f"segments: the model is for {found}")
    recogniser: Recogniser = loaded.task.recogniser
    options = _options(recogniser, arguments)
    rate = recogniser.sample_rate
    n_samples, language = 0, None

    def events() -> Iterator[Partial | Final]:
        nonlocal n_samples
        live = loaded.task.live(options)
        for chunk in loaded.sound(payload):
            n_samples += len(chunk)
            yield from live.push(chunk, late=True)  # there is no time for partial results
        yield from live.flush()

    for event in events():
        if isinstance(event, Final):
            segment = event.segment(rate)
            language = language or segment.language
            told = _told(segment, round(event.utterance.span.start * SEEK_HZ / rate))
            if arguments.get("logprobs"):
                told["logprobs"] = logprobs(recogniser, segment)
            yield cast("JsonValue", HeardJson(segment=told))
    duration = round(n_samples / rate, ROUND_DIGITS)
    summary = SummaryJson(duration=duration, language=language)
    yield cast("JsonValue", HeardJson(summary=summary))


def logprobs(recogniser: Recogniser, segment: Segment) -> list[LogprobJson]:
    """Of the fewest tokens at a time that make what stands in the text.

    Together they are the text: a token may hold some bytes of a character only, or a space.
    """
    found = []
    at = first = 0  # in the text, in the tokens
    for end in range(1, len(segment.tokens) + 1):
        before = recogniser.text(segment.tokens[:end])
        if len(before) <= at or not segment.text.startswith(before):
            continue
        piece = segment.text[at : len(before)]
        total = sum(segment.logprobs[first:end])
        found.append(LogprobJson(token=piece, bytes=[*piece.encode()], logprob=total))
        at, first = len(before), end
    return found


def _options(recogniser: Recogniser, arguments: Arguments) -> TranscriptionOptions:
    temperature = arguments.get("temperature")
    return transcription_options(
        recogniser,
        return_timestamps="word" if arguments.get("words") else False,
        generation_parameters=None if temperature is None else {"temperature": [temperature]},
        language=arguments.get("language"),
        task=arguments.get("task", "transcribe"),
        initial_prompt=arguments.get("initial_prompt"),
        hotwords=arguments.get("hotwords", ()),
    )


def _told(segment: Segment, seek: int) -> SegmentJson:
    return SegmentJson(
        seek=seek,
        start=round(segment.start_s, ROUND_DIGITS),
        end=round(segment.end_s, ROUND_DIGITS),
        text=segment.text,
        tokens=[*segment.tokens],
        temperature=segment.temperature,
        avg_logprob=fmean(segment.logprobs),
        compression_ratio=compression_ratio(segment.text),
        no_speech_prob=segment.no_speech,
        words=[
            WordJson(
                word=word.text,
                start=round(word.start_s, ROUND_DIGITS),
                end=round(word.end_s, ROUND_DIGITS),
            )
            for word in segment.words
        ],
        logprobs=[],
    )
