"""Mel energies of a signal's whole frames: the work that fbank, MFCC and log-mel share.

    signal (n_samples,) -> frames (n_frames, win_length), emphasised and windowed
        -> spectrum (n_frames, n_fft // 2 + 1) -> mel energies (n_frames, n_mels)

Kaldi (`feat/feature-window.cc`) takes the mean off each frame, and then emphasises the frame. Both
are linear. So the signal is emphasised once for all the frames that overlap, and of each frame
(1 - preemphasis) times its mean is taken off afterwards. The mean comes of sums of short runs of
samples, which frames share too. Held to the plain order, frame by frame, in
`tests/features/test_mel_energies.py`.
"""

from math import ceil, gcd

import numpy as np

from earlet.arrays import FloatArray
from earlet.features.mel import MelPlan
from earlet.features.mel_frame import MelFrame, has_factors
from earlet.features.spectrum import frame, n_frames

NOTHING: FloatArray = np.empty(0, dtype=np.float32)
BLOCK_FRAMES = 160  # frames transformed at a time: the arrays stay in the second-level cache


class MelEnergies:
    """The energies of a signal's whole frames.

    The arrays that they were worked out in are kept for the next call, of the same length: to claim
    memory, and to touch each page of it anew, takes up to a third of the time that is spent on it.
    """

    def __init__(self, plan: MelPlan) -> None:
        self.plan = plan
        self._idle: list[MelWork] = []  # where two threads call at once, each takes its own

    def __call__(
        self,
        signal: FloatArray,
        before: FloatArray = NOTHING,
        after: FloatArray = NOTHING,
        out: FloatArray | None = None,
    ) -> FloatArray:
        """As `MelWork`."""
        try:
            work = self._idle.pop()
        except IndexError:  # tried, for between a look and the taking another thread may take it
            work = MelWork(self.plan)
        energies = work(signal, before, after, out)
        self._idle[:] = [work]
        return energies


class MelWork:
    """Carries out a plan, in arrays that are kept from call to call: for one thread at a time."""

    def __init__(self, plan: MelPlan) -> None:
        self._plan = plan
        self._size = 0  # frames of a block
        self._block: MelFrame | MelBlock

    def __call__(
        self,
        signal: FloatArray,
        before: FloatArray = NOTHING,
        after: FloatArray = NOTHING,
        out: FloatArray | None = None,
    ) -> FloatArray:
        """The energies of all whole frames, or of as many as `out` has rows.

        Args:
            signal: (n_samples,).
            before: samples that come before it, which need not be copied into one array with it.
            after: the same after it.
            out: what is written to; None makes an array.

        Returns:
            (n_frames, n_mels) float32.
        """
        plan = self._plan
        win_length, hop_length = len(plan.window), plan.hop_length
        n = n_frames(len(before) + len(signal) + len(after), win_length, hop_length)
        if out is None:
            out = np.empty((n, plan.bank.n_mels), dtype=np.float32)
        n = min(n, len(out))
        if not n:
            return out[:0]
        size = n if n <= BLOCK_FRAMES else ceil(n / ceil(n / BLOCK_FRAMES))
        if size != self._size:
            single = size == 1 and has_factors(plan.n_fft)
            self._block = MelFrame(plan) if single else MelBlock(plan, size)
            self._size = size
        n_seen = (size - 1) * hop_length + win_length
        for start in range(0, n, size):
            first = min(start, n - size)  # the last block is as large as the others
            begin = first * hop_length - len(before)
            seen = signal[begin : begin + n_seen] if begin >= 0 else NOTHING
            if len(seen) < n_seen:
                seen = _samples((before, signal, after), begin + len(before), n_seen)
            self._block(seen, out[first : first + size])
        return out[:n]


class MelBlock:
    """Carries out a plan for `size` frames at a time."""

    def __init__(self, plan: MelPlan, size: int) -> None:
        win_length, hop_length = len(plan.window), plan.hop_length
        n_samples = (size - 1) * hop_length + win_length
        self._plan = plan
        self._emphasised = np.zeros(n_samples, dtype=np.float32)  # its first stays 0
        self._frames = frame(self._emphasised, win_length, hop_length)
        self._padded = np.zeros((size, plan.n_fft), dtype=np.float32)
        self._windowed = self._padded[:, :win_length]
        self._spectrum = np.empty((size, plan.n_fft // 2 + 1), dtype=np.float32)
        # Runs of so many samples make up every frame.
        n_run = gcd(win_length, hop_length)
        self._weights = np.full(n_run, (1 - plan.preemphasis) / win_length, dtype=np.float32)
        self._runs = np.empty(n_samples // n_run, dtype=np.float32)
        self._runs_of_frames = frame(self._runs, win_length // n_run, hop_length // n_run)
        self._means = np.empty((size, 1), dtype=np.float32)

    def __call__(self, samples: FloatArray, energies: FloatArray) -> None:
        """(n_samples,) -> (size, n_mels), written into `energies`."""
        self._window(samples)
        np.abs(np.fft.rfft(self._padded), out=self._spectrum)
        if self._plan.squares:
            np.square(self._spectrum, out=self._spectrum)
        self._plan.bank(self._spectrum, energies)

    def _window(self, samples: FloatArray) -> None:
        """Frames, emphasised and windowed, into the array that is padded."""
        plan, windowed = self._plan, self._windowed
        if plan.preemphasis:
            after_first = self._emphasised[1:]
            np.multiply(samples[:-1], np.float32(-plan.preemphasis), out=after_first)
            np.add(after_first, samples[1:], out=after_first)
        else:
            self._emphasised[:] = samples
        frames = self._frames
        if plan.remove_dc:
            np.dot(samples.reshape(-1, len(self._weights)), self._weights, out=self._runs)
            np.add.reduce(self._runs_of_frames, axis=1, out=self._means[:, 0])
            frames = np.subtract(frames, self._means, out=windowed)
        np.multiply(frames, plan.window, out=windowed)
        if plan.preemphasis and plan.window[0]:  # else it makes 0 of the first sample anyway
            self._window_first(samples)

    def _window_first(self, samples: FloatArray) -> None:
        """The first sample of each frame, which is emphasised against itself."""
        plan = self._plan
        first = samples[: len(samples) - len(plan.window) + 1 : plan.hop_length]
        first = first * np.float32(1 - plan.preemphasis)
        if plan.remove_dc:
            first -= self._means[:, 0]
        np.multiply(first, plan.window[0], out=self._windowed[:, 0])


def _samples(parts: tuple[FloatArray, ...], begin: int, n: int) -> FloatArray:
    """Some samples of a signal that is in parts."""
    pieces = []
    for part in parts:
        pieces.append(part[max(begin, 0) : max(begin + n, 0)])
        begin -= len(part)
    return np.concatenate(pieces)
