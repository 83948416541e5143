"""What follows a word that wakes, where the word and the speech are made up."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.results import Detection, Event, Match, Rejection
from earlet.streaming.cascade import SecondStage, Spotter
from earlet.streaming.commands import CommandStream
from earlet.streaming.spotter import ConfirmWindow, SpotterConfig
from earlet.streaming.vad import UtteranceStream, VadConfig
from earlet.streaming.wake import WakeStream
from tests.streaming.scripted import Scripted

RATE, HOP = 16_000, 640
LABELS = ("computer", "go", "none")
CONFIG = SpotterConfig(
    window_frames=8,
    hop_ms=40,
    smoothing=1,
    refractory_ms=400,
    event_ms=400,
    thresholds={"computer": 0.6, "go": 0.6},
)
VAD = VadConfig(
    window_samples=512,
    context_samples=64,
    state_shape=(1,),
    threshold=0.5,
    neg_threshold=0.35,
    min_speech_ms=64,
    min_silence_ms=500,
    speech_pad_ms=250,
    max_speech_s=5.0,
)
WITHIN_S = 3.0


def network(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Loudness of each window as its probability."""
    return (np.abs(waveform[:, 64:]).mean(axis=1) > 0.05).astype(np.float32), state


class Matching:
    """Takes all for the same command, and keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[FloatArray] = []

    def __call__(self, waveform: FloatArray) -> Match:
        self.given.append(waveform)
        return Match("lights on", {}, "lights on", 0.9)


def spoken(*spans: tuple[float, float], until_s: float) -> FloatArray:
    """Sound between these times in seconds, and a little noise between them."""
    waveform = np.random.default_rng(1).normal(size=round(until_s * RATE)).astype(np.float32) * 1e-3
    for start_s, end_s in spans:
        waveform[round(start_s * RATE) : round(end_s * RATE)] = 0.3
    return waveform


def wake_stream(
    labels: dict[float, str],
    matching: Matching | None = None,
    second: SecondStage | None = None,
) -> WakeStream:
    said = {round(at_s * RATE / HOP): (label, 1.0) for at_s, label in labels.items()}
    spotter = Spotter(CONFIG, LABELS, Scripted(LABELS, said), second=second)
    follower = CommandStream(
        UtteranceStream(VAD, RATE, network),
        matching or Matching(),
        threshold=lambda _: 0.5,
        refractory_ms=lambda _: 0,
    )
    return WakeStream(spotter, follower, ("computer",), WITHIN_S)


def events(
    stream: WakeStream, waveform: FloatArray, cuts: Sequence[int] = ()
) -> list[Detection | Rejection]:
    told: list[Event] = [e for part in np.split(waveform, cuts) for e in stream.push(part)]
    told += stream.flush()
    return [event for event in told if isinstance(event, Detection | Rejection)]


def test_the_next_utterance_is_heard_and_only_that() -> None:
    waveform = spoken((1.0, 1.8), (3.0, 4.0), (6.0, 7.0), until_s=8)
    wake, command = events(wake_stream({2.0: "computer"}), waveform)
    assert (wake.label, wake.end_s) == ("computer", 2.0)
    assert command.label == "lights on"
    # To a window of 32 ms, with 0.2 s around it, in the time of the stream.
    assert command.start_s == pytest.approx(3.0 - 0.2, abs=0.04)
    assert command.end_s == pytest.approx(4.0 + 0.2, abs=0.04)


def test_who_is_woken_again_listens_anew() -> None:
    waveform = spoken((1.0, 1.8), (3.0, 4.0), (6.0, 6.8), (8.0, 9.0), until_s=10)
    told = events(wake_stream({2.0: "computer", 7.0: "computer"}), waveform)
    assert [event.label for event in told] == ["computer", "lights on"] * 2
    assert told[3].start_s == pytest.approx(8.0 - 0.2, abs=0.04)


def test_who_speaks_on_without_a_pause_loses_nothing() -> None:
    matching = Matching()
    # The spotter fires 0.2 s after the word; 60 ms of quiet lie between it and what follows.
    waveform = spoken((1.0, 2.0), (2.06, 3.0), until_s=5)
    wake, command = events(wake_stream({2.2: "computer"}, matching), waveform)
    assert (wake.label, command.label) == ("computer", "lights on")
    (given,) = matching.given
    n_loud = int((given > 0.2).sum())
    assert n_loud == pytest.approx(0.94 * RATE, abs=0.03 * RATE)  # all of it, and not the word


def test_the_end_of_the_word_itself_is_no_answer() -> None:
    waveform = spoken((1.0, 2.05), (4.0, 5.0), until_s=6)
    _, command = events(wake_stream({2.0: "computer"}), waveform)
    assert command.start_s == pytest.approx(4.0 - 0.2, abs=0.04)


def test_where_nobody_speaks_in_time_the_spotter_listens_again() -> None:
    waveform = spoken((1.0, 1.8), (6.0, 7.0), until_s=8)
    labels = {2.0: "computer", 4.0: "go", 5.5: "go", 7.2: "go"}
    told = events(wake_stream(labels), waveform)
    assert [(event.label, event.end_s) for event in told] == [
        ("computer", 2.0),
        ("go", 5.52),
        ("go", 7.2),
    ]


def test_what_begins_in_time_is_heard_to_its_end() -> None:
    waveform = spoken((1.0, 1.8), (4.5, 7.0), until_s=8)
    assert [e.label for e in events(wake_stream({2.0: "computer"}), waveform)] == [
        *("computer", "lights on"),
    ]


def test_a_word_of_the_spotter_within_a_sentence_is_no_command() -> None:
    waveform = spoken((1.0, 1.8), (3.0, 4.0), until_s=8)
    told = events(wake_stream({2.0: "computer", 3.6: "go", 6.0: "go"}), waveform)
    assert [event.label for event in told] == ["computer", "lights on", "go"]


def test_a_second_stage_that_takes_longer_than_is_kept_loses_no_more_than_that() -> None:
    matching = Matching()
    window = ConfirmWindow(threshold=0.6, score=0.0, before_ms=400, after_ms=2500)
    stream = wake_stream({2.0: "computer"}, matching, SecondStage(window, lambda *_: 1.0))
    told = events(stream, spoken((1.0, 1.8), (2.4, 3.4), until_s=6))
    assert [event.label for event in told] == ["computer", "lights on"]
    (given,) = matching.given
    n_loud = int((given > 0.2).sum())
    assert n_loud == pytest.approx(0.9 * RATE, abs=0.03 * RATE)  # of 2 s, which begin at 2.5 s


def test_a_label_that_wakes_nobody_is_an_event_and_no_more() -> None:
    waveform = spoken((1.0, 1.8), (3.0, 4.0), until_s=8)
    assert [event.label for event in events(wake_stream({2.0: "go"}), waveform)] == ["go"]


def test_the_end_of_the_stream_ends_what_is_being_said() -> None:
    waveform = spoken((1.0, 1.8), (3.0, 4.0), until_s=4)
    told = events(wake_stream({2.0: "computer"}), waveform)
    assert [event.label for event in told] == ["computer", "lights on"]


SENTENCES = spoken((1.0, 2.0), (2.06, 3.0), (5.0, 6.0), (7.0, 8.0), until_s=10)
WORDS = {2.2: "computer", 4.6: "go", 6.1: "computer", 9.0: "go"}


@settings(max_examples=20)
@given(st.lists(st.integers(0, 10 * RATE), max_size=10).map(sorted))
def test_any_chunking_gives_the_same_events(cuts: list[int]) -> None:
    told = events(wake_stream(WORDS), SENTENCES, cuts)
    labels = ["computer", "lights on", "go", "computer", "lights on", "go"]
    assert [event.label for event in told] == labels
    assert told == events(wake_stream(WORDS), SENTENCES)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 10 * RATE), min_size=1, max_size=6).map(sorted))
def test_a_fresh_stream_goes_on_from_a_snapshot(cuts: list[int]) -> None:
    told: list[Event] = []
    stream = wake_stream(WORDS)
    for part in np.split(SENTENCES, cuts):
        snapshot, stream = stream.snapshot(), wake_stream(WORDS)
        stream.push(SENTENCES[: 3 * RATE])
        stream.restore(snapshot)
        told += stream.push(part)
    assert told + stream.flush() == events(wake_stream(WORDS), SENTENCES)
