"""Gain, colour, voice and noise, put on segments as they go into the network.

Mixing is done on mel power, where independent sounds add up: each segment meets another noise,
level and colour each time that it is drawn, for the price of an exponential and a logarithm.
"""

import numpy as np
from data import FRONT_END
from numpy.random import Generator
from numpy.typing import NDArray
from segments import N_FRAMES, N_MELS, Segments

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
