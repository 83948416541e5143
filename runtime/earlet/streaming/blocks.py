"""Chunks of any size in, blocks of one size out: so that no result depends on the chunking."""

import numpy as np

from earlet.arrays import FloatArray, Snapshot


class Reblocker:
    """Collects samples until a block is full."""

    def __init__(self, block_length: int) -> None:
        self._block_length = block_length
        self._pending = np.empty(0, dtype=np.float32)

    def push(self, samples: FloatArray) -> FloatArray:
        """Take any number of samples; return the blocks that they complete.

        (n_blocks, block_length), which may be a view of `samples`.
        """
        if len(self._pending):
            samples = np.concatenate([self._pending, samples])
        whole = len(samples) - len(samples) % self._block_length
        self._pending = samples[whole:].copy()
        return samples[:whole].reshape(-1, self._block_length)

    def flush(self) -> FloatArray:
        """The samples that are left over, fewer than a block; none remain."""
        rest, self._pending = self._pending, np.empty(0, dtype=np.float32)
        return rest

    def reset(self) -> None:
        """Drop the samples that wait."""
        self.flush()

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {"pending": self._pending.copy()}

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._pending = np.array(snapshot["pending"], dtype=np.float32)


class Recent:
    """The last samples of a stream, as if silence had gone before it."""

    def __init__(self, n_samples: int) -> None:
        self.n_samples = n_samples  # that are kept
        # Twice as many, so that they are moved to the front but once in so many samples.
        self._samples = np.zeros(2 * n_samples, dtype=np.float32)
        self._end = n_samples

    def push(self, block: FloatArray) -> None:
        """Take the next block, no longer than what is kept."""
        if self._end + len(block) > len(self._samples):
            self._samples[: self.n_samples] = self.last(self.n_samples)
            self._end = self.n_samples
        self._samples[self._end : self._end + len(block)] = block
        self._end += len(block)

    def last(self, n_samples: int) -> FloatArray:
        """A copy of the last so many, (n_samples,)."""
        return self._samples[self._end - n_samples : self._end].copy()

    def reset(self) -> None:
        """Begin again with silence."""
        self._samples[:] = 0

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {"samples": self.last(self.n_samples)}

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._samples[: self.n_samples] = snapshot["samples"]
        self._end = self.n_samples
