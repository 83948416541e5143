"""Sample rate conversion of a stream, by soxr; and of one in which samples are lost."""

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


class CountingResampler:
    """Resamples what lies between two losses, so that what comes out of it and what is lost add
    up to what went in."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self.from_rate = from_rate
        self._to_rate = to_rate
        self._resampler = Resampler(from_rate, to_rate)
        self._n_in = self._n_out = 0  # samples, lost ones too

    def push(self, samples: FloatArray) -> FloatArray:
        """The samples that are certain by now."""
        converted = self._resampler.push(samples)
        self._n_in += len(samples)
        self._n_out += len(converted)
        return converted

    def end(self, n_lost: int) -> tuple[FloatArray, int]:
        """The rest of what was pushed, and how many samples `n_lost` of the old rate after it are.

        What is pushed next does not follow what was pushed before.
        """
        tail = self._resampler.flush()
        self._resampler = Resampler(self.from_rate, self._to_rate)
        self._n_in += n_lost
        expected = round(self._n_in * self._to_rate / self.from_rate)
        n_missing = max(0, expected - self._n_out - len(tail))
        self._n_out += len(tail) + n_missing
        return tail, n_missing


def check_sample_rate(rate: int) -> None:
    """Raise InputError for a rate in hertz that cannot be meant."""
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise InputError(f"sample rate: expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, got {rate}")
