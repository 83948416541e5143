"""Live streams as a worker has them: bytes in, events out, with the real networks."""

import csv
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.config import ListenConfig, WakeConfig
from earlet.errors import InputError
from earlet.results import Chunk, Detection, Event, Partial, Rejection, Segment
from earlet.server.workers.stream_options import StreamOptions
from earlet.server.workers.streams import LiveStream
from earlet.tasks import Pipelines
from earlet.tasks.listening import Listening

MODELS = Path(__file__).parents[3] / "models"
RATE = 16_000  # Hz, of the recordings and of all networks
KINDS = {
    Detection: "detection",
    Rejection: "rejection",
    Partial: "partial",
    Chunk: "final",
    Segment: "speech",
}
Options = Mapping[str, Any]


@pytest.fixture(scope="module")
def pipelines() -> Pipelines:
    """Opened once for all tests."""
    return Pipelines()


@pytest.fixture(scope="module")
def commands(recordings: Path) -> FloatArray:
    """Eight commands and a sentence, (n_samples,)."""
    samples, _ = soundfile.read(recordings / "commands.flac", dtype="float32")
    return np.asarray(samples)


@pytest.fixture(scope="module")
def said(recordings: Path) -> list[tuple[str, float]]:
    """The commands, and where they end in seconds."""
    with (recordings / "commands.tsv").open(encoding="utf-8") as file:
        return [(row["label"], float(row["end_s"])) for row in csv.DictReader(file, delimiter="\t")]


def s16le(waveform: FloatArray) -> bytes:
    """Of a waveform that was read from 16 bits: exact."""
    return np.round(waveform * 32768).astype("<i2").tobytes()


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[i : i + size] for i in range(0, len(data), size))


def heard(stream: LiveStream, data: bytes, size: int) -> list[Any]:
    """The events of a stream that ends after `data`, which comes in messages of `size` bytes."""
    events = [event for piece in pieces(data, size) for event in stream.push(piece)]
    return events + stream.flush()


def told(events: list[Event]) -> list[Any]:
    return [{"event": KINDS[type(event)], **event.to_json()} for event in events]


def labels(events: list[Any]) -> list[str]:
    return [event["label"] for event in events if event["event"] == "detection"]


TYPED: Options = {"commands": ["left", "right", "{up|down}"], "rejections": True}
CASES: dict[str, tuple[str, Options, ListenConfig]] = {
    "a spotter": (
        "commands-en",
        {"rejections": True},
        ListenConfig(),
    ),
    "typed commands": (
        "moonshine-tiny-en",
        TYPED,
        ListenConfig(bundle="moonshine-tiny-en", commands=tuple(TYPED["commands"])),
    ),
    "speech": (
        "moonshine-tiny-en",
        {"partials": True},
        ListenConfig(bundle="moonshine-tiny-en"),
    ),
    "what follows a word": (
        "commands-en",
        {"wake": {"labels": ["right"]}, "confirm": "off", "rejections": True},
        ListenConfig(confirm="off", wake=WakeConfig(labels=("right",))),
    ),
    "voices": ("vad", {}, ListenConfig(bundle="vad")),
}


@pytest.mark.parametrize("case", CASES)
def test_events_are_those_of_listening_to_the_bit_wherever_bytes_are_cut(
    case: str, commands: FloatArray, pipelines: Pipelines
) -> None:
    bundle, options, config = CASES[case]
    waveform = commands[: 12 * RATE]
    listening = Listening(config, partials="partials" in options, pipelines=pipelines)
    expected = told([*listening.push(waveform), *listening.skip(0)])
    stream = LiveStream(MODELS / bundle, {**options, "format": "s16le"}, pipelines)
    events = heard(stream, s16le(waveform), 3_333)
    assert expected
    assert events == expected


def test_streams_that_share_networks_hear_nothing_of_each_other(
    commands: FloatArray, speech: FloatArray, pipelines: Pipelines
) -> None:
    asked: list[tuple[str, Options, FloatArray]] = [
        ("moonshine-tiny-en", TYPED, commands[: 6 * RATE]),
        ("moonshine-tiny-en", {"partials": True}, speech[: 8 * RATE]),
        ("moonshine-tiny-en", {"commands": ["lights on"], "rejections": True}, speech[: 8 * RATE]),
        ("commands-en", {"scores": True}, commands[: 6 * RATE]),
        ("commands-en", {"confirm": "off"}, commands[2 * RATE : 8 * RATE]),
    ]

    def streams(shared: Pipelines | None) -> list[LiveStream]:
        return [
            LiveStream(MODELS / bundle, options, shared or Pipelines())
            for bundle, options, _ in asked
        ]

    sounds = [waveform.astype("<f4").tobytes() for _, _, waveform in asked]
    alone = [heard(s, data, 25_600) for s, data in zip(streams(None), sounds, strict=True)]
    together: list[list[Any]] = [[] for _ in asked]
    shared = streams(pipelines)
    for turn in zip(*(list(pieces(data, 25_600))[:14] for data in sounds), strict=True):
        for events, stream, piece in zip(together, shared, turn, strict=True):
            events += stream.push(piece)
    for events, stream, data in zip(together, shared, sounds, strict=True):
        for piece in pieces(data[14 * 25_600 :], 25_600):
            events += stream.push(piece)
        events += stream.flush()
    assert together == alone


@pytest.mark.parametrize(
    ("rate", "channels", "sample_format"),
    [(8_000, 1, "s16le"), (44_100, 2, "s16le"), (48_000, 1, "f32le"), (192_000, 8, "f32le")],
)
def test_any_rate_and_any_channels_are_heard(
    rate: int,
    channels: int,
    sample_format: str,
    commands: FloatArray,
    said: list[tuple[str, float]],
    pipelines: Pipelines,
) -> None:
    n_said = 4
    mono = soxr.resample(commands[: 9 * RATE], RATE, rate)
    # Loud in one channel and silent in all others, which a mean hears at its level.
    frames = np.zeros((len(mono), channels), dtype=np.float32)
    frames[:, -1] = mono * channels
    data = frames.astype("<f4").tobytes()
    if sample_format == "s16le":
        data = np.clip(np.round(frames * 32767), -32768, 32767).astype("<i2").tobytes()
    options = {"rate": rate, "channels": channels, "format": sample_format}
    stream = LiveStream(MODELS / "commands-en", options, pipelines)
    assert stream.sample_rate == rate
    events = heard(stream, data, 100_001)
    assert labels(events) == [label for label, _ in said[:n_said]]
    for event, (_, end_s) in zip(events, said, strict=False):
        assert abs(event["end_s"] - end_s) < 0.5  # the spotter is sure a little after the word
    assert stream.heard_s == pytest.approx(9, abs=1 / rate)


def test_the_time_of_a_stream_goes_on_after_a_flush(
    commands: FloatArray, said: list[tuple[str, float]], pipelines: Pipelines
) -> None:
    stream = LiveStream(MODELS / "commands-en", {"rate": 48_000}, pipelines)
    data = soxr.resample(commands[: 9 * RATE], RATE, 48_000).astype("<f4").tobytes()
    second = 4 * 48_000
    events: list[Any] = stream.push(data[: 3 * second])
    events += stream.flush()
    events += heard(stream, data[3 * second :], 10_000)
    expected = said[:4]
    assert labels(events) == [label for label, _ in expected]
    for event, (_, end_s) in zip(events, expected, strict=True):
        assert abs(event["end_s"] - end_s) < 0.5
    assert stream.heard_s == 9


def test_scores_come_25_times_a_second_and_tell_what_is_heard(
    commands: FloatArray, said: list[tuple[str, float]], pipelines: Pipelines
) -> None:
    stream = LiveStream(MODELS / "commands-en", {"scores": True, "confirm": "off"}, pipelines)
    events: list[Any] = heard(stream, commands[: 9 * RATE].astype("<f4").tobytes(), 1_001)
    rows = [event for event in events if event["event"] == "scores"]
    assert len(rows) == 9 * 25
    assert [row["at_s"] for row in rows] == pytest.approx(np.arange(1, 9 * 25 + 1) / 25)
    awake = [row for row in rows if row["scores"] is not None]
    assert 0 < len(awake) < len(rows)  # asleep where nothing is said
    for label, end_s in said[:4]:
        near = [row["scores"] for row in awake if abs(row["at_s"] - end_s) < 0.5]
        best = max(near, key=lambda scores: max(scores.values()))
        assert set(best) == set(stream.labels)
        assert max(best, key=lambda name: float(best[name])) == label
        assert best[label] > 0.9
    for event in (event for event in events if event["event"] == "detection"):
        row = min(awake, key=lambda row: abs(row["at_s"] - event["end_s"]))
        assert row["scores"][event["label"]] == pytest.approx(event["score"], abs=5e-5)


@pytest.mark.parametrize(
    ("bundle", "options", "message"),
    [
        ("commands-en", {"ratee": 16_000}, "unknown key 'ratee'; did you mean 'rate'"),
        ("commands-en", {"rate": 4_000}, "rate: expected 8000 to 192000 Hz, got 4000"),
        ("commands-en", {"rate": "fast"}, "rate: expected a whole number, got 'fast'"),
        ("commands-en", {"channels": 0}, "channels: expected 1 to 8, got 0"),
        ("commands-en", {"format": "mp3"}, "format: expected one of f32le, s16le, got 'mp3'"),
        ("commands-en", {"labels": {"goo": {}}}, "labels: unknown 'goo'; did you mean 'go'"),
        ("commands-en", {"labels": {"go": {"threshold": 2}}}, "threshold: expected above 0"),
        ("commands-en", {"labels": {"go": {"actions": []}}}, "unknown key 'actions'"),
        ("commands-en", {"partials": True}, "partials: nothing is written down"),
        ("commands-en", {"commands": ["lights on"]}, "commands: needs a recogniser"),
        ("commands-en", {"language": "en"}, "language: "),
        ("commands-en", {"gate": {}}, "unknown key 'gate'"),
        ("commands-en", {"recogniser": "moonshine-tiny-en"}, "recogniser: .* wake is missing"),
        ("moonshine-tiny-en", {"scores": True}, "scores: a spotter has some"),
        ("moonshine-tiny-en", {"language": "de"}, "language: "),
        ("moonshine-tiny-en", {"commands": ["{room}"]}, "room"),
        ("moonshine-tiny-en", {"commands": ["on", "On"]}, "are the same words"),
        ("moonshine-tiny-en", {"commands": ["on"], "language": "de"}, "language: "),
        ("moonshine-tiny-en", {"confirm": {"score": -8}}, "confirm: is for a spotter"),
        ("vad", {"language": "en"}, "language: voice activity hears no words"),
        ("yamnet", {}, "classifies clips"),
        ("sentiment-en", {}, "is for text-classification, not for sound"),
    ],
)
def test_options_that_cannot_be_are_refused(
    bundle: str, options: Options, message: str, pipelines: Pipelines
) -> None:
    with pytest.raises(InputError, match=message):
        LiveStream(MODELS / bundle, options, pipelines)


@pytest.mark.parametrize("value", [np.nan, np.inf, 2_000])
def test_samples_that_are_none_are_refused_with_their_place(
    value: float, pipelines: Pipelines
) -> None:
    stream = LiveStream(MODELS / "vad", {"channels": 2}, pipelines)
    stream.push(bytes(8 * 100))
    sound = np.zeros((10, 2), dtype="<f4")
    sound[3] = value
    with pytest.raises(InputError, match="the stream: sample 103 is"):
        stream.push(sound.tobytes())


def test_a_stream_that_ends_within_a_frame_is_refused(pipelines: Pipelines) -> None:
    stream = LiveStream(MODELS / "vad", {"channels": 2, "format": "s16le"}, pipelines)
    stream.push(bytes(4 * 100 + 3))
    with pytest.raises(InputError, match="ends within a frame: 3 of its 4 bytes"):
        stream.flush()


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.sampled_from(["", "go", "auto", "*", "{a}", "{1..9}", "[", "on | off", "en", "\0", "é"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["go", "labels", "score", "threshold", "a"]), inner)
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(
    bundle=st.sampled_from(["commands-en", "moonshine-tiny-en", "vad"]),
    options=st.dictionaries(
        st.sampled_from([field.name for field in dataclasses.fields(StreamOptions)]),
        VALUES,
        max_size=3,
    ),
)
def test_whatever_is_asked_is_done_or_refused(
    bundle: str, options: Options, pipelines: Pipelines
) -> None:
    try:
        stream = LiveStream(MODELS / bundle, options, pipelines)
    except InputError:
        return
    stream.push(bytes(64 * 100))
    stream.flush()
