"""The waveform itself, for networks that have their front end inside: Moonshine, wav2vec2, VADs.

`prepare` is what may happen to a clip before anything else, here and under `fbank.py`. wav2vec2's
normalisation (Baevski et al., 2020) is held to transformers' Wav2Vec2FeatureExtractor in
`tests/features/test_waveform.py`.

    clip (n_samples,), cut at clip_samples -> normalised -> zeros up to clip_samples
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from earlet.arrays import FloatArray
from earlet.audio.resample import check_sample_rate
from earlet.errors import InputError

Normalize = Literal["none", "peak", "zero-mean-unit-variance"]
VARIANCE_OFFSET = 1e-7  # wav2vec2 divides by sqrt(variance + this)
LEAST_PEAK = 2.0**-23  # one step of 24-bit samples: less is silence
MAX_CLIP_SAMPLES = 10_000_000  # ten minutes at 16 kHz; beyond it a manifest is mistaken


@dataclass(frozen=True, kw_only=True)
class WaveformConfig:
    """What a model was trained with; read from its bundle, never guessed."""

    sample_rate: int  # Hz
    normalize: Normalize = "none"  # "peak": by the largest sample, not the largest magnitude
    clip_samples: int = 0  # to which a clip is cut, or filled up with zeros; 0: as it comes

    def __post_init__(self) -> None:
        check_sample_rate(self.sample_rate)
        check_clip_samples(self.clip_samples)


class Waveform:
    """Samples as a network takes them, (n_samples,): frames of one sample, with no columns."""

    win_length = 1
    hop_length = 1
    n_features = 1

    def __init__(self, config: WaveformConfig) -> None:
        self.config = config
        self.sample_rate = config.sample_rate
        self.max_samples = config.clip_samples or MAX_CLIP_SAMPLES

    def __call__(self, waveform: FloatArray) -> FloatArray:
        """(n_samples,) -> (n_samples,) or (clip_samples,) float32; where nothing is to be done,
        the very same array."""
        return prepare(waveform, self.config.normalize, self.config.clip_samples)

    def stream(self) -> "WaveformStream":
        """The same for audio that arrives in chunks.

        Raises:
            InputError: where the whole clip is needed.
        """
        check_stream(self.config.normalize, self.config.clip_samples)
        return WaveformStream()


class WaveformStream:
    """`Waveform` for audio that arrives in chunks: each as it came."""

    def push(self, chunk: FloatArray) -> FloatArray:
        """Return the chunk."""
        return chunk

    def reset(self) -> None:
        """Nothing waits here."""


def prepare(waveform: FloatArray, normalize: Normalize, clip_samples: int) -> FloatArray:
    """(n_samples,) -> (clip_samples,), or as long as it is for 0.

    It is normalised before it is filled up. A clip whose largest sample is below LEAST_PEAK is
    left as it is.
    """
    clip = waveform[:clip_samples] if clip_samples else waveform
    if normalize == "peak" and (peak := clip.max(initial=0)) >= LEAST_PEAK:
        clip = clip / peak
    elif normalize == "zero-mean-unit-variance" and len(clip):
        mean = clip.mean(dtype=np.float64)
        std = np.sqrt(clip.var(dtype=np.float64) + VARIANCE_OFFSET)
        clip = (clip - np.float32(mean)) * np.float32(1 / std)
    if len(clip) < clip_samples:
        clip = np.pad(clip, (0, clip_samples - len(clip)))
    return clip


def check_clip_samples(clip_samples: int) -> None:
    """Raise InputError for an impossible length of a clip."""
    if not 0 <= clip_samples <= MAX_CLIP_SAMPLES:
        raise InputError(f"need clip_samples of 0 to {MAX_CLIP_SAMPLES}, got {clip_samples}")


def check_stream(normalize: Normalize, clip_samples: int) -> None:
    """Raise InputError where features need the whole clip, and so cannot be had of a stream."""
    if normalize != "none" or clip_samples:
        raise InputError(
            f'a stream needs normalize "none" and clip_samples 0; "{normalize}" and '
            f"{clip_samples} need the whole clip"
        )
