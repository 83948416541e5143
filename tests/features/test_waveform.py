"""Waveforms for networks that take them raw, against transformers' Wav2Vec2FeatureExtractor."""

import numpy as np
import pytest
from transformers import Wav2Vec2FeatureExtractor

from earlet.arrays import FloatArray
from earlet.errors import InputError
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


def test_normalisation_of_a_stream_is_refused() -> None:
    with pytest.raises(InputError, match="needs the whole clip"):
        Waveform(ZERO_MEAN_UNIT_VARIANCE).stream()


def test_a_sample_rate_of_zero_is_refused() -> None:
    with pytest.raises(InputError, match="sample_rate above 0 Hz, got 0"):
        WaveformConfig(sample_rate=0)
