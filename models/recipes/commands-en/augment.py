"""Noise and distortion, mixed into segments as they go into the network.

Mixing is done on mel power, where independent sounds add up: each segment meets another noise,
level and colour each time that it is drawn, for the price of an exponential and a logarithm.
"""

import numpy as np
from data import FRONT_END, SAMPLE_RATE, TrainingData
from numpy.random import Generator
from numpy.typing import NDArray
from segments import LEVEL_RMS, N_FRAMES, N_MELS, SEGMENT_SAMPLES, Renderer, Segments
from words import active_rms, play_at, seconds

from earlet.arrays import FloatArray

NAT_PER_DB = np.log(10) / 10  # natural logarithm of power per decibel
SPEECH_FRAMES = 60  # the loudest frames of a segment: 1.2 s, its speech
SILENCE = 1e-5  # mel power: of a segment in which nobody speaks
TYPICAL = 4.0  # mel power of speech at LEVEL_RMS
# Signal-to-noise ratios on the mel scale. There 10 dB of the waveform are only 4 to 7 dB: mel bands
# weight the high frequencies, in which kitchens and taps are louder than voices.
NOISY_DB = (-2.0, 24.0)
QUIET_DB = (24.0, 60.0)
NO_NOISE = 0.12  # share of segments that stay as they are, digital zeros included


class NoiseRenderer:
    """Draws five seconds of noise at random: recorded, babble, or synthetic."""

    def __init__(self, data: TrainingData, speech: Renderer, rng: Generator) -> None:
        self._noises = data.noises
        self._speech = speech
        self._rng = rng

    def draw(self, n: int) -> NDArray[np.float16]:
        """Log mel power, (n, N_FRAMES, n_mels)."""
        return np.stack([self._one() for _ in range(n)]).astype(np.float16)

    def _one(self) -> FloatArray:
        rng, kind = self._rng, self._rng.random()
        if kind < 0.45:
            noise = self._recorded()
            if rng.random() < 0.3:
                noise = noise + self._recorded() * np.float32(10 ** (rng.uniform(-12, 0) / 20))
        elif kind < 0.70:
            noise = self._babble()
        else:
            noise = self._coloured()
        if kind >= 0.70 or rng.random() < 0.3:
            noise = noise / np.float32(active_rms(noise))
            for _ in range(rng.integers(0, 14)):
                self._add_clank(noise)
        return self._speech.log_power(noise * np.float32(LEVEL_RMS / active_rms(noise)))

    def _recorded(self) -> FloatArray:
        rng = self._rng
        noise = self._noises[rng.integers(len(self._noises))]
        speed = rng.uniform(0.7, 1.4)
        n = int(SEGMENT_SAMPLES * speed) + 2
        start = rng.integers(0, len(noise) - n)
        piece = play_at(noise[start : start + n], speed)[:SEGMENT_SAMPLES]
        return np.asarray(piece / np.float32(active_rms(piece)))

    def _babble(self) -> FloatArray:
        """Two to seven voices at once, some of them in a room."""
        rng = self._rng
        babble = np.zeros(SEGMENT_SAMPLES, dtype=np.float32)
        for _ in range(rng.integers(2, 8)):
            source = self._speech.speech[rng.integers(3)]
            start = rng.integers(0, len(source) - SEGMENT_SAMPLES)
            voice = source[start : start + SEGMENT_SAMPLES]
            if rng.random() < 0.35:
                voice = self._speech.reverberate(voice)
            babble += voice * np.float32(10 ** (rng.uniform(-8, 0) / 20) / active_rms(voice))
        return babble

    def _coloured(self) -> FloatArray:
        """Gaussian noise with a random spectrum whose level drifts."""
        rng = self._rng
        spectrum = np.fft.rfft(rng.normal(0, 1, SEGMENT_SAMPLES))
        hz = np.linspace(1, SAMPLE_RATE / 2, len(spectrum))
        bumps = np.interp(np.log(hz), np.linspace(0, 9, 8), rng.normal(0, 6, 8))
        slope = rng.uniform(0, 3) * np.log2(hz / 500 + 0.1)
        noise = np.fft.irfft(spectrum * 10 ** ((bumps - slope) / 20), SEGMENT_SAMPLES)
        knots = np.linspace(0, SEGMENT_SAMPLES, 12)
        drift = np.interp(
            np.arange(SEGMENT_SAMPLES), knots, rng.normal(0, rng.uniform(0, 5), len(knots))
        )
        noise = noise / np.sqrt(np.square(noise).mean()) * 10 ** (drift / 20)
        return np.asarray(noise, dtype=np.float32)

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


def mix(segments: Segments, noise: NDArray[np.float16], rng: Generator) -> FloatArray:
    """Segments as the front end would give them from a microphone, (n, N_FRAMES, n_mels).

    Args:
        segments: n of them.
        noise: log mel power, n of them as well.
        rng: what draws gain, colour, voice and signal-to-noise ratio.
    """
    n = len(segments)
    speech = _warped(segments.log_power.astype(np.float32), rng)
    speech += _colour(n, 0.5, rng)
    level = np.clip(rng.normal(0, 2.0, (n, 1, 1)), -4.5, 4.5).astype(np.float32)
    speech += level
    power = np.exp(speech)
    loudness = np.sort(power.mean(axis=2), axis=1)[:, -SPEECH_FRAMES:].mean(axis=1)
    loudness = np.where(loudness < SILENCE, TYPICAL * np.exp(level[:, 0, 0]), loudness)

    noise_power = np.exp(noise.astype(np.float32) + _colour(n, 0.7, rng))
    if rng.random() < 0.5:
        noise_power = noise_power[:, ::-1]
    snr_db = np.where(rng.random(n) < 0.85, rng.uniform(*NOISY_DB, n), rng.uniform(*QUIET_DB, n))
    gain = loudness / noise_power.mean(axis=(1, 2)) * np.exp(-snr_db * NAT_PER_DB)
    gain *= rng.random(n) >= NO_NOISE
    # In half of the segments the stream itself begins with the speech: exact zeros before it.
    begins = np.where(rng.random(n) < 0.5, segments.lead, 0)
    begun = np.arange(N_FRAMES) >= begins[:, None]
    power += noise_power * (gain[:, None] * begun).astype(np.float32)[:, :, None]

    features = np.log(np.maximum(power, np.float32(FRONT_END.log_floor), out=power), out=power)
    jitter = rng.uniform(0, 0.1, (n, 1, 1)).astype(np.float32)
    features += rng.standard_normal(features.shape, dtype=np.float32) * jitter
    features -= np.float32(FRONT_END.mean)
    features /= np.float32(FRONT_END.std)
    _mask(features, rng)
    return features


def _warped(log_power: FloatArray, rng: Generator) -> FloatArray:
    """Longer and shorter vocal tracts: the mel axis stretched by up to 7 %."""
    bands = np.arange(N_MELS)
    for segment in log_power:
        at = np.clip(bands * rng.uniform(0.93, 1.07), 0, N_MELS - 1)
        low = at.astype(int)
        weight = (at - low).astype(np.float32)
        high = np.minimum(low + 1, N_MELS - 1)
        segment[:] = segment[:, low] * (1 - weight) + segment[:, high] * weight
    return log_power


def _colour(n: int, deviation: float, rng: Generator) -> FloatArray:
    """Random equalisers with five knots, (n, 1, n_mels), in natural logarithm of power."""
    knots = np.linspace(0, N_MELS - 1, 5)
    curves = [np.interp(np.arange(N_MELS), knots, rng.normal(0, deviation, 5)) for _ in range(n)]
    return np.array(curves, dtype=np.float32)[:, None]


def _mask(features: FloatArray, rng: Generator) -> None:
    """SpecAugment, sparingly: up to 5 bands in every second segment, up to 3 frames in a third."""
    for segment in features:
        if rng.random() < 0.5:
            band = rng.integers(0, N_MELS - 2)
            segment[:, band : band + rng.integers(1, 6)] = 0
        if rng.random() < 0.3:
            frame = rng.integers(0, N_FRAMES - 3)
            segment[frame : frame + rng.integers(1, 4)] = 0
