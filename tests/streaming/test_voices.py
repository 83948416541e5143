"""Segments of text are believed where somebody speaks: the sound is made up, so where is known."""

from collections.abc import Sequence

import numpy as np
import pytest

from earlet.arrays import FloatArray
from earlet.decoding.recogniser import Segment
from earlet.streaming.vad import UtteranceStream, VadConfig
from earlet.streaming.voices import MAX_LAG_S, Voices

RATE = 16_000
CONFIG = VadConfig(
    window_samples=512,
    context_samples=64,
    state_shape=(1,),
    threshold=0.5,
    neg_threshold=0.35,
    min_speech_ms=200,
    min_silence_ms=500,
    speech_pad_ms=100,
)


def network(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Loudness of each window as its probability."""
    return (np.abs(waveform[:, 64:]).mean(axis=1) > 0.05).astype(np.float32), state


def sound(*seconds: tuple[float, float]) -> FloatArray:
    """So many seconds at this level, and at that."""
    return np.concatenate(
        [np.full(round(length * RATE), level, dtype=np.float32) for length, level in seconds]
    )


def segment(start_s: float, end_s: float) -> Segment:
    return Segment(text="Thank you.", tokens=(1,), start_s=start_s, end_s=end_s)


SPOKEN = sound((5, 0), (2, 0.5), (5, 0), (3, 0.5), (5, 0))  # from 5 to 7 s and from 12 to 15 s


def believed(waveform: FloatArray, spans: Sequence[tuple[float, float]], chunk: int) -> list[float]:
    """Where those begin that are believed, each told when all of it has been heard."""
    voices = Voices(UtteranceStream(CONFIG, RATE, network))
    told = [segment(*span) for span in spans]
    found: list[Segment] = []
    for start in range(0, len(waveform), chunk):
        heard = waveform[start : start + chunk]
        done = [s for s in told if start < s.end_s * RATE <= start + len(heard)]
        found += voices.push(heard, done)
    return [s.start_s for s in found + voices.flush([])]


@pytest.mark.parametrize("chunk", [160, 16_000, len(SPOKEN)])
def test_what_is_heard_in_silence_is_not_believed(chunk: int) -> None:
    spans = [(0, 4.5), (4, 5.5), (5.5, 6), (6.5, 9), (7.5, 11.5), (8, 12.5), (14.9, 20), (15.5, 20)]
    assert believed(SPOKEN, spans, chunk) == [4, 5.5, 6.5, 8, 14.9]


@pytest.mark.parametrize("chunk", [800, 16_000, len(SPOKEN)])
@pytest.mark.parametrize(("length_s", "spoken"), [(0.1, False), (0.5, True)])
def test_whether_a_sound_at_its_end_is_speech_a_segment_waits_to_know(
    chunk: int, length_s: float, spoken: bool
) -> None:
    waveform = sound((1.95, 0), (length_s, 0.5), (3, 0))  # a tenth of a second is too short
    assert believed(waveform, [(1, 2), (4, 5)], chunk) == ([1] if spoken else [])


def test_a_segment_in_speech_does_not_wait_for_the_end_of_it() -> None:
    voices = Voices(UtteranceStream(CONFIG, RATE, network))
    heard = [segment(0, 4.5), segment(4.5, 6)]
    assert voices.push(SPOKEN[: 6 * RATE], heard) == heard[1:]


def test_speech_that_the_end_of_the_stream_ends_counts() -> None:
    voices = Voices(UtteranceStream(CONFIG, RATE, network))
    assert voices.push(SPOKEN[: 6 * RATE], []) == []
    assert voices.flush([segment(5, 6)]) == [segment(5, 6)]


def test_after_a_flush_time_begins_again() -> None:
    voices = Voices(UtteranceStream(CONFIG, RATE, network))
    for _ in range(2):
        assert voices.push(SPOKEN[: 6 * RATE], [segment(0, 4.5)]) == []
        assert voices.flush([segment(4, 6)]) == [segment(4, 6)]


def test_of_a_stream_without_segments_only_the_end_is_kept() -> None:
    voices = Voices(UtteranceStream(CONFIG, RATE, network))
    word = sound((0.4, 0.5), (0.6, 0))
    for _ in range(round(MAX_LAG_S) + 50):  # one a second
        voices.push(word, [])
    assert len(voices._spans) <= MAX_LAG_S + 1
    assert voices.push(word, [segment(55, 56)]) == [segment(55, 56)]
