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
from data import COMMANDS, FRONT_END, LABELS, NONE, SAMPLE_RATE, load_held_out, load_training
from evaluate import BLOCK, HOP_MS, Heard, Listener, Setting, poisson_bounds
from network import STRIDE, WINDOW_FRAMES, Spotter
from segments import MAX_WORDS, N_FRAMES, N_OUTPUTS, POWER_FLOOR, Segments
from streams import LEVEL_DBFS, SNR_DB, SPACING_S, Spoken, splice, unlike_noises, with_noise
from synthesis import sounds_near
from words import active_rms, find_word, seconds

import earlet
from earlet.arrays import FloatArray
from earlet.features.fbank import Fbank
from earlet.results import Detection

MODEL = Path(__file__).parents[2] / "commands-en"


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


class HeardAt:
    """A network that hears commands at given times, and a second stage that likes some of them."""

    def __init__(self, posteriors: dict[float, tuple[str, float]]) -> None:
        self._posteriors = posteriors

    def __call__(self, waveform: FloatArray) -> FloatArray:
        """Posteriors, (n_hops, n_labels)."""
        rows = np.zeros((len(waveform) * 1_000 // HOP_MS // SAMPLE_RATE, len(LABELS)), np.float32)
        for at, (label, posterior) in self._posteriors.items():
            hop = round(at * 1_000 / HOP_MS)
            rows[hop : hop + 2, LABELS.index(label)] = posterior
        return rows

    def score(self, _: FloatArray, event: Detection) -> float:
        """Of all commands but one it is certain."""
        return -9.0 if event.label == "up" else -1.0


def test_an_answer_is_the_right_word_in_time_and_all_else_is_wrong() -> None:
    words = [("go", 1.0, 1.5), ("up", 4.0, 4.5), ("one", 7.0, 7.5), ("left", 10.0, 10.5)]
    network = HeardAt(
        {
            1.8: ("go", 0.9),  # right
            4.8: ("up", 0.7),  # right, but not over 0.8, nor to the second stage
            7.8: ("five", 0.9),  # another word
            11.4: ("left", 0.9),  # more than 0.75 s after the word
        }
    )
    spoken = Spoken(np.zeros(13 * SAMPLE_RATE, dtype=np.float32), words)
    heard = Heard(spoken, network, network)  # type: ignore[arg-type]
    for setting, answered in (
        (Setting(0.5), [True, True, False, False]),
        (Setting(0.8), [True, False, False, False]),
        (Setting(0.5, score=-5.0), [True, False, False, False]),
    ):
        answers, wrong = heard.answers(setting)
        assert answers.tolist() == answered
        assert wrong == 2


def test_many_windows_at_once_are_heard_as_in_earlets_stream() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, seconds(BLOCK * HOP_MS / 1_000 + 2.0))
    waveform = noise.astype(np.float32)
    spotter = earlet.pipeline("audio-classification", MODEL)
    expected = np.stack(spotter.posterior_stream().push(waveform))
    posteriors = Listener(MODEL / "network.int8.onnx")(waveform)
    np.testing.assert_allclose(posteriors, expected, atol=1e-5)


def test_near_words_are_those_of_which_a_part_is_the_command_but_for_an_edit() -> None:
    # Phonemes as the CMU Pronouncing Dictionary gives them.
    zero, go = ["Z", "IH", "R", "OW"], ["G", "OW"]
    assert sounds_near(["HH", "IH", "R", "OW"], zero)  # hero: one replaced
    assert sounds_near(["Z", "IH", "R", "OW", "Z"], zero)  # zeros: one more
    assert sounds_near(["AH", "G", "OW"], go)  # ago: all of it
    assert not sounds_near(["N", "OW"], go)  # no: of two phonemes none may differ
    assert not sounds_near(["T", "EY", "B", "AH", "L"], zero)  # table
    assert not sounds_near(["S", "AH", "B", "Z", "IH", "R", "OW", "D", "AH"], zero)  # too long


def test_unlike_noises_are_the_same_each_time_and_never_silent() -> None:
    first, second = unlike_noises(), unlike_noises()
    for name, noise in first.items():
        np.testing.assert_array_equal(noise, second[name])
        level = active_rms(noise)
        quietest = min(active_rms(part) for part in np.array_split(noise, 20))
        assert 20 * np.log10(quietest / level) > -20, name


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
