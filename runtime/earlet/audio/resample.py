"""Sample rate conversion of a stream, by soxr."""

from typing import Any

import numpy as np

from earlet.arrays import FloatArray
from earlet.errors import InputError

MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000  # no recorder and no network is outside
QUALITY = "HQ"  # soxr: 20 bits, pass band to 91 % of the lower Nyquist frequency


class Resampler:
    """Mono samples of one rate in, of another out; the same for any chunking."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        """Raises InputError for a rate in hertz that cannot be meant."""
        check_sample_rate(from_rate)
        check_sample_rate(to_rate)
        self._soxr: Any = None
        if from_rate != to_rate:
            import soxr

            self._soxr = soxr.ResampleStream(
                from_rate, to_rate, num_channels=1, dtype="float32", quality=QUALITY
            )

    def push(self, samples: FloatArray) -> FloatArray:
        """Take any number of samples; return those that are certain by now."""
        if self._soxr is None:
            return samples
        return np.asarray(self._soxr.resample_chunk(samples), dtype=np.float32)

    def flush(self) -> FloatArray:
        """The samples that the end of the stream makes certain."""
        if self._soxr is None:
            return np.empty(0, dtype=np.float32)
        end = self._soxr.resample_chunk(np.empty(0, dtype=np.float32), last=True)
        return np.asarray(end, dtype=np.float32)


def check_sample_rate(rate: int) -> None:
    """Raise InputError for a rate in hertz that cannot be meant."""
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise InputError(f"sample rate: expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, got {rate}")
