"""Segmentation by hand-made probabilities, and utterances from any chunking."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.streaming.vad import Segmenter, Span, UtteranceStream, VadConfig

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
)


def spans(probabilities: Sequence[float], config: VadConfig = CONFIG) -> list[tuple[float, float]]:
    """Spans in windows."""
    segmenter = Segmenter(config, RATE)
    found = [segmenter.push(p) for p in probabilities] + [segmenter.flush()]
    return [(span.start / WINDOW, span.end / WINDOW) for span in found if span is not None]


def test_a_segment_is_padded_at_both_ends() -> None:
    assert spans([0] * 5 + [1] * 4 + [0] * 5) == [(4, 10)]


def test_padding_does_not_reach_before_the_stream() -> None:
    assert spans([1] * 4 + [0] * 5) == [(0, 5)]


def test_a_short_pause_does_not_end_a_segment() -> None:
    assert spans([0, 0] + [1] * 3 + [0] * 2 + [1] * 3 + [0] * 4) == [(1, 11)]


def test_hysteresis_holds_a_segment_between_the_thresholds_and_begins_none() -> None:
    assert spans([0, 0] + [1] * 2 + [0.4] * 6 + [0] * 4) == [(1, 11)]
    assert spans([0.4] * 20) == []


def test_a_pause_goes_on_through_doubt_until_speech_is_certain() -> None:
    assert spans([0, 0] + [1] * 3 + [0, 0.4, 0.4] + [1] * 3 + [0] * 3) == [(1, 6), (7, 12)]


def test_short_speech_is_dropped() -> None:
    assert spans([0, 0, 1, 0, 0, 0, 0]) == []
    assert spans([1, 0, 0, 0, 0]) == []  # at the very start, too
    assert spans([1] * 4 + [0] * 4 + [1] + [0] * 4) == [(0, 5)]


def test_the_end_of_the_stream_ends_a_segment() -> None:
    assert spans([0, 0] + [1] * 5) == [(1, 8)]
    assert spans([0, 0] + [1] * 5 + [0, 0]) == [(1, 8)]


def test_a_long_segment_is_cut_at_its_least_likely_speech_and_nothing_is_lost() -> None:
    # 2 s are 62.5 windows; less the padding, 60 fit.
    speech = [0.9] * 150
    speech[45] = 0.6
    found = spans([0.0] * 2 + speech + [0.0] * 4)
    assert found[0] == (1, 47)  # from the padded start to window 2 + 45
    assert all(end - start <= 62.5 for start, end in found)
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]
    assert found[-1][1] == 2 + 150 + 1


def test_what_a_cut_leaves_over_is_kept_however_short() -> None:
    speech = [0.9] * 59 + [0.5] + [0.0] * 4  # cut when full, at its very last window
    found = spans(speech)
    assert found == [(0, 59), (59, 61)]


@given(st.lists(st.floats(0, 1), max_size=300))
def test_spans_are_in_order_apart_and_within_the_limits(probabilities: list[float]) -> None:
    found = spans(probabilities)
    for (_, end), (start, _) in pairwise(found):
        assert end <= start
    for start, end in found:
        assert 0 <= start < end <= len(probabilities) + 1
        assert (end - start) * WINDOW <= CONFIG.max_speech_s * RATE


def network(waveform: FloatArray, state: FloatArray) -> tuple[float, FloatArray]:
    """Loudness of the window as its probability, with a state that counts the windows."""
    assert waveform.shape == (1, 64 + WINDOW)
    return float(np.abs(waveform[0, 64:]).mean() > 0.05), state + 1


def speech_and_pauses() -> FloatArray:
    generator = np.random.default_rng(1)
    level = np.repeat([0.0, 0.3, 0.0, 0.3, 0.001, 0.2], [9000, 20000, 7000, 50000, 12345, 4000])
    return np.asarray(generator.normal(size=len(level)) * level, dtype=np.float32)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 102_345), max_size=20).map(sorted))
def test_any_chunking_gives_the_same_utterances(cuts: list[int]) -> None:
    waveform = speech_and_pauses()
    stream = UtteranceStream(CONFIG, RATE, network)
    found = [u for part in np.split(waveform, cuts) for u in stream.push(part)] + stream.flush()
    assert len(found) == 5  # 3.1 s of speech are cut twice
    segmenter = Segmenter(CONFIG, RATE)
    padded = np.pad(waveform, (0, -len(waveform) % WINDOW)).reshape(-1, WINDOW)
    whole = [segmenter.push(float(np.abs(w).mean() > 0.05)) for w in padded]
    expected = [span for span in [*whole, segmenter.flush()] if span is not None]
    for (span, samples), truth in zip(found, expected, strict=True):
        truth = Span(truth.start, min(truth.end, len(waveform)))
        assert span == truth
        np.testing.assert_array_equal(samples, waveform[truth.start : truth.end])


def test_an_hour_of_silence_keeps_no_samples() -> None:
    stream = UtteranceStream(CONFIG, RATE, network)
    second = np.zeros(RATE, dtype=np.float32)
    for _ in range(3600):
        assert stream.push(second) == []
    assert sum(len(block) for block in stream._kept) <= 2 * WINDOW


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 0.3},
        {"neg_threshold": 0.0},
        {"speech_pad_ms": 60},
        {"max_speech_s": 0.5},
        {"window_samples": 0},
    ],
)
def test_impossible_configurations_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="need"):
        VadConfig(**{**vars(CONFIG), **change})
