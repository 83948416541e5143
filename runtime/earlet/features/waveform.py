"""The waveform itself, for networks that have their front end inside: Moonshine, wav2vec2, VADs.

wav2vec2's normalisation (Baevski et al., 2020) is held to transformers' Wav2Vec2FeatureExtractor
in `tests/features/test_waveform.py`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from earlet.arrays import FloatArray
from earlet.errors import InputError

VARIANCE_OFFSET = 1e-7  # wav2vec2 divides by sqrt(variance + this)


@dataclass(frozen=True, kw_only=True)
class WaveformConfig:
    """What a model was trained with; read from its bundle, never guessed."""

    sample_rate: int  # Hz
    normalize: Literal["none", "zero-mean-unit-variance"] = "none"

    def __post_init__(self) -> None:
        if self.sample_rate < 1:
            raise InputError(f"need a sample_rate above 0 Hz, got {self.sample_rate}")


class Waveform:
    """Samples as a network takes them, (n_samples,): frames of one sample, with no columns."""

    win_length = 1
    hop_length = 1
    n_features = 1

    def __init__(self, config: WaveformConfig) -> None:
        self.config = config
        self.sample_rate = config.sample_rate

    def __call__(self, waveform: FloatArray) -> FloatArray:
        """(n_samples,) -> (n_samples,) float32; with normalize "none" the very same array."""
        if self.config.normalize == "none" or not len(waveform):
            return waveform
        mean = waveform.mean(dtype=np.float64)
        std = np.sqrt(waveform.var(dtype=np.float64) + VARIANCE_OFFSET)
        return (waveform - np.float32(mean)) * np.float32(1 / std)

    def stream(self) -> "WaveformStream":
        """The same for audio that arrives in chunks.

        Raises:
            InputError: where the whole clip's mean and variance are needed.
        """
        if self.config.normalize != "none":
            raise InputError(
                f'a stream needs normalize "none"; "{self.config.normalize}" needs the whole clip'
            )
        return WaveformStream()


class WaveformStream:
    """`Waveform` for audio that arrives in chunks: each as it came."""

    def push(self, chunk: FloatArray) -> FloatArray:
        """Return the chunk."""
        return chunk

    def reset(self) -> None:
        """Nothing waits here."""
