"""The streaming resampler against soxr's own whole-signal call, and sines known exactly."""

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.audio.resample import QUALITY, Resampler

SINE_TOLERANCE = 2e-4  # soxr's HQ leaves ripple of -80 dB or so in the pass band
EDGE_S = 0.025  # seconds at each end where the silence around the sine is seen

rates = st.sampled_from([8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000])


def resample(waveform: FloatArray, lengths: list[int], from_rate: int, to_rate: int) -> FloatArray:
    """In chunks of these lengths, and the rest."""
    resampler = Resampler(from_rate, to_rate)
    chunks = np.split(waveform, np.minimum(np.cumsum(lengths, dtype=int), len(waveform)))
    return np.concatenate([*map(resampler.push, chunks), resampler.flush()])


@given(rate=rates, lengths=st.lists(st.integers(0, 5_000), max_size=8))
def test_any_chunking_gives_what_soxr_gives_for_the_whole(rate: int, lengths: list[int]) -> None:
    waveform = np.random.default_rng(0).uniform(-1, 1, 12_345).astype(np.float32)
    expected = soxr.resample(waveform, rate, 16_000, quality=QUALITY)
    found = resample(waveform, lengths, rate, 16_000)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("hz", [100, 440, 3_000])
@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 192_000])
def test_a_sine_stays_the_same_sine(rate: int, hz: int) -> None:
    def sine(at: int) -> FloatArray:
        return np.sin(2 * np.pi * hz * np.arange(at) / at).astype(np.float32)

    found = resample(sine(rate), [rate // 3], rate, 16_000)
    assert abs(len(found) - 16_000) <= 1
    edge = int(EDGE_S * 16_000)
    np.testing.assert_allclose(
        found[edge : 16_000 - edge], sine(16_000)[edge:-edge], rtol=0, atol=SINE_TOLERANCE
    )


def test_a_tone_that_the_new_rate_cannot_hold_is_gone() -> None:
    tone = np.sin(2 * np.pi * 12_000 * np.arange(48_000) / 48_000).astype(np.float32)
    found = resample(tone, [], 48_000, 16_000)
    assert np.abs(found[400:-400]).max() < 1e-4  # -80 dB


def test_one_rate_hands_the_very_samples_through() -> None:
    waveform = np.linspace(-1, 1, 100, dtype=np.float32)
    resampler = Resampler(16_000, 16_000)
    assert resampler.push(waveform) is waveform
    assert len(resampler.flush()) == 0


def test_nothing_comes_of_nothing() -> None:
    resampler = Resampler(48_000, 16_000)
    assert len(resampler.push(np.empty(0, dtype=np.float32))) == 0
    assert len(resampler.flush()) == 0
