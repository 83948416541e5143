"""What is listened to in the measurement: commands one after the other, and noises over them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from data import SAMPLE_RATE, HeldOutData
from numpy.random import Generator
from scipy.signal import lfilter
from words import Word, active_rms, find_word, play_at, seconds

from earlet.arrays import FloatArray

SPACING_S = 3.0  # from one command of a stream to the next
LEVEL_DBFS = -22.0  # active level of the commands
SNR_DB = 10.0  # active level of the commands to the level of the noise
SPEEDS = (0.85, 0.92, 1.0, 1.09, 1.17)  # at which the continuous speech is played once more
UNLIKE_S = 60.0  # of each noise that is made by rule
SEED = 2


@dataclass(frozen=True)
class Spoken:
    """A stream, and the words that are spoken in it."""

    waveform: FloatArray
    words: list[tuple[str, float, float]] = field(default_factory=list)  # label, start, end in s

    @property
    def hours(self) -> float:
        """Its length."""
        return len(self.waveform) / SAMPLE_RATE / 3600


def splice(clips: Sequence[tuple[str, FloatArray]]) -> Spoken:
    """One clip every `SPACING_S` in digital silence, in an order drawn once, at `LEVEL_DBFS`."""
    spacing = seconds(SPACING_S)
    waveform = np.zeros(len(clips) * spacing + spacing, dtype=np.float32)
    words = []
    for position, i in enumerate(np.random.default_rng(SEED).permutation(len(clips))):
        label, clip = clips[i]
        clip = clip[:spacing]
        word = find_word(clip) or Word(clip, 0, len(clip))
        at = position * spacing + spacing // 2
        gain = 10 ** (LEVEL_DBFS / 20) / active_rms(word.spoken)
        waveform[at : at + len(clip)] = clip * np.float32(gain)
        words.append((label, (at + word.start) / SAMPLE_RATE, (at + word.end) / SAMPLE_RATE))
    return Spoken(np.clip(waveform, -1, 1), words)


def with_noise(waveform: FloatArray, noise: FloatArray) -> FloatArray:
    """Commands at `LEVEL_DBFS` with a noise, repeated to their length, `SNR_DB` below."""
    level = 10 ** ((LEVEL_DBFS - SNR_DB) / 20)
    repeated = np.resize(noise, len(waveform)) * np.float32(
        level / np.sqrt(np.square(noise).mean())
    )
    return np.clip(waveform + repeated, -1, 1)


def at_speeds(data: HeldOutData) -> list[Spoken]:
    """All of the continuous speech at each of `SPEEDS`."""
    everything = np.concatenate([clip for clips in data.speech.values() for clip in clips])
    return [Spoken(play_at(everything, speed)) for speed in SPEEDS]


def unlike_noises() -> dict[str, FloatArray]:
    """Noises that training has nothing like: none of its generators makes such sounds."""
    rng = np.random.default_rng(SEED)
    makers: tuple[Callable[[Generator], FloatArray], ...] = (rain, birds, siren)
    return {make.__name__: make(rng) for make in makers}


def rain(rng: Generator) -> FloatArray:
    """Some 400 drops a second on a metal roof, each of which rings for a few milliseconds."""
    n = seconds(UNLIKE_S)
    drops = np.zeros(n)
    n_drops = rng.poisson(400 * UNLIKE_S)
    np.add.at(drops, rng.integers(0, n, n_drops), rng.pareto(2.5, n_drops))
    rung = np.zeros(n)
    for hz, decay_s in ((900, 0.004), (2_100, 0.003), (3_700, 0.002), (5_600, 0.001)):
        pole = np.exp(-1 / (decay_s * SAMPLE_RATE))
        angle = 2 * np.pi * hz / SAMPLE_RATE
        rung += lfilter([1.0], [1.0, -2 * pole * np.cos(angle), pole**2], drops)
    return np.asarray(rung, dtype=np.float32)


def birds(rng: Generator) -> FloatArray:
    """Three calls a second: tones that sweep between 1.5 and 7 kHz in up to a third of a second."""
    song = np.zeros(seconds(UNLIKE_S))
    for _ in range(int(3 * UNLIKE_S)):
        n = seconds(rng.uniform(0.04, 0.35))
        start = rng.integers(0, len(song) - n)
        hz = np.interp(np.linspace(0, 1, n), [0, 0.5, 1], rng.uniform(1_500, 7_000, 3))
        trill = 1 + 0.9 * np.sin(2 * np.pi * rng.uniform(10, 40) * np.arange(n) / SAMPLE_RATE)
        tone = np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE) * np.hanning(n) * trill
        song[start : start + n] += tone * rng.uniform(0.2, 1)
    return song.astype(np.float32)


def siren(rng: Generator) -> FloatArray:
    """A siren that wails from 500 to 1,500 Hz and back in 4 s, with wind of the same level."""
    t = np.arange(seconds(UNLIKE_S)) / SAMPLE_RATE
    hz = 1_000 - 500 * np.cos(2 * np.pi * t / 4)
    wail = np.tanh(3 * np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE))  # as a horn distorts
    gusts = 1 + 0.8 * np.sin(2 * np.pi * 0.3 * t + np.sin(2 * np.pi * 0.11 * t))
    wind = lfilter([1.0], [1.0, -0.995], rng.normal(0, 1, len(t))) * gusts
    return np.asarray(wail / wail.std() + wind / wind.std(), dtype=np.float32)
