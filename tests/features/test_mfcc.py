"""MFCC against HTK's stored values, kaldi-native-fbank, librosa and the MLPerf Tiny front end."""

import json
from pathlib import Path

import kaldi_native_fbank as knf
import librosa
import numpy as np
import pytest
import soundfile

from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.features.fbank import Fbank
from earlet.features.mfcc import Mfcc, MfccConfig

MLPERF_TINY_KEYWORDS = MfccConfig(
    normalize="peak",
    clip_samples=16_000,
    win_length=480,
    hop_length=320,
    n_mels=40,
    f_min=20.0,
    f_max=4_000.0,
    window="hann",
    preemphasis=0.0,
    remove_dc=False,
    spectrum="magnitude",
    log_offset=1e-6,
    n_mfcc=10,
    dct="htk",
    lifter=0.0,
)


@pytest.mark.parametrize(
    ("file", "preemphasis", "use_energy"), [("fea_htk.1", 0.0, False), ("fea_htk.4", 0.97, True)]
)
def test_static_coefficients_are_those_of_htk(
    golden: Path, file: str, preemphasis: float, use_energy: bool
) -> None:
    waveform, _ = soundfile.read(golden / "kaldi" / "test.wav", dtype="float32")
    mfcc = Mfcc(
        MfccConfig(
            n_mels=23,
            f_min=0.0,
            window="hamming",
            preemphasis=preemphasis,
            remove_dc=False,
            sample_scale=32_768.0,
            log_floor=1.0,
            dct="htk",
            use_energy=use_energy,
        )
    )
    stored = np.fromfile(golden / "kaldi" / file, dtype=">f4", offset=12).reshape(142, 39)
    htk_order = np.roll(mfcc(waveform), -1, axis=1)
    np.testing.assert_allclose(htk_order, stored[:, :13], atol=1e-3)


@pytest.mark.parametrize("use_energy", [False, True])
@pytest.mark.parametrize("lifter", [0.0, 22.0])
def test_coefficients_are_those_of_kaldi_native_fbank(
    speech: FloatArray, use_energy: bool, lifter: float
) -> None:
    config = MfccConfig(
        n_mels=23, sample_scale=32_768.0, n_mfcc=13, lifter=lifter, use_energy=use_energy
    )
    options = knf.MfccOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = config.n_mels
    options.cepstral_lifter = lifter
    options.use_energy = use_energy
    kaldi = knf.OnlineMfcc(options)
    kaldi.accept_waveform(16_000, speech * np.float32(32_768))
    kaldi.input_finished()
    theirs = np.array([kaldi.get_frame(i) for i in range(kaldi.num_frames_ready)])
    np.testing.assert_allclose(Mfcc(config)(speech), theirs, atol=2e-3)


def test_orthonormal_transform_is_librosas(speech: FloatArray) -> None:
    config = MfccConfig(n_mels=40, n_mfcc=20, lifter=0.0)
    log_mel = Fbank(config)(speech)
    theirs = librosa.feature.mfcc(S=log_mel.T, n_mfcc=20, dct_type=2, norm="ortho")
    np.testing.assert_allclose(Mfcc(config)(speech), theirs.T, atol=1e-4)


def test_first_frames_are_those_of_the_mlperf_keyword_model(shared_data: Path) -> None:
    mfcc = Mfcc(MLPERF_TINY_KEYWORDS)
    expected = json.loads((shared_data / "tflite" / "kws_expected.json").read_text())
    for clip in expected["clips"]:
        waveform, _ = soundfile.read(shared_data / clip["file"], dtype="float32")
        features = mfcc(waveform)
        assert features.shape == (49, 10)
        np.testing.assert_allclose(features[0], clip["mfcc_frame0"], atol=2e-4)


def test_energy_does_not_see_the_offset_that_is_removed(speech: FloatArray) -> None:
    mfcc = Mfcc(MfccConfig(n_mels=23, use_energy=True))
    offset = mfcc(speech + np.float32(0.25))
    # The sum itself is rounded to float32: 2^-25 of noise on each sample.
    np.testing.assert_allclose(offset[:, 0], mfcc(speech)[:, 0], atol=1e-3)


@pytest.mark.parametrize("use_energy", [False, True])
def test_less_than_a_frame_gives_no_row(use_energy: bool) -> None:
    mfcc = Mfcc(MfccConfig(use_energy=use_energy))
    for n_samples in (0, 1, 399):
        features = mfcc(np.zeros(n_samples, dtype=np.float32))
        assert features.shape == (0, 13)
        assert features.dtype == np.float32


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n_mfcc": 0}, "need 0 < n_mfcc <= n_mels, got 0, 80"),
        ({"n_mfcc": 81}, "need 0 < n_mfcc <= n_mels, got 81, 80"),
        ({"lifter": -1}, "need a lifter of 0 or more, got -1"),
        ({"hop_length": 0}, "need 0 < hop_length"),
        ({"use_energy": True, "n_frames": 49}, "use_energy needs n_frames 0, got 49"),
    ],
)
def test_impossible_settings_are_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        MfccConfig(**fields)  # type: ignore[arg-type]
