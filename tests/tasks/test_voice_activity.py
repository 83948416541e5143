"""Where somebody speaks, with the bundle that ships."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import earlet
from earlet.arrays import FloatArray
from earlet.tasks.voice_activity import VoiceActivityDetection

ROOT = Path(__file__).parents[2]
PAD_S = 0.2  # the bundle's padding, and what the recogniser of speech may miss at a soft edge


@pytest.fixture(scope="module")
def vad() -> VoiceActivityDetection:
    return earlet.pipeline("voice-activity-detection", ROOT / "models" / "vad")


@pytest.fixture(scope="module")
def two_sentences(golden: Path) -> FloatArray:
    """2 s of hiss, a sentence of 5.9 s, 2 s, the sentence again, 2 s; hiss throughout."""
    sentence, _ = soundfile.read(golden / "whisper" / "1272-128104-0000.wav", dtype="float32")
    pause = np.zeros(32_000, dtype=np.float32)
    waveform = np.concatenate([pause, sentence, pause, sentence, pause])
    hiss = np.random.default_rng(2).normal(size=len(waveform)) * 1e-3
    return np.asarray(waveform + hiss, dtype=np.float32)


def test_the_sentences_are_found_and_the_pauses_are_not(
    vad: VoiceActivityDetection, two_sentences: FloatArray
) -> None:
    segments = vad(two_sentences, sampling_rate=16_000)
    spoken = [(2.0, 7.855), (9.855, 15.71)]
    for segment in segments:
        assert any(a - PAD_S <= segment.start_s < segment.end_s <= b + PAD_S for a, b in spoken)
    assert sum(s.end_s - s.start_s for s in segments) > 0.8 * sum(b - a for a, b in spoken)


@settings(max_examples=8)
@given(cuts=st.lists(st.integers(0, 283_360), max_size=40).map(sorted))
def test_any_chunking_gives_the_same_segments(
    vad: VoiceActivityDetection, two_sentences: FloatArray, cuts: list[int]
) -> None:
    whole = vad(two_sentences, sampling_rate=16_000)
    assert list(vad.listen(np.split(two_sentences, cuts))) == whole


@pytest.mark.parametrize("n_samples", [0, 1, 511, 512, 16_000])
def test_silence_has_no_speech(vad: VoiceActivityDetection, n_samples: int) -> None:
    assert vad(np.zeros(n_samples, dtype=np.float32), sampling_rate=16_000) == []
