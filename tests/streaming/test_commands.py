"""Typed commands in a stream: what is said is known by its level."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.results import Detection, Match, Rejection
from earlet.streaming.commands import CommandStream
from earlet.streaming.vad import UtteranceStream, VadConfig

RATE = 16_000
VAD = VadConfig(
    window_samples=512,
    context_samples=64,
    state_shape=(1,),
    threshold=0.5,
    neg_threshold=0.35,
    min_speech_ms=64,
    min_silence_ms=500,
    speech_pad_ms=250,
    max_speech_s=3.0,
)
# By hundredths of the level: what is said, and how sure one can be of it.
SAID = {
    20: Match("lights on", {}, "lights on", 0.9),
    30: Match("lights off", {}, "lights off", 0.45),
    40: Match("timer for {n:1..60}", {"n": "five"}, "timer for five", 0.8),
}


def network(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Loudness of each window as its probability."""
    return (np.abs(waveform[:, 64:]).mean(axis=1) > 0.05).astype(np.float32), state


def said(*levels: int, seconds: float = 0.8) -> FloatArray:
    """One after the other, with a second of silence before each and after the last."""
    silence = np.zeros(RATE, dtype=np.float32)
    spoken = [np.full(round(seconds * RATE), level / 100, dtype=np.float32) for level in levels]
    return np.concatenate([part for word in spoken for part in (silence, word)] + [silence])


class Matching:
    """Knows the levels, and counts how often it is asked."""

    def __init__(self) -> None:
        self.n_asked = 0

    def __call__(self, waveform: FloatArray) -> Match | None:
        self.n_asked += 1
        return SAID.get(round(100 * float(np.median(waveform[waveform > 0.05]))))


def stream(matching: Matching | None = None, refractory_ms: int = 0) -> CommandStream:
    return CommandStream(
        UtteranceStream(VAD, RATE, network),
        matching or Matching(),
        threshold=lambda _: 0.5,
        refractory_ms=lambda _: refractory_ms,
    )


def heard(waveform: FloatArray, cuts: Sequence[int] = ()) -> list[Detection | Rejection]:
    commands = stream()
    events = [event for part in np.split(waveform, cuts) for event in commands.push(part)]
    return events + commands.flush()


def test_a_command_has_the_confidence_and_the_times_of_its_utterance() -> None:
    (event,) = heard(said(20))
    assert event == Detection("lights on", 0.9, event.start_s, event.end_s)
    # The speech itself, to a window of 32 ms, and 0.2 s around it.
    assert event.start_s == pytest.approx(1.0 - 0.2, abs=0.04)
    assert event.end_s == pytest.approx(1.8 + 0.2, abs=0.04)


def test_a_command_with_alternatives_tells_which() -> None:
    (event,) = heard(said(40))
    assert isinstance(event, Detection)
    assert (event.label, event.text, event.slots) == (
        *("timer for {n:1..60}", "timer for five"),
        {"n": "five"},
    )


def test_what_is_not_sure_enough_and_what_is_none_are_rejected() -> None:
    unsure, other = heard(said(30, 50))
    assert isinstance(unsure, Rejection)
    assert isinstance(other, Rejection)
    assert (unsure.label, unsure.score, unsure.reason) == ("lights off", 0.45, "below threshold")
    assert (other.label, other.reason) == ("", "not a command")


def test_what_goes_on_for_longer_than_a_command_is_none_and_nobody_is_asked() -> None:
    matching = Matching()
    commands = stream(matching)
    # 2.5 s at a time, as the padding takes 0.5 s; the rest would be a command by itself.
    events = commands.push(said(20, seconds=5.6)) + commands.flush()
    assert {(event.label, type(event)) for event in events} == {("", Rejection)}
    assert len(events) > 1
    assert matching.n_asked == 0
    assert [event.label for event in commands.push(said(20))] == ["lights on"]


def test_what_was_cut_in_its_last_pause_does_not_go_on() -> None:
    # After 2.2 s there is a pause, too short to end it, before it is cut at 2.5 s.
    too_long = said(20, seconds=2.2)
    cut, command = heard(np.concatenate([too_long, said(40)]))
    assert (type(cut), cut.label) == (Rejection, "")
    assert cut.end_s == pytest.approx(1.0 + 2.2, abs=0.25)
    assert (type(command), command.label) == (Detection, SAID[40].template)


def test_a_command_in_the_refractory_time_of_another_is_rejected() -> None:
    events = stream(refractory_ms=1500).push(said(20, 40, 20))
    assert [type(event) for event in events] == [Detection, Rejection, Detection]
    assert isinstance(events[1], Rejection)
    assert events[1].reason == "refractory"


@settings(max_examples=20)
@given(st.lists(st.integers(0, 8 * RATE), max_size=10).map(sorted))
def test_any_chunking_gives_the_same_events(cuts: list[int]) -> None:
    waveform = said(20, 30, 40, 50)
    assert heard(waveform, cuts) == heard(waveform)


@settings(max_examples=20)
@given(st.lists(st.integers(0, 10 * RATE), min_size=1, max_size=6).map(sorted))
def test_a_fresh_stream_goes_on_from_a_snapshot(cuts: list[int]) -> None:
    waveform = np.concatenate([said(20, 30, 40), said(20, seconds=4.0)])
    commands, events = stream(refractory_ms=1500), []
    for part in np.split(waveform, cuts):
        snapshot, commands = commands.snapshot(), stream(refractory_ms=1500)
        commands.push(said(40))
        commands.restore(snapshot)
        events += commands.push(part)
    whole = stream(refractory_ms=1500)
    assert events + commands.flush() == whole.push(waveform) + whole.flush()
