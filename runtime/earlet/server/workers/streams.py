"""A live stream in a worker: PCM as a client has it in, events as JSON out.

    bytes -> samples -> mono -> the network's rate -> `Listening` -> events
    s16le, f32le     channels   soxr, as a stream

The events are those of `results.py`, each its JSON with what it is: `"event": "detection"`. Times
are seconds of the stream, from its first sample on. Any chunking gives the same events, to the bit.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from earlet import schema
from earlet.arrays import INT16_SCALE, FloatArray, as_waveform, mono
from earlet.audio.resample import CountingResampler
from earlet.errors import ConfigError, InputError
from earlet.results import Chunk, Detection, Event, Partial, Rejection, Segment
from earlet.server.workers.stream_options import SampleFormat, StreamOptions
from earlet.streaming.cascade import TraceRow
from earlet.tasks import Pipelines
from earlet.tasks.listening import Listening

if TYPE_CHECKING:
    from earlet.server.body import JsonValue
    from earlet.server.workers.loaded import Arguments, Loaded, Operation

SCORES_S = 0.04  # at least, from one row of scores to the next: 25 a second move smoothly
SCORE_DIGITS = 4  # of a bar that is drawn

DTYPES: Mapping[SampleFormat, str] = {"f32le": "<f4", "s16le": "<i2"}
NAMES: Mapping[type[Event], str] = {
    Detection: "detection",
    Rejection: "rejection",
    Partial: "partial",
    Chunk: "final",
    Segment: "speech",
}


class LiveStream:
    """A stream of one client; many in a worker share the networks."""

    def __init__(self, bundle: Path, options: Mapping[str, object], pipelines: Pipelines) -> None:
        """Begin to listen with the bundle at this path.

        Raises:
            InputError: options that are unknown, wrong, or of no use for this bundle.
            BundleError: the bundle, or one that is needed beside it, is missing or damaged.
        """
        asked = schema.read(StreamOptions, options, "options", InputError)
        try:
            listening = Listening(
                asked.config(bundle), partials=asked.partials, pipelines=pipelines
            )
        except ConfigError as problem:  # it is the client who configures
            raise InputError(str(problem)) from None
        if asked.scores and not listening.scored:
            raise InputError(f"scores: a spotter has some, and {listening.description} is none")
        self.sample_rate = asked.rate or listening.sample_rate  # Hz, of what is pushed
        self.description = listening.description
        self.labels = list(listening.labels)
        self._asked = asked
        self._listening = listening
        self._resampler = CountingResampler(self.sample_rate, listening.sample_rate)
        self._pending = b""  # a part of a frame
        self._n_frames = 0  # that were pushed
        self._scores: list[JsonValue] = []  # of the push that is going on
        self._scored_at = 0  # sample of the network's rate
        if asked.scores:
            listening.trace = self._score

    def push(self, data: bytes, *, late: bool = False) -> "list[JsonValue]":
        """Take any number of bytes; return what they complete, in order.

        `late`: more sound is waiting already, so that there is no time for partial results.

        Raises:
            InputError: samples that are not finite, or far beyond 1.
        """
        samples = self._resampler.push(self._mono(data))
        return self._told(self._listening.push(samples, late=late))

    def flush(self) -> "list[JsonValue]":
        """What the end of an utterance completes; the stream, and its time, may go on.

        Raises:
            InputError: it ends within a frame.
        """
        if self._pending:
            raise InputError(
                f"the sound ends within a frame: {len(self._pending)} of its "
                f"{self._asked.frame_bytes} bytes are there"
            )
        tail, n_samples = self._resampler.end(0)
        events = self._told(self._listening.push(tail, late=True))
        return events + self._told(self._listening.skip(n_samples))

    @property
    def heard_s(self) -> float:
        """Seconds of the stream so far."""
        return self._n_frames / self.sample_rate

    def _mono(self, data: bytes) -> FloatArray:
        """The whole frames that are there by now, mixed."""
        data = self._pending + data
        n_whole = len(data) - len(data) % self._asked.frame_bytes
        self._pending = data[n_whole:]
        samples = np.frombuffer(data[:n_whole], dtype=DTYPES[self._asked.format])
        # Frames without a finite mean are refused below, like every sample that is not finite.
        with np.errstate(over="ignore", invalid="ignore"):
            frames = samples.astype(np.float32).reshape(-1, self._asked.channels)
            mixed = mono(frames)
        if self._asked.format == "s16le":
            mixed *= INT16_SCALE
        waveform = as_waveform(mixed, "the stream", self._n_frames)
        self._n_frames += len(waveform)
        return waveform

    def _score(self, row: TraceRow) -> None:
        rate = self._listening.sample_rate
        if row.at - self._scored_at < SCORES_S * rate:
            return
        self._scored_at = row.at
        scores: JsonValue = None
        if not np.isnan(row.smoothed).any():
            values = (round(float(score), SCORE_DIGITS) for score in row.smoothed)
            scores = dict(zip(self._listening.scored, values, strict=True))
        self._scores.append({"event": "scores", "at_s": round(row.at / rate, 6), "scores": scores})

    def _told(self, events: list[Event]) -> "list[JsonValue]":
        """What is said of a push: scores, where they are asked for, and events."""
        scores, self._scores = self._scores, []
        shown = (e for e in events if self._asked.rejections or not isinstance(e, Rejection))
        return [*scores, *map(_named, shown)]


def _named(event: Event) -> "JsonValue":
    json: Any = event.to_json()  # plain values
    return {"event": NAMES[type(event)], **json}


def _open(loaded: "Loaded", arguments: "Arguments", _payload: bytes) -> "JsonValue":
    """Begin a stream; what is known of it."""
    with loaded.interrupts.held():  # networks may have to be opened
        stream = LiveStream(loaded.path, arguments["options"], loaded.pipelines)
    loaded.streams[arguments["stream"]] = stream
    return {
        "sample_rate": stream.sample_rate,
        "labels": [*stream.labels],
        "description": stream.description,
    }


def _push(loaded: "Loaded", arguments: "Arguments", payload: bytes) -> "JsonValue":
    stream = loaded.streams[arguments["stream"]]
    heard_s = stream.heard_s
    events = stream.push(payload, late=arguments["late"])
    loaded.audio_s += stream.heard_s - heard_s
    return events


def _flush(loaded: "Loaded", arguments: "Arguments", _payload: bytes) -> "JsonValue":
    return loaded.streams[arguments["stream"]].flush()


def _close(loaded: "Loaded", arguments: "Arguments", _payload: bytes) -> "JsonValue":
    loaded.streams.pop(arguments["stream"], None)
    return None


STREAM_OPERATIONS: Mapping[str, "Operation"] = {
    "open": _open,
    "push": _push,
    "flush": _flush,
    "close": _close,
}
