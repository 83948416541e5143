"""Whisper's log-mel spectrogram against transformers: its NumPy path, and its stored values."""

import json
from pathlib import Path

import numpy as np
import pytest
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function
from transformers.models.whisper.feature_extraction_whisper import WhisperFeatureExtractor

from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.features.log_mel import LogMel, LogMelConfig

TOLERANCE = 2e-5  # float32 here, float64 there
SECONDS_30 = 480_000  # samples


@pytest.fixture(scope="module")
def log_mel() -> LogMel:
    return LogMel(LogMelConfig())


@pytest.fixture(scope="module")
def whisper() -> WhisperFeatureExtractor:
    return WhisperFeatureExtractor()


def unpadded_reference(waveform: FloatArray) -> FloatArray:
    """What WhisperFeatureExtractor computes, without its padding to 30 s, in float64."""
    filters = mel_filter_bank(201, 80, 0.0, 8_000.0, 16_000, norm="slaney", mel_scale="slaney")
    log_energies = spectrogram(
        waveform.astype(np.float64),
        window_function(400, "hann"),
        frame_length=400,
        hop_length=160,
        power=2.0,
        mel_filters=filters,
        log_mel="log10",
        dtype=np.float64,
    )[:, :-1]
    clamped = np.maximum(log_energies, log_energies.max() - 8)
    return np.asarray((clamped.T + 4) / 4, dtype=np.float32)


def test_first_frames_are_the_values_that_whisper_expects(
    log_mel: LogMel, speech: FloatArray, golden: Path
) -> None:
    expected = json.loads((golden / "whisper" / "expected.json").read_text())["whisper"]
    features = log_mel(speech)
    assert features.shape == (3_000, 80)
    np.testing.assert_allclose(features[:30, 0], expected["values"], atol=expected["atol"])


@pytest.mark.parametrize("n_mels", [80, 128])
def test_a_padded_clip_is_that_of_transformers(speech: FloatArray, n_mels: int) -> None:
    ours = LogMel(LogMelConfig(n_mels=n_mels))(speech)
    whisper = WhisperFeatureExtractor(feature_size=n_mels)
    theirs = whisper(speech, sampling_rate=16_000, return_tensors="np")["input_features"][0]
    np.testing.assert_allclose(ours, theirs.T, atol=TOLERANCE)


@pytest.mark.parametrize(
    "n_samples",
    [1, 159, 200, 201, 400, 479_500, 479_799, 479_801, 479_999, SECONDS_30, SECONDS_30 + 16_123],
)
def test_clips_of_any_length_are_those_of_transformers(
    log_mel: LogMel, whisper: WhisperFeatureExtractor, speech: FloatArray, n_samples: int
) -> None:
    waveform = np.resize(speech, n_samples)
    theirs = whisper(waveform, sampling_rate=16_000, truncation=False, return_tensors="np")
    np.testing.assert_allclose(log_mel(waveform), theirs["input_features"][0].T, atol=TOLERANCE)


@pytest.mark.parametrize("gain", [0.0, 1e-4, 1.0])
def test_quiet_passages_are_clamped_as_in_transformers(
    log_mel: LogMel, whisper: WhisperFeatureExtractor, speech: FloatArray, gain: float
) -> None:
    waveform = speech.copy()
    waveform[20_000:60_000] *= gain
    theirs = whisper(waveform, sampling_rate=16_000, return_tensors="np")["input_features"][0]
    np.testing.assert_allclose(log_mel(waveform), theirs.T, atol=TOLERANCE)


def test_a_faint_clip_whose_padding_is_not_clamped_is_that_of_transformers(
    log_mel: LogMel, whisper: WhisperFeatureExtractor, speech: FloatArray
) -> None:
    faint = speech * np.float32(1e-4)
    theirs = whisper(faint, sampling_rate=16_000, return_tensors="np")["input_features"][0]
    assert theirs.max() - theirs.min() < 2  # less than the 8 / 4 of the dynamic range
    np.testing.assert_allclose(log_mel(faint), theirs.T, atol=TOLERANCE)


@pytest.mark.parametrize("n_samples", [201, 400, 401, 16_000, 93_680])
def test_unpadded_clips_are_those_of_transformers(speech: FloatArray, n_samples: int) -> None:
    waveform = speech[:n_samples]
    features = LogMel(LogMelConfig(pad_seconds=0.0))(waveform)
    np.testing.assert_allclose(features, unpadded_reference(waveform), atol=TOLERANCE)


@pytest.mark.parametrize("n_samples", [0, 1, 160, 200])
def test_half_a_window_without_padding_gives_no_frame(n_samples: int) -> None:
    features = LogMel(LogMelConfig(pad_seconds=0.0))(np.ones(n_samples, dtype=np.float32))
    assert features.shape == (0, 80)
    assert features.dtype == np.float32


@pytest.mark.parametrize("n_samples", [0, 16_000])
def test_silence_padded_is_30_seconds_of_the_floor(log_mel: LogMel, n_samples: int) -> None:
    features = log_mel(np.zeros(n_samples, dtype=np.float32))
    assert features.shape == (3_000, 80)
    np.testing.assert_allclose(features, (np.log10(1e-10) + 4) / 4, rtol=1e-6)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hop_length": 200}, r"need 0 < hop_length < n_fft // 2 <= 8192, got 200, 400"),
        ({"n_mels": 0}, "need n_mels of 1 to 200, got 0"),
        ({"pad_seconds": -1}, "need pad_seconds of 0 to 60000 frames, got -1 s"),
        ({"pad_seconds": 601}, "need pad_seconds of 0 to 60000 frames, got 601 s"),
        ({"dynamic_range": -1}, "need dynamic_range of 0 or more, got -1"),
        ({"sample_rate": 10**12}, "expected 1000 to 768000 Hz, got 1000000000000"),
        ({"log_floor": 0}, "need log_floor above 0, got 0"),
        ({"std": 1e39}, r"need std of at most 1e\+06, got 1e\+39"),
    ],
)
def test_impossible_settings_are_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LogMelConfig(**fields)  # type: ignore[arg-type]
