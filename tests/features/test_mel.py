"""Mel filters against librosa (straight in hertz) and transformers (straight in mel)."""

import librosa
import numpy as np
import pytest
from librosa.filters import mel as librosa_mel
from transformers.audio_utils import mel_filter_bank

from earlet.errors import InputError
from earlet.features.mel import MelScale, hz_to_mel, mel_filters, mel_to_hz

FREQUENCIES = np.linspace(0, 24_000, 1_001)  # Hz


@pytest.mark.parametrize("n_mels", [80, 128])
def test_whisper_filters_are_librosas(n_mels: int) -> None:
    ours = mel_filters(
        sample_rate=16_000,
        n_fft=400,
        n_mels=n_mels,
        f_min=0.0,
        f_max=8_000.0,
        scale="slaney",
        straight_in="hz",
        norm="slaney",
    )
    theirs = librosa_mel(sr=16_000, n_fft=400, n_mels=n_mels, fmin=0, fmax=8_000)
    np.testing.assert_allclose(ours, theirs.T, rtol=1e-6, atol=1e-8)


def test_htk_scale_without_norm_is_librosas() -> None:
    ours = mel_filters(
        sample_rate=22_050,
        n_fft=1_024,
        n_mels=40,
        f_min=50.0,
        f_max=10_000.0,
        scale="htk",
        straight_in="hz",
    )
    theirs = librosa_mel(
        sr=22_050, n_fft=1_024, n_mels=40, fmin=50, fmax=10_000, htk=True, norm=None
    )
    np.testing.assert_allclose(ours, theirs.T, atol=1e-6)


@pytest.mark.parametrize(("n_mels", "f_min", "f_max"), [(23, 0, 8_000), (40, 20, 7_600)])
def test_kaldi_filters_are_those_of_transformers(n_mels: int, f_min: float, f_max: float) -> None:
    ours = mel_filters(
        sample_rate=16_000,
        n_fft=512,
        n_mels=n_mels,
        f_min=f_min,
        f_max=f_max,
        scale="htk",
        straight_in="mel",
    )
    theirs = mel_filter_bank(
        num_frequency_bins=257,
        num_mel_filters=n_mels,
        min_frequency=f_min,
        max_frequency=f_max,
        sampling_rate=16_000,
        mel_scale="kaldi",
        triangularize_in_mel_space=True,
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize(("scale", "htk"), [("htk", True), ("slaney", False)])
def test_mel_scale_is_librosas(scale: MelScale, htk: bool) -> None:
    theirs = librosa.hz_to_mel(FREQUENCIES, htk=htk)
    # librosa's HTK scale is 2595 log10(1 + f / 700): 1126.99 for Kaldi's 1127.
    np.testing.assert_allclose(hz_to_mel(FREQUENCIES, scale), theirs, rtol=1e-5)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mel_to_hz_is_the_inverse(scale: MelScale) -> None:
    there_and_back = mel_to_hz(hz_to_mel(FREQUENCIES, scale), scale)
    np.testing.assert_allclose(there_and_back, FREQUENCIES, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(("f_min", "f_max"), [(-1, 8_000), (8_000, 8_000), (20, 8_001), (20, 0)])
def test_an_empty_or_impossible_band_is_refused(f_min: float, f_max: float) -> None:
    with pytest.raises(InputError, match=r"need 0 <= f_min < f_max <= 8000 Hz"):
        mel_filters(
            sample_rate=16_000,
            n_fft=512,
            n_mels=40,
            f_min=f_min,
            f_max=f_max,
            scale="htk",
            straight_in="mel",
        )
