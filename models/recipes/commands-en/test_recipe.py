"""Tests of the recipe; they need torch and, for the splits, the data folder.

PYTHONPATH=models/recipes/commands-en pytest models/recipes/commands-en
"""

# ruff: noqa: D103  (a test is named by what it says)
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from augment import mix
from data import COMMANDS, FRONT_END, NONE, load_held_out, load_training
from evaluate import LEVEL_DBFS, SNR_DB, SPACING_S, poisson_bounds, splice, with_noise
from network import STRIDE, WINDOW_FRAMES, Spotter
from segments import MAX_WORDS, N_FRAMES, N_OUTPUTS, POWER_FLOOR, Segments
from words import active_rms, find_word, seconds

from earlet.arrays import FloatArray
from earlet.features.fbank import Fbank


def data_folder() -> Path:
    folder = Path(os.environ.get("EARLET_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip("needs the data folder: set EARLET_DATA")
    return folder


def burst(length: int, start: int, end: int) -> FloatArray:
    """A tone between two samples, in quiet noise."""
    rng = np.random.default_rng(0)
    waveform = rng.normal(0, 1e-3, length)
    waveform[start:end] += 0.3 * np.sin(np.arange(end - start))
    return waveform.astype(np.float32)


def test_one_window_gives_one_output_and_windows_agree_with_the_stream() -> None:
    torch.manual_seed(0)
    network = Spotter().eval()
    frames = torch.randn(1, WINDOW_FRAMES + 4 * STRIDE, FRONT_END.n_mels)
    with torch.no_grad():
        stream = network(frames)
        windows = [network(frames[:, i * STRIDE :][:, :WINDOW_FRAMES]) for i in range(5)]
    assert all(window.shape == (1, 1, len(COMMANDS) + 1) for window in windows)
    torch.testing.assert_close(torch.cat(windows, dim=1), stream, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("n_events", "low", "high"),
    # Exact limits of a Poisson mean, Garwood 1936, Biometrika 28, table.
    [(0, 0.0, 3.69), (1, 0.0253, 5.57), (5, 1.62, 11.67), (10, 4.80, 18.39)],
)
def test_bounds_of_a_rate_are_those_of_garwoods_table(
    n_events: int, low: float, high: float
) -> None:
    assert poisson_bounds(n_events, 1.0) == pytest.approx((low, high), abs=0.006)
    assert poisson_bounds(n_events, 2.0) == pytest.approx((low / 2, high / 2), abs=0.003)


def test_a_burst_is_found_within_two_frames_of_its_ends() -> None:
    word = find_word(burst(16_000, 4_000, 9_000))
    assert word is not None
    assert abs(word.start - 4_000) <= seconds(0.035)
    assert abs(word.end - 9_000) <= seconds(0.035)


def test_no_word_is_found_in_even_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 16_000).astype(np.float32)
    assert find_word(noise) is None


def test_mixed_silence_is_the_front_ends_floor() -> None:
    n = 200
    silence = Segments(
        np.full((n, N_FRAMES, FRONT_END.n_mels), np.log(POWER_FLOOR), np.float16),
        np.full((n, N_OUTPUTS), NONE, np.int8),
        np.full((n, MAX_WORDS, 2), NONE, np.int16),
        np.zeros(n, np.int16),
    )
    quiet = np.full((n, N_FRAMES, FRONT_END.n_mels), -40, np.float16)
    features = mix(silence, quiet, np.random.default_rng(0))
    floor = Fbank(FRONT_END)(np.zeros(FRONT_END.win_length, dtype=np.float32))[0, 0]
    assert np.isfinite(features).all()
    assert (np.abs(features - floor) < 0.15).any(axis=(1, 2)).mean() > 0.05


def test_commands_are_spliced_at_one_level_and_noise_lies_below_it() -> None:
    clips = [("go", burst(16_000, 4_000, 9_000) * np.float32(gain)) for gain in (0.1, 1.0)]
    spliced = splice(clips)
    for label, start, end in spliced.words:
        spoken = spliced.waveform[seconds(start) : seconds(end)]
        assert label == "go"
        assert 20 * np.log10(active_rms(spoken)) == pytest.approx(LEVEL_DBFS, abs=0.1)
    assert spliced.words[1][1] - spliced.words[0][1] == pytest.approx(SPACING_S, abs=0.02)
    hiss = np.random.default_rng(0).normal(0, 1, 16_000).astype(np.float32)
    noise = with_noise(np.zeros(48_000, dtype=np.float32), hiss)
    level = 10 * np.log10(np.square(noise).mean())
    assert level == pytest.approx(LEVEL_DBFS - SNR_DB, abs=0.1)


def test_no_recording_is_both_learned_from_and_measured_on() -> None:
    folder = data_folder()
    training, held_out = load_training(folder), load_held_out(folder)
    learned = [
        *training.arabic,
        *training.phrases,
        *training.orders,
        *training.reading,
        *(clip for clips in (*training.commands, *training.words.values()) for clip in clips),
    ]
    measured = [
        *held_out.words,
        *(clip for clips in (*held_out.commands, *held_out.speech.values()) for clip in clips),
    ]
    seen = {clip.tobytes() for clip in learned}
    assert not [len(clip) for clip in measured if clip.tobytes() in seen]
