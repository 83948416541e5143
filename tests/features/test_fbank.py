"""Kaldi's filterbank against kaldi-native-fbank, HTK's stored values, and AST's."""

import json
from pathlib import Path

import kaldi_native_fbank as knf
import numpy as np
import pytest
import soundfile

from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.features.fbank import LOG_FLOOR, Fbank, FbankConfig

MASKED = 16.0  # log energy below a frame's loudest band: 70 dB
KALDI_WINDOWS = {"povey": "povey", "hann-symmetric": "hanning", "hamming": "hamming"}


def kaldi_fbank(waveform: FloatArray, config: FbankConfig) -> FloatArray:
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = config.sample_rate
    options.frame_opts.frame_length_ms = 1000 * config.win_length / config.sample_rate
    options.frame_opts.frame_shift_ms = 1000 * config.hop_length / config.sample_rate
    options.frame_opts.window_type = KALDI_WINDOWS[config.window]
    options.frame_opts.preemph_coeff = config.preemphasis
    options.frame_opts.remove_dc_offset = config.remove_dc
    options.mel_opts.num_bins = config.n_mels
    options.mel_opts.low_freq = config.f_min
    options.mel_opts.high_freq = config.f_max
    options.use_power = config.spectrum == "power"
    fbank = knf.OnlineFbank(options)
    fbank.accept_waveform(config.sample_rate, waveform * np.float32(config.sample_scale))
    fbank.input_finished()
    return np.array([fbank.get_frame(i) for i in range(fbank.num_frames_ready)], dtype=np.float32)


@pytest.mark.parametrize(
    "config",
    [
        FbankConfig(),
        FbankConfig(sample_scale=32_768.0),
        FbankConfig(n_mels=40, f_max=7_600.0, window="hamming"),
        FbankConfig(n_mels=40, window="hann-symmetric", preemphasis=0.0, remove_dc=False),
        FbankConfig(n_mels=40, win_length=480, hop_length=320, sample_scale=32_768.0),
        FbankConfig(n_mels=128, win_length=1_024, n_fft=1_024, sample_scale=32_768.0),
        FbankConfig(n_mels=40, spectrum="magnitude"),
    ],
    ids=["80", "80-int16", "40-hamming", "40-hann-plain", "40-long", "128", "40-magnitude"],
)
def test_energies_are_those_of_kaldi_native_fbank(speech: FloatArray, config: FbankConfig) -> None:
    ours, theirs = Fbank(config)(speech), kaldi_fbank(speech, config)
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    audible = theirs > theirs.max(axis=1, keepdims=True) - MASKED
    assert audible.mean() > 0.98
    np.testing.assert_allclose(ours[audible], theirs[audible], rtol=0, atol=5e-4)
    # Below that, and next to the floor, the rounding of both programs' float32 spectra shows:
    # Kaldi's alone is 1e-3 from the same formula in float64.
    lowest = np.log(LOG_FLOOR) + 1
    np.testing.assert_allclose(
        np.maximum(ours, lowest), np.maximum(theirs, lowest), rtol=0, atol=2e-3
    )


def test_energies_are_those_of_htk(golden: Path) -> None:
    waveform, _ = soundfile.read(golden / "kaldi" / "test.wav", dtype="float32")
    fbank = Fbank(
        FbankConfig(
            n_mels=23,
            f_min=0.0,
            window="hamming",
            preemphasis=0.0,
            remove_dc=False,
            sample_scale=32_768.0,
            log_floor=1.0,
        )
    )
    stored = np.fromfile(golden / "kaldi" / "fbank_htk.1", dtype=">f4", offset=12)
    np.testing.assert_allclose(fbank(waveform), stored.reshape(142, 23), atol=2e-4)


def test_energies_are_those_of_the_audio_spectrogram_transformer(
    speech: FloatArray, golden: Path
) -> None:
    expected = json.loads((golden / "whisper" / "expected.json").read_text())["ast"]
    fbank = Fbank(
        FbankConfig(n_mels=128, window="hann-symmetric", mean=-4.2677393, std=2 * 4.5689974)
    )
    np.testing.assert_allclose(fbank(speech)[0, :30], expected["values"], atol=expected["atol"])


def test_silence_is_the_logarithm_of_the_floor() -> None:
    fbank = Fbank(FbankConfig(log_floor=1e-6, mean=-4.0, std=4.0))
    expected = (np.log(1e-6) + 4) / 4
    np.testing.assert_allclose(fbank(np.zeros(4_000, dtype=np.float32)), expected, rtol=1e-6)


def test_an_offset_is_added_to_the_energies() -> None:
    fbank = Fbank(FbankConfig(log_offset=0.5))
    np.testing.assert_allclose(fbank(np.zeros(400, dtype=np.float32)), np.log(0.5), rtol=1e-6)


@pytest.mark.parametrize(("n_samples", "n_frames"), [(0, 0), (399, 0), (400, 1), (560, 2)])
def test_only_whole_frames_count(n_samples: int, n_frames: int) -> None:
    features = Fbank(FbankConfig())(np.zeros(n_samples, dtype=np.float32))
    assert features.shape == (n_frames, 80)
    assert features.dtype == np.float32


@pytest.mark.parametrize("n_frames", [1, 40, 582, 1_024])
def test_a_fixed_number_of_frames_is_cut_or_filled_up(speech: FloatArray, n_frames: int) -> None:
    # As AST: what is filled up is 0 before the mean is subtracted, whatever silence would give.
    frames = Fbank(FbankConfig(mean=-4.0, std=8.0))(speech)
    features = Fbank(FbankConfig(mean=-4.0, std=8.0, n_frames=n_frames))(speech)
    assert features.shape == (n_frames, 80)
    np.testing.assert_allclose(features[: len(frames)], frames[:n_frames], atol=1e-5)
    np.testing.assert_array_equal(features[len(frames) :], np.float32(0.5))


def test_a_stream_has_no_fixed_number_of_frames() -> None:
    with pytest.raises(InputError, match="a stream needs n_frames 0, got 98"):
        Fbank(FbankConfig(n_frames=98)).stream()


def test_mel_energies_of_uncorrelated_sounds_add_up() -> None:
    # Tones an octave and more apart share no filter: their powers add without interference.
    n = np.arange(16_000) / 16_000
    low, high = (np.sin(2 * np.pi * f * n).astype(np.float32) for f in (500, 4_000))
    fbank = Fbank(FbankConfig(preemphasis=0.0))
    together = fbank.mel_energies(low + high)
    apart = fbank.mel_energies(low) + fbank.mel_energies(high)
    np.testing.assert_allclose(together, apart, rtol=1e-2, atol=1e-3 * apart.max())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hop_length": 0}, "need 0 < hop_length <= win_length <= n_fft <= 16384, got 0, 400, 512"),
        ({"hop_length": 401}, "got 401, 400, 512"),
        ({"n_fft": 256}, "got 160, 400, 256"),
        ({"n_mels": 0}, "need n_mels of 1 to 256, got 0"),
        ({"n_mels": 4_000, "n_fft": 8_192}, "need n_mels of 1 to 1024, got 4000"),
        ({"sample_rate": 10**12}, "expected 1000 to 768000 Hz, got 1000000000000"),
        ({"n_frames": -1}, "need n_frames of 0 to 60000, got -1"),
        ({"std": 0}, "need std above 0, got 0"),
        ({"log_floor": float("nan")}, "need log_floor above 0, got nan"),
        ({"mean": -1e7}, r"need mean of at most 1e\+06, got -1e\+07"),
    ],
)
def test_impossible_settings_are_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        FbankConfig(**fields)  # type: ignore[arg-type]
