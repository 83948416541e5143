"""Windows and frames, the part that every audio front end shares.

waveform (n_samples,) -> frames (n_frames, win_length)
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from earlet.arrays import FloatArray
from earlet.errors import InputError

WindowName = Literal["hann", "hann-symmetric", "hamming", "povey", "rectangular"]
POVEY_POWER = 0.85  # Kaldi's "povey" window: a symmetric Hann window raised to this power
MAX_N_FFT = 16_384  # points: 1 s at 16 kHz; beyond it a manifest is mistaken
MAX_FRAMES = 60_000  # of a clip of fixed length: ten minutes at a hop of 10 ms; the same
MAX_CONSTANT = 1e6  # of what energies and their logarithms are scaled with; the same


def check_constants(config: object, *, positive: Sequence[str], others: Sequence[str]) -> None:
    """Raise InputError where one of these fields of a configuration cannot be computed with."""
    for name in (*positive, *others):
        value = getattr(config, name)
        if name in positive and not value > 0:
            raise InputError(f"need {name} above 0, got {value:g}")
        if abs(value) > MAX_CONSTANT:
            raise InputError(f"need {name} of at most {MAX_CONSTANT:g}, got {value:g}")


def window(name: WindowName, length: int) -> FloatArray:
    """A window of `length` samples. "hann" is periodic, as in FFT work; the others symmetric."""
    n = np.arange(length, dtype=np.float64)
    if name == "hann":
        values = 0.5 - 0.5 * np.cos(2 * np.pi * n / length)
    elif name == "hann-symmetric":
        values = 0.5 - 0.5 * np.cos(2 * np.pi * n / (length - 1))
    elif name == "hamming":
        values = 0.54 - 0.46 * np.cos(2 * np.pi * n / (length - 1))
    elif name == "povey":
        values = (0.5 - 0.5 * np.cos(2 * np.pi * n / (length - 1))) ** POVEY_POWER
    elif name == "rectangular":
        values = np.ones(length)
    else:
        raise InputError(f"window: expected one of {', '.join(get_args(WindowName))}, got {name!r}")
    return values.astype(np.float32)


def n_frames(n_samples: int, win_length: int, hop_length: int) -> int:
    """How many whole frames fit: no padding, no centring (Kaldi's snip_edges)."""
    return 0 if n_samples < win_length else 1 + (n_samples - win_length) // hop_length


def frame(waveform: FloatArray, win_length: int, hop_length: int) -> FloatArray:
    """Overlapping frames as a read-only view, (n_frames, win_length)."""
    samples = np.ascontiguousarray(waveform)
    shape = (n_frames(len(samples), win_length, hop_length), win_length)
    # What sliding_window_view gives, at a fifteenth of its cost: a stream calls this every hop.
    strides = (hop_length * samples.itemsize, samples.itemsize)
    frames: FloatArray = np.ndarray(shape, samples.dtype, samples, strides=strides)
    frames.flags.writeable = False
    return frames
