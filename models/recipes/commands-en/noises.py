"""Five seconds of noise at random: recorded, of many voices, or made by rule.

What is made by rule is wide rather than true to life: coloured hiss, crockery, chords of music,
machines. A network that has met all of it has little left to be surprised by.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from data import SAMPLE_RATE, TrainingData
from numpy.random import Generator
from numpy.typing import NDArray
from segments import LEVEL_RMS, SEGMENT_SAMPLES, Renderer
from words import active_rms, play_at, seconds

from earlet.arrays import FloatArray

Sound = NDArray[np.floating[Any]]  # (SEGMENT_SAMPLES,), of either precision

CLANKS = 0.3  # share of the noises into which something clanks
SECOND_NOISE = 0.3  # share of the noises that are two at once


class NoiseRenderer:
    """Draws five seconds of noise at random."""

    def __init__(self, data: TrainingData, speech: Renderer, rng: Generator) -> None:
        self._noises = data.noises
        self._speech = speech
        self._rng = rng
        self._kinds: dict[Callable[[], Sound], float] = {
            self._recorded: 0.36,
            self._babble: 0.2,
            self._coloured: 0.2,
            self._music: 0.12,
            self._machine: 0.12,
        }

    def draw(self, n: int) -> NDArray[np.float16]:
        """Log mel power, (n, N_FRAMES, n_mels)."""
        return np.stack([self._one() for _ in range(n)]).astype(np.float16)

    def _one(self) -> FloatArray:
        rng = self._rng
        noise = self._any()
        if rng.random() < SECOND_NOISE:
            noise = noise + self._any() * np.float32(10 ** (rng.uniform(-12, 0) / 20))
        if rng.random() < CLANKS:
            noise /= np.float32(active_rms(noise))
            for _ in range(rng.integers(1, 14)):
                self._add_clank(noise)
        return self._speech.log_power(noise * np.float32(LEVEL_RMS / active_rms(noise)))

    def _any(self) -> FloatArray:
        """One kind of noise, its active level 1."""
        kinds = list(self._kinds)
        noise = kinds[self._rng.choice(len(kinds), p=list(self._kinds.values()))]()
        return np.asarray(noise / active_rms(noise), dtype=np.float32)

    def _recorded(self) -> FloatArray:
        rng = self._rng
        noise = self._noises[rng.integers(len(self._noises))]
        speed = rng.uniform(0.7, 1.4)
        n = int(SEGMENT_SAMPLES * speed) + 2
        start = rng.integers(0, len(noise) - n)
        return play_at(noise[start : start + n], speed)[:SEGMENT_SAMPLES]

    def _babble(self) -> FloatArray:
        """Two to seven voices at once, some of them in a room."""
        rng = self._rng
        babble = np.zeros(SEGMENT_SAMPLES, dtype=np.float32)
        for _ in range(rng.integers(2, 8)):
            source = self._speech.speech[rng.choice([0, 1, 2, 4])]  # no lone words
            start = rng.integers(0, len(source) - SEGMENT_SAMPLES)
            voice = source[start : start + SEGMENT_SAMPLES]
            if rng.random() < 0.35:
                voice = self._speech.reverberate(voice)
            babble += voice * np.float32(10 ** (rng.uniform(-8, 0) / 20) / active_rms(voice))
        return babble

    def _coloured(self) -> Sound:
        """Gaussian noise with a random spectrum whose level drifts."""
        rng = self._rng
        noise = self._shaped(rng.normal(0, 1, SEGMENT_SAMPLES), rng.uniform(0, 3))
        return noise * 10 ** (self._drift(12, rng.uniform(0, 5)) / 20)

    def _music(self) -> Sound:
        """Notes of a random scale: harmonics that are struck or blown, decay, and tremble."""
        rng = self._rng
        music = np.zeros(SEGMENT_SAMPLES)
        scale = 110 * 2 ** (rng.integers(0, 24, 6) / 12)  # Hz, equally tempered
        brightness, decay = rng.uniform(0.5, 2.0), rng.uniform(0.5, 8)  # power of 1/k; 1/s
        for _ in range(rng.integers(6, 40)):
            n = seconds(rng.uniform(0.1, 1.5))
            start = rng.integers(0, SEGMENT_SAMPLES - n)
            t = np.arange(n) / SAMPLE_RATE
            vibrato = 1e-3 * rng.uniform(0, 4) * np.sin(2 * np.pi * rng.uniform(4, 7) * t)
            pitch = rng.choice(scale) * 2.0 ** rng.integers(-1, 3)
            phase = 2 * np.pi * pitch * (t + vibrato / rng.uniform(4, 7))
            harmonics = np.arange(1, int(min(20, SAMPLE_RATE / 2 / pitch)) + 1)
            note = sum(np.sin(k * phase) / k**brightness for k in harmonics)
            attack = np.minimum(t / rng.uniform(0.003, 0.1), 1)
            music[start : start + n] += note * attack * np.exp(-t * decay) * rng.uniform(0.2, 1)
        if rng.random() < 0.5:
            music += self._beat() * music.std() * rng.uniform(0.5, 4)
        music += rng.normal(0, 1e-3 + 0.01 * music.std(), SEGMENT_SAMPLES)
        return self._shaped(music, 0.0)

    def _beat(self) -> Sound:
        """Drums: bursts of noise at an even pace."""
        rng = self._rng
        at = np.arange(SEGMENT_SAMPLES) / SAMPLE_RATE % rng.uniform(0.2, 0.8)
        burst = rng.normal(0, 1, SEGMENT_SAMPLES) * np.exp(-at * rng.uniform(10, 60))
        return self._shaped(burst, rng.uniform(-1, 4))

    def _machine(self) -> Sound:
        """A hum with its harmonics, and a hiss that both swell with the turns of a motor."""
        rng = self._rng
        t = np.arange(SEGMENT_SAMPLES) / SAMPLE_RATE
        speed = 2 ** (self._drift(4, rng.uniform(0, 0.1)))
        turns = np.cumsum(speed) / SAMPLE_RATE
        hum = np.zeros(SEGMENT_SAMPLES)
        pitch = rng.choice([50, 60, rng.uniform(20, 600)])  # Hz: the mains', or a motor's
        for k in range(1, int(min(24, SAMPLE_RATE / 2 / pitch / 1.2)) + 1):
            hum += rng.exponential(1 / k) * np.sin(2 * np.pi * (k * pitch * turns + rng.random()))
        hiss = self._shaped(rng.normal(0, 1, SEGMENT_SAMPLES), rng.uniform(-1, 3))
        swell = 1 + rng.uniform(0, 0.9) * np.sin(2 * np.pi * rng.uniform(0.5, 40) * turns)
        on = 1.0 if rng.random() < 0.7 else (t > rng.uniform(0, 5)) ^ (rng.random() < 0.5)
        both = hum / (hum.std() + 1e-9) * rng.uniform(0, 1.5) + hiss
        return np.asarray(both * swell * (on + 0.03))

    def _shaped(self, sound: Sound, slope_db: float) -> Sound:
        """A sound through a random equaliser that falls by so much per octave; its power 1."""
        spectrum = np.fft.rfft(sound)
        hz = np.linspace(1, SAMPLE_RATE / 2, len(spectrum))
        bumps = np.interp(np.log(hz), np.linspace(0, 9, 8), self._rng.normal(0, 6, 8))
        gain_db = bumps - slope_db * np.log2(hz / 500 + 0.1)
        shaped = np.fft.irfft(spectrum * 10 ** (gain_db / 20), SEGMENT_SAMPLES)
        return np.asarray(shaped / np.sqrt(np.square(shaped).mean() + 1e-12))

    def _drift(self, knots: int, deviation: float) -> Sound:
        """A curve over five seconds through random knots."""
        at = np.linspace(0, SEGMENT_SAMPLES, knots)
        return np.interp(np.arange(SEGMENT_SAMPLES), at, self._rng.normal(0, deviation, knots))

    def _add_clank(self, noise: FloatArray) -> None:
        """Crockery: a few partials and a burst that decay together; `noise` has level 1."""
        rng = self._rng
        n = seconds(rng.uniform(0.02, 0.4))
        t = np.arange(n) / SAMPLE_RATE
        partials = rng.uniform(300, 7_000, rng.integers(1, 7))
        clank = rng.normal(0, rng.uniform(0, 1.5), n)
        for hz in partials:
            clank += rng.normal() * np.sin(2 * np.pi * (hz * t + rng.random()))
        clank *= np.exp(-t * rng.uniform(8, 80))
        clank *= 10 ** (rng.uniform(-3, 16) / 20) / np.abs(clank).max()
        start = rng.integers(0, SEGMENT_SAMPLES - n)
        noise[start : start + n] += clank.astype(np.float32)
