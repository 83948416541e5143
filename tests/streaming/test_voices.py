"""Segments of text are believed where somebody speaks: the sound is made up, so where is known."""

import numpy as np
import pytest

from earlet.arrays import FloatArray
from earlet.decoding.recogniser import Segment
from earlet.streaming.vad import UtteranceStream, VadConfig
from earlet.streaming.voices import MAX_SPANS, Voices

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


def network(waveform: FloatArray, state: FloatArray) -> tuple[float, FloatArray]:
    """Loudness of the window as its probability."""
    return float(np.abs(waveform[0, 64:]).mean() > 0.05), state


def sound(*seconds: tuple[float, float]) -> FloatArray:
    """So many seconds at this level, and at that."""
    return np.concatenate(
        [np.full(round(length * RATE), level, dtype=np.float32) for length, level in seconds]
    )


def segment(start_s: float, end_s: float) -> Segment:
    return Segment(text="Thank you.", tokens=(1,), start_s=start_s, end_s=end_s)


SPOKEN = sound((5, 0), (2, 0.5), (5, 0), (3, 0.5), (5, 0))  # from 5 to 7 s and from 12 to 15 s


@pytest.mark.parametrize("chunk", [160, 16_000, len(SPOKEN)])
def test_what_is_heard_in_silence_is_not_believed(chunk: int) -> None:
    voices = Voices(UtteranceStream(CONFIG, RATE, network))
    for i in range(0, len(SPOKEN), chunk):
        voices.push(SPOKEN[i : i + chunk])
    spans = [(0, 4.5), (4, 5.5), (5.5, 6), (6.5, 9), (7.5, 11.5), (8, 12.5), (14.9, 20), (15.5, 20)]
    found = [voices.in_segment(segment(*span)) for span in spans]
    assert found == [False, True, True, True, False, True, True, False]


def test_speech_that_still_goes_on_counts() -> None:
    voices = Voices(UtteranceStream(CONFIG, RATE, network))
    voices.push(SPOKEN[: 6 * RATE])
    assert not voices.in_segment(segment(0, 4.5))
    assert voices.in_segment(segment(4.5, 6))


def test_speech_that_the_end_of_the_stream_ends_counts() -> None:
    voices = Voices(UtteranceStream(CONFIG, RATE, network))
    voices.push(SPOKEN[: 6 * RATE])
    voices.flush()
    assert voices.in_segment(segment(5, 6))


def test_of_a_stream_that_nobody_asks_about_only_the_end_is_kept() -> None:
    voices = Voices(UtteranceStream(CONFIG, RATE, network))
    word = sound((0.4, 0.5), (0.6, 0))  # one a second
    for _ in range(MAX_SPANS + 50):
        voices.push(word)
    assert not voices.in_segment(segment(0, 49))
    assert voices.in_segment(segment(51, 52))
