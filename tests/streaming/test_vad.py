"""Utterances from any chunking, with a stand-in for the network."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.streaming.endpointer import Endpointer, Span
from earlet.streaming.vad import SpeechProbability, UtteranceStream, VadConfig

WINDOW, RATE = 512, 16_000  # 32 ms
CONFIG = VadConfig(
    window_samples=WINDOW,
    context_samples=64,
    state_shape=(2,),
    threshold=0.5,
    neg_threshold=0.35,
    min_speech_ms=64,  # 2 windows
    min_silence_ms=96,  # 3 windows
    speech_pad_ms=32,  # 1 window
    max_speech_s=2.0,
    max_silence_ms=320,  # 10 windows
)


def network(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Loudness of each window as its probability, with a state that counts the windows."""
    assert waveform.shape == (len(waveform), 64 + WINDOW)
    return (np.abs(waveform[:, 64:]).mean(axis=1) > 0.05).astype(np.float32), state + len(waveform)


def speech_and_pauses() -> FloatArray:
    generator = np.random.default_rng(1)
    level = np.repeat([0.0, 0.3, 0.0, 0.3, 0.001, 0.2], [9000, 20000, 7000, 50000, 12345, 4000])
    return np.asarray(generator.normal(size=len(level)) * level, dtype=np.float32)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 102_345), max_size=20).map(sorted), st.sampled_from([0.0, 0.4]))
def test_any_chunking_gives_the_same_utterances(cuts: list[int], quiet: float) -> None:
    def unsure(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        probabilities, state = network(waveform, state)
        return np.maximum(probabilities, np.float32(quiet)), state

    waveform = speech_and_pauses()
    stream = UtteranceStream(CONFIG, RATE, unsure)
    found = [u for part in np.split(waveform, cuts) for u in stream.push(part)] + stream.flush()
    assert len(found) == 5  # 3.1 s of speech are cut twice
    endpointer = Endpointer(CONFIG, WINDOW, RATE)
    padded = np.pad(waveform, (0, -len(waveform) % WINDOW)).reshape(-1, WINDOW)
    ended = [
        (endpointer.push(max(float(np.abs(window).mean() > 0.05), quiet)), (i + 1) * WINDOW)
        for i, window in enumerate(padded)
    ]
    ended.append((endpointer.flush(), len(waveform)))
    expected = [(endpoint, min(at, len(waveform))) for endpoint, at in ended if endpoint]
    for utterance, (truth, heard) in zip(found, expected, strict=True):
        assert utterance.span == within(truth.span, heard)
        assert utterance.speech == within(truth.speech, heard)
        assert utterance.ending == truth.ending
        np.testing.assert_array_equal(utterance.waveform, waveform[slice(*utterance.span)])


def fading(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Loudness, above what the windows so far lead to expect: what was heard before matters."""
    probabilities = []
    for loudness in np.abs(waveform).mean(axis=1):
        state = np.asarray(0.7 * state + 0.3 * loudness, dtype=np.float32)
        probabilities.append(loudness > 0.8 * state[0] + 0.02)
    return np.array(probabilities, dtype=np.float32), state


@settings(max_examples=20)
@given(st.lists(st.integers(0, 102_345), min_size=1, max_size=6).map(sorted))
def test_a_fresh_stream_goes_on_from_a_snapshot(cuts: list[int]) -> None:
    waveform = speech_and_pauses()
    whole = UtteranceStream(CONFIG, RATE, fading)
    expected = whole.push(waveform) + whole.flush()
    stream, found = UtteranceStream(CONFIG, RATE, fading), []
    for part in np.split(waveform, cuts):
        snapshot, stream = stream.snapshot(), UtteranceStream(CONFIG, RATE, fading)
        stream.push(waveform[9000:40_000])
        stream.restore(snapshot)
        found += stream.push(part)
    found += stream.flush()
    assert len(expected) > 3
    for utterance, truth in zip(found, expected, strict=True):
        assert utterance._replace(waveform=truth.waveform) == truth
        np.testing.assert_array_equal(utterance.waveform, truth.waveform)


@given(st.lists(st.integers(0, 100), max_size=10))
def test_after_two_seconds_without_speech_the_network_begins_anew(lengths: list[int]) -> None:
    states: list[int] = []

    def counting(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        states.extend(int(state[0]) + i for i in range(len(waveform)))
        return network(waveform, state)

    probability = SpeechProbability(CONFIG, counting)
    loudness = np.repeat([0, 0.5, 0], [100 * WINDOW, 100 * WINDOW, 63 * WINDOW]).astype(np.float32)
    for part in np.split(loudness, np.cumsum(lengths) * WINDOW):
        probability.push(part)
    assert states == [*range(62), *range(38 + 100 + 62), 0]


def within(span: Span, n_heard: int) -> Span:
    return Span(span.start, min(span.end, n_heard))


def test_what_was_heard_of_the_open_utterance_can_be_had() -> None:
    waveform = speech_and_pauses()
    stream = UtteranceStream(CONFIG, RATE, network)
    stream.push(waveform[:20_000])
    ongoing = stream.ongoing
    assert ongoing is not None
    span = Span(ongoing.start, ongoing.heard)
    assert 9000 - 2 * WINDOW <= span.start <= 9000
    assert 20_000 - WINDOW < span.end <= 20_000
    np.testing.assert_array_equal(stream.heard(span), waveform[slice(*span)])


def test_of_ten_minutes_of_silence_no_samples_are_kept() -> None:
    stream = UtteranceStream(CONFIG, RATE, network)
    second = np.zeros(RATE, dtype=np.float32)
    for _ in range(600):
        assert stream.push(second) == []
    assert sum(len(block) for block in stream._kept) <= RATE + WINDOW  # of the last chunk


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"window_samples": 0}, "need window_samples"),
        ({"context_samples": -1}, "need window_samples"),
        ({"state_shape": ()}, "state_shape: expected"),
        ({"threshold": 0.3}, "need 0 < neg_threshold"),
    ],
)
def test_impossible_configurations_are_refused(change: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        VadConfig(**{**vars(CONFIG), **change})
