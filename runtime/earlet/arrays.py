"""The arrays that flow through earlet, and the one gate by which sound enters.

A *waveform* is one-dimensional float32 in -1..1 at a known sample rate. An *image* is uint8,
(height, width, 3): red, green and blue; it enters by `image/file.py`.
"""

from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from earlet.errors import InputError

FloatArray = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
ByteArray = npt.NDArray[np.uint8]
AnyArray = npt.NDArray[Any]
# All that a state machine knows between two pushes, as plain data: numbers, texts, None, arrays,
# and lists and dicts of these. A machine of the same configuration goes on from it to the bit.
Snapshot = dict[str, Any]

INT16_SCALE = np.float32(1 / 32768)  # int16 full scale to -1..1
INT32_SCALE = np.float32(1 / 2147483648)  # int32 full scale to -1..1
MAX_AMPLITUDE = 1_000.0  # float files overshoot 1 a little; beyond this it is another scale


def as_waveform(samples: npt.ArrayLike, name: str = "the waveform", first: int = 0) -> FloatArray:
    """Turn samples of any usual kind into a mono float32 waveform, (n_samples,).

    int16 and int32 are scaled to -1..1; floats are taken as they are. Two dimensions are read as
    (n_samples, n_channels), as soundfile and sounddevice give them, and the channels averaged.
    In messages, samples are counted from `first`.

    Raises:
        InputError: for another type or shape, and for samples that are not finite or far beyond 1.
    """
    try:
        array = np.asarray(samples)
    except ValueError as problem:
        raise InputError(f"{name}: expected an array of samples; {problem}") from None
    if array.ndim == 2:
        if array.shape[1] == 0 or array.shape[1] > array.shape[0] > 0:
            raise InputError(
                f"{name}: expected (n_samples,) or (n_samples, n_channels), got {array.shape}; "
                "transpose it if the channels come first"
            )
        # Scaled first: the mean of integers would be float64 of the wrong range.
        # Channels without a finite mean are refused below, like every sample that is not finite.
        with np.errstate(over="ignore", invalid="ignore"):
            array = mono(_scaled(array, name))
    elif array.ndim != 1:
        raise InputError(
            f"{name}: expected (n_samples,) or (n_samples, n_channels), got {array.shape}"
        )
    waveform = _scaled(array, name)
    fits = np.abs(waveform) <= MAX_AMPLITUDE  # false for nan, too
    if not fits.all():
        at = int(fits.argmin())
        raise InputError(
            f"{name}: sample {first + at} is {waveform[at]:g}; expected finite samples in -1..1"
        )
    return waveform


def mono(frames: FloatArray) -> FloatArray:
    """The mean of all channels: (n_frames, n_channels), one at least -> (n_frames,).

    NumPy's own mean along so short an axis takes thirty times as long.
    """
    mean: FloatArray = reduce(np.add, frames.T) / np.float32(frames.shape[1])
    return mean


def _scaled(array: AnyArray, name: str) -> FloatArray:
    if array.dtype == np.int16:
        return array.astype(np.float32) * INT16_SCALE
    if array.dtype == np.int32:
        return array.astype(np.float32) * INT32_SCALE
    if array.dtype.kind == "f":
        # A float64 beyond float32's range becomes inf, and is refused by the caller.
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(array, dtype=np.float32)
    raise InputError(f"{name}: expected float, int16 or int32 samples, got {array.dtype}")
