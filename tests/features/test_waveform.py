"""Waveforms for networks that take them raw, against transformers' Wav2Vec2FeatureExtractor."""

from dataclasses import replace

import numpy as np
import pytest
from transformers import Wav2Vec2FeatureExtractor

from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.features.fbank import Fbank, FbankConfig
from earlet.features.waveform import Waveform, WaveformConfig

ZERO_MEAN_UNIT_VARIANCE = WaveformConfig(sample_rate=16_000, normalize="zero-mean-unit-variance")


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.5, 0.25), (1e-4, 0.0), (0.0, 0.5)])
def test_normalisation_is_that_of_wav2vec2(speech: FloatArray, gain: float, offset: float) -> None:
    waveform = speech * np.float32(gain) + np.float32(offset)
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True)
    # In float64 there: its float32 mean of 0.25 + speech is good to 1e-5 only.
    theirs = extractor(waveform.astype(np.float64), sampling_rate=16_000, return_tensors="np")
    ours = Waveform(ZERO_MEAN_UNIT_VARIANCE)(waveform)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs["input_values"][0], rtol=1e-5, atol=1e-5)


def test_without_normalisation_it_is_the_waveform_itself(speech: FloatArray) -> None:
    assert Waveform(WaveformConfig(sample_rate=16_000))(speech) is speech


@pytest.mark.parametrize("config", [WaveformConfig(sample_rate=8_000), ZERO_MEAN_UNIT_VARIANCE])
def test_no_samples_stay_no_samples(config: WaveformConfig) -> None:
    assert Waveform(config)(np.empty(0, dtype=np.float32)).shape == (0,)


def test_a_clip_of_one_length_is_padded_as_transformers_pads(speech: FloatArray) -> None:
    n_samples = len(speech) + 1_000
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True)
    theirs = extractor(
        speech.astype(np.float64),
        sampling_rate=16_000,
        padding="max_length",
        max_length=n_samples,
        return_attention_mask=True,
        return_tensors="np",
    )
    config = replace(ZERO_MEAN_UNIT_VARIANCE, clip_samples=n_samples)
    ours = Waveform(config)(speech)
    np.testing.assert_allclose(ours, theirs["input_values"][0], rtol=1e-5, atol=1e-5)


def test_a_longer_clip_is_cut_before_it_is_normalised() -> None:
    config = WaveformConfig(sample_rate=16_000, normalize="peak", clip_samples=3)
    clip = Waveform(config)(np.array([0.25, -1, 0.5, 0.9], dtype=np.float32))
    np.testing.assert_array_equal(clip, np.array([0.5, -2, 1], dtype=np.float32))


@pytest.mark.parametrize("clip", [[0, 0], [-0.5, -0.25], [1e-8, -1]])
def test_a_clip_without_a_peak_is_left_as_it_is(clip: list[float]) -> None:
    config = WaveformConfig(sample_rate=16_000, normalize="peak")
    waveform = np.array(clip, dtype=np.float32)
    np.testing.assert_array_equal(Waveform(config)(waveform), waveform)


@pytest.mark.parametrize(
    "config",
    [
        ZERO_MEAN_UNIT_VARIANCE,
        WaveformConfig(sample_rate=16_000, normalize="peak"),
        WaveformConfig(sample_rate=16_000, clip_samples=16_000),
    ],
)
def test_what_needs_the_whole_clip_is_refused_of_a_stream(config: WaveformConfig) -> None:
    with pytest.raises(InputError, match="need the whole clip"):
        Waveform(config).stream()
    with pytest.raises(InputError, match="need the whole clip"):
        Fbank(FbankConfig(normalize=config.normalize, clip_samples=config.clip_samples)).stream()


@pytest.mark.parametrize("n_samples", [-1, 10_000_001])
def test_an_impossible_length_of_a_clip_is_refused(n_samples: int) -> None:
    with pytest.raises(InputError, match=f"clip_samples of 0 to 10000000, got {n_samples}"):
        WaveformConfig(sample_rate=16_000, clip_samples=n_samples)
    with pytest.raises(InputError, match=f"clip_samples of 0 to 10000000, got {n_samples}"):
        FbankConfig(clip_samples=n_samples)


def test_a_sample_rate_of_zero_is_refused() -> None:
    with pytest.raises(InputError, match="expected 1000 to 768000 Hz, got 0"):
        WaveformConfig(sample_rate=0)
