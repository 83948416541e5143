"""A recording: what was heard, and all that is needed to decide about it again.

It is a WAV file that any player plays, with one chunk that they skip:

    offset  bytes
    0       12    "RIFF", size, "WAVE"
    12      26    "fmt ": IEEE float, mono, 32 bits
    38      12    "fact": the number of samples
    50      8 + n "earl": SHA-256 of all other bytes of the file, then facts, events, the state of
                  listening before the first sample, and scores, as `plain_data.py` packs them
            8 + n "data": the samples

By the digest, a damaged recording is told from one that decides otherwise here; by the name at byte
50, also one that was cut off from a sound file of others.
"""

import dataclasses
import hashlib
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from earlet import schema
from earlet.arrays import AnyArray, FloatArray, Snapshot, as_waveform
from earlet.audio.resample import MAX_RATE_HZ, MIN_RATE_HZ
from earlet.config import ListenConfig
from earlet.errors import AudioFileError, EarletError
from earlet.files import read_plain
from earlet.results import Chunk, Detection, Rejection, Segment
from earlet.service.recordings import plain_data

RecordedEvent = Detection | Rejection | Chunk | Segment  # partial results decide nothing

VERSION = 1  # of what the chunk holds
MAX_BYTES = 100_000_000  # a minute takes 4 MB; an open utterance of ten minutes 38 MB more
KINDS: dict[str, type[RecordedEvent]] = {
    kind.__name__: kind for kind in (Detection, Rejection, Chunk, Segment)
}
# What of a configuration decides. No addresses and no passwords go into a recording.
DECISIVE = (
    *("bundle", "threads", "commands", "slots", "recogniser"),
    *("gate", "confirm", "wake", "smoothing", "labels"),
)
IEEE_FLOAT = 3  # WAVE_FORMAT_IEEE_FLOAT
SAMPLE_BYTES = 4
_HEAD = struct.Struct("<4sI4s 4sIHHIIHHH 4sII 4sI")
_CHUNK = struct.Struct("<4sI")
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Control:
    """How listening was driven from a sample on, where that is no matter of the sound."""

    at: int  # sample of the stream
    stride: int  # hops from one look of the spotter to the next


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What decided, in force: what bundles say, and what the configuration says otherwise."""

    labels: tuple[str, ...]  # that a spotter can tell: the columns of scores
    thresholds: Mapping[str, float]  # of these, and of typed commands
    smoothing: int = 1  # posteriors averaged
    confirmation: float | None = None  # the least of a second stage, where there was one


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a recording says of itself."""

    heard_at: str  # when its last sample was, UTC, ISO 8601; by a clock that may be wrong
    earlet: str  # version
    engine: str  # and its version
    machine: str  # the processor's kind
    sample_rate: int  # Hz
    start: int  # the first sample, counted from that of the stream, lost ones too
    is_end: bool  # a gap or the end of the stream came next; events that it completed are there
    about: int  # the first of the events for which it is kept; those before are in another, too
    config: ListenConfig  # as it was given, as far as it decides
    bundles: Mapping[str, str]  # name of each that was open -> SHA-256 of its manifest
    rules: Rules


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a spotter made of each hop at which it looked."""

    at: AnyArray  # int64 (n_hops,): the sample of the stream after the hop
    posteriors: FloatArray  # (n_hops, n_labels)
    smoothed: FloatArray  # (n_hops, n_labels): what is compared with thresholds
    is_open: AnyArray  # bool (n_hops,): the gate
    deaf_until: AnyArray  # int64 (n_hops,): the sample before which nothing fires again

    def __post_init__(self) -> None:
        for name, dtype in _SCORES.items():
            array = getattr(self, name)
            shape = self.posteriors.shape if dtype == "<f4" else self.posteriors.shape[:1]
            if array.dtype.str != dtype or array.shape != shape or self.posteriors.ndim != 2:
                raise AudioFileError(f"scores.{name}: of another type or shape than was expected")


_SCORES = {
    "at": "<i8",
    "posteriors": "<f4",
    "smoothed": "<f4",
    "is_open": "|b1",
    "deaf_until": "<i8",
}


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Sound around one or more events, and how to hear it again."""

    facts: Facts
    samples: FloatArray  # (n_samples,)
    snapshot: Snapshot  # of `Listening`, before the first sample
    controls: tuple[Control, ...]  # the first at facts.start
    events: tuple[RecordedEvent, ...]  # that were told while the samples came, in order
    scores: Scores

    def __post_init__(self) -> None:
        facts, rules = self.facts, self.facts.rules
        if not MIN_RATE_HZ <= facts.sample_rate <= MAX_RATE_HZ:
            raise AudioFileError(f"sample_rate: no recorder has {facts.sample_rate} Hz")
        if min(facts.start, *(c.stride - 1 for c in self.controls)) < 0:
            raise AudioFileError("a stride or the first sample is negative")
        if not 0 <= facts.about <= max(len(self.events) - 1, 0):
            raise AudioFileError(f"about: there is no event {facts.about}")
        told = (e.label for e in self.events if isinstance(e, Detection | Rejection) and e.label)
        for label in (*rules.labels, *told):
            if label not in rules.thresholds:
                raise AudioFileError(f"thresholds: {label!r} has none")
        if self.scores.posteriors.shape[1] != len(rules.labels):
            raise AudioFileError(
                f"scores: of {self.scores.posteriors.shape[1]} labels, not {len(rules.labels)}"
            )


def start_s(event: RecordedEvent) -> float:
    """Where in the stream it begins, in seconds."""
    return event.timestamp[0] if isinstance(event, Chunk) else event.start_s


def is_recording(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins like a recording; whole it need not be.

    Raises:
        AudioFileError: when it cannot be read.
    """
    return _is_head(read_plain(path, _HEAD.size, "a recording", AudioFileError))


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """Read a recording.

    Raises:
        AudioFileError: when it is none, damaged, or made by an earlet that is newer.
    """
    data = read_plain(path, MAX_BYTES + 1, "a recording", AudioFileError)
    name = os.fsdecode(path)
    if not _is_head(data):
        raise AudioFileError(
            f"{name}: not a recording of `earlet listen`; expected a file of the folder that "
            "config.yaml names under `record`"
        )
    if len(data) > MAX_BYTES:
        raise AudioFileError(f"{name}: larger than {MAX_BYTES // 1_000_000} MB; no recording is")
    try:
        document, samples = _content(data)
    except ValueError as problem:
        raise AudioFileError(f"{name}: damaged or cut off: {problem}") from None
    return _recording(document, samples, name)


def encode(recording: Recording) -> bytes:
    """The bytes of a recording's file."""
    facts = dataclasses.asdict(recording.facts)
    facts["config"] = decisive(recording.facts.config)
    packed = plain_data.pack(
        {
            "version": VERSION,
            "facts": facts,
            "controls": [dataclasses.asdict(control) for control in recording.controls],
            "events": [
                {"kind": type(event).__name__, "event": dataclasses.asdict(event)}
                for event in recording.events
            ],
            "scores": {name: getattr(recording.scores, name) for name in _SCORES},
            "snapshot": recording.snapshot,
        }
    )
    packed += bytes(len(packed) % 2)  # chunks begin at even bytes
    sound = recording.samples.astype("<f4").tobytes()
    behind = packed + _CHUNK.pack(b"data", len(sound)) + sound
    rate = recording.facts.sample_rate
    head = _HEAD.pack(
        *(b"RIFF", _HEAD.size - _CHUNK.size + _DIGEST_BYTES + len(behind), b"WAVE"),
        *(b"fmt ", 18, IEEE_FLOAT, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES, 0),
        *(b"fact", 4, len(recording.samples)),
        *(b"earl", _DIGEST_BYTES + len(packed)),
    )
    return head + hashlib.sha256(head + behind).digest() + behind


def decisive(config: ListenConfig) -> dict[str, object]:
    """The keys of a configuration that decide; what is done then, with its addresses and passwords,
    is left out."""
    labels = {name: dataclasses.replace(own, actions=()) for name, own in config.labels.items()}
    document = dataclasses.asdict(dataclasses.replace(config, labels=labels))
    return {key: document[key] for key in DECISIVE}


def _is_head(data: bytes) -> bool:
    if len(data) < _HEAD.size:
        return False
    riff, _, wave, fmt, *_, fact, _, _, earl, _ = _HEAD.unpack_from(data)
    return (riff, wave, fmt, fact, earl) == (b"RIFF", b"WAVE", b"fmt ", b"fact", b"earl")


def _content(data: bytes) -> tuple[Any, FloatArray]:
    """What was packed, and the samples.

    Raises:
        ValueError: when the bytes are not those that were written.
    """
    *_, n_samples, _, n_chunk = _HEAD.unpack_from(data)
    packed_at, data_at = _HEAD.size + _DIGEST_BYTES, _HEAD.size + n_chunk
    samples_at = data_at + _CHUNK.size
    digest = hashlib.sha256(data[: _HEAD.size])
    digest.update(memoryview(data)[packed_at:])
    if digest.digest() != data[_HEAD.size : packed_at]:
        raise ValueError("its SHA-256 is not that of its content")
    promised = _CHUNK.pack(b"data", len(data) - samples_at) if samples_at <= len(data) else None
    if data[data_at:samples_at] != promised or len(data) - samples_at != n_samples * SAMPLE_BYTES:
        raise ValueError(f"its head promises {n_samples} samples, which are not there")
    samples = np.frombuffer(data, "<f4", offset=samples_at).astype(np.float32)
    return plain_data.unpack(data[packed_at:data_at]), samples


@dataclass(frozen=True, kw_only=True)
class _Event:
    """An event as it is written."""

    kind: str
    event: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class _Document:
    """What is packed."""

    version: int
    facts: Facts
    controls: tuple[Control, ...]
    events: tuple[_Event, ...]
    scores: Mapping[str, object]
    snapshot: Mapping[str, object]


def _recording(document: object, samples: FloatArray, name: str) -> Recording:
    """Of what was packed, each value checked.

    Raises:
        AudioFileError: naming what is another than was expected.
    """
    if isinstance(document, dict) and document.get("version") != VERSION:
        raise AudioFileError(
            f"{name}: a recording of version {document.get('version')!r:.20}; this earlet reads "
            f"version {VERSION}"
        )
    try:
        read = schema.read(_Document, document, "its content", AudioFileError)
        scores = Scores(**{key: _array(read.scores.get(key), key) for key in _SCORES})
        events = tuple(
            schema.read(KINDS[told.kind], told.event, told.kind, AudioFileError)
            for told in read.events
        )
        return Recording(
            facts=read.facts,
            samples=as_waveform(samples),
            snapshot=dict(read.snapshot),
            controls=read.controls,
            events=events,
            scores=scores,
        )
    except (EarletError, KeyError) as problem:
        raise AudioFileError(f"{name}: not what earlet writes: {problem}") from None


def _array(value: object, name: str) -> AnyArray:
    if not isinstance(value, np.ndarray):
        raise AudioFileError(f"scores.{name}: expected an array, got {value!r:.40}")
    return value
