"""Chunks of any size in, blocks of one size out: so that no result depends on the chunking."""

from collections.abc import Iterator

import numpy as np

from earlet.arrays import FloatArray


class Reblocker:
    """Collects samples until a block is full."""

    def __init__(self, block_length: int) -> None:
        self._block_length = block_length
        self._pending = np.empty(0, dtype=np.float32)

    def push(self, samples: FloatArray) -> Iterator[FloatArray]:
        """Take any number of samples; yield the blocks that they complete, (block_length,).

        Exhaust it before the next push: what is left over is kept only then.
        """
        if len(self._pending):
            samples = np.concatenate([self._pending, samples])
        whole = len(samples) - len(samples) % self._block_length
        self._pending = samples[whole:].copy()
        for start in range(0, whole, self._block_length):
            yield samples[start : start + self._block_length]

    def flush(self) -> FloatArray:
        """The samples that are left over, fewer than a block; none remain."""
        rest, self._pending = self._pending, np.empty(0, dtype=np.float32)
        return rest

    def reset(self) -> None:
        """Drop the samples that wait."""
        self.flush()
