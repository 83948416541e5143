"""Mel energies of a single frame, as a stream of short hops asks for them.

NumPy's FFT takes some 5 µs to be called, and 1 µs to transform a frame. So here the transform is
two matrix products: that of n1 * n2 points is n2 transforms of n1, turned by a "twiddle" each, and
then n1 transforms of n2 (Cooley and Tukey, 1965). Of n1 only the first half is needed, for samples
are real. Held to NumPy's in `tests/features/test_mel_energies.py`.

    samples n2 * a + b, as a table (a, b)  ->  bins c + n1 * d, as a table (d, c)
"""

from math import isqrt

import numpy as np

from earlet.arrays import AnyArray, FloatArray
from earlet.features.mel import MelPlan

MAX_FACTOR = 64  # points of the shorter transforms: beyond it a matrix is no fast way


class MelFrame:
    """Carries out a plan for one frame, in arrays that are kept: for one thread at a time."""

    def __init__(self, plan: MelPlan) -> None:
        win_length, n2 = len(plan.window), _shorter(plan.n_fft)
        n1 = plan.n_fft // n2
        n_rows = -(-win_length // n2)
        a, b, c, d = (np.arange(n) for n in (n_rows, n2, n1 // 2 + 1, n2))
        self._plan = plan
        self._emphasised = np.empty(win_length, dtype=np.float32)
        self._after_first = self._emphasised[1:]
        # Arrays of no dimension, for a scalar would be made one at each call.
        self._factor = np.array(-plan.preemphasis, dtype=np.float32)
        self._mean = np.empty((), dtype=np.float32)
        self._first_factor = np.float32(1 - plan.preemphasis)
        self._weights = np.full(win_length, self._first_factor / win_length, dtype=np.float32)
        padded = np.zeros(n_rows * n2, dtype=np.float32)
        self._windowed = padded[:win_length]
        self._columns = padded.reshape(n_rows, n2).T
        self._first = _turns(np.outer(a, c) / n1).view(np.float32)
        self._halfway = np.empty((n2, 2 * len(c)), dtype=np.float32)
        self._turned = self._halfway.view(np.complex64)
        self._twiddle = _turns(np.outer(b, c) / plan.n_fft)
        self._second = _turns(np.outer(d, b) / n2)
        self._spectrum = np.empty((n2, len(c)), dtype=np.complex64)
        self._magnitudes = np.empty((n2, len(c)), dtype=np.float32)
        self._bins = self._magnitudes.reshape(1, -1)
        # Bin n_fft - k is bin k again; of those that are there twice, the filters see one.
        bins = (c + n1 * d[:, None]).ravel()
        _, seen = np.unique(np.minimum(bins, plan.n_fft - bins), return_index=True)
        self._filters = np.zeros((len(bins), plan.bank.n_mels), dtype=np.float32)
        self._filters[seen] = plan.bank.filters

    def __call__(self, samples: FloatArray, energies: FloatArray) -> None:
        """(win_length,) -> (1, n_mels), written into `energies`."""
        plan, windowed = self._plan, self._windowed
        emphasised = samples
        if plan.preemphasis:
            emphasised = self._emphasised
            emphasised[0] = samples[0] * self._first_factor
            np.multiply(samples[:-1], self._factor, out=self._after_first)
            np.add(self._after_first, samples[1:], out=self._after_first)
        if plan.remove_dc:
            samples.dot(self._weights, out=self._mean)
            emphasised = np.subtract(emphasised, self._mean, out=windowed)
        np.multiply(emphasised, plan.window, out=windowed)
        self._columns.dot(self._first, out=self._halfway)
        np.multiply(self._turned, self._twiddle, out=self._turned)
        self._second.dot(self._turned, out=self._spectrum)
        np.abs(self._spectrum, out=self._magnitudes)
        if plan.squares:
            np.square(self._magnitudes, out=self._magnitudes)
        self._bins.dot(self._filters, out=energies)


def has_factors(n_fft: int) -> bool:
    """Whether a transform of so many points comes to short ones."""
    return n_fft // _shorter(n_fft) <= MAX_FACTOR


def _shorter(n_fft: int) -> int:
    """The largest factor of n_fft that is no more than its square root."""
    return max(n for n in range(1, isqrt(n_fft) + 1) if n_fft % n == 0)


def _turns(fractions: AnyArray) -> AnyArray:
    """exp(-2 pi i x) of each."""
    return np.exp(-2j * np.pi * fractions).astype(np.complex64)
