"""Frames between a callback, which must not wait, and a reader, which may be slow.

    write (n_frames, n_channels) -> ring of fixed size -> read (n_frames, n_channels) | Loss

What is lost keeps its place: the reader meets a `Loss` between what was before it and what came
after. Writing allocates nothing, and nothing grows.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from earlet.arrays import AnyArray, FloatArray


@dataclass(frozen=True)
class Loss:
    """Frames that were lost between two others; perhaps none, where only the thread was lost."""

    n_frames: int
    reason: str
    n_overflows: int = 0  # times that the device itself reported it

    def __add__(self, later: "Loss") -> "Loss":
        """Two, with nothing between them."""
        larger = max(self, later, key=lambda loss: loss.n_frames)
        n_overflows = self.n_overflows + later.n_overflows
        return Loss(self.n_frames + later.n_frames, larger.reason, n_overflows)


class Ring:
    """Holds the newest `capacity` frames; not locked, the caller does that."""

    def __init__(self, capacity: int, n_channels: int) -> None:
        self._frames = np.empty((capacity, n_channels), dtype=np.float32)
        # Frames since the beginning, those lost by the device not counted.
        self._n_written = 0
        self._n_read = 0
        self._origin = 0  # the frame that lies at the front
        self._losses: deque[tuple[int, Loss]] = deque()  # each before the frame of this number

    def __len__(self) -> int:
        return self._n_written - self._n_read

    @property
    def behind(self) -> int:
        """Frames from the reader's place to the newest, the lost ones too."""
        return len(self) + sum(loss.n_frames for _, loss in self._losses)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to read, no loss either."""
        return not len(self) and not self._losses

    def write(self, frames: AnyArray) -> None:
        """Copy (n_frames, n_channels); the oldest make room."""
        capacity = len(self._frames)
        if not len(self):
            self._origin = self._n_written  # a reader that keeps up touches little memory
        self._n_written += len(frames)
        frames = frames[-capacity:]
        start = (self._n_written - len(frames) - self._origin) % capacity
        n_first = min(len(frames), capacity - start)
        self._frames[start : start + n_first] = frames[:n_first]
        self._frames[: len(frames) - n_first] = frames[n_first:]
        if (n_over := len(self) - capacity) > 0:
            self._drop(n_over)

    def lose(self, loss: Loss) -> None:
        """Mark what was lost before the next that is written."""
        if self._losses and self._losses[-1][0] == self._n_written:
            loss = self._losses.pop()[1] + loss
        self._losses.append((self._n_written, loss))

    def read(self, most: int) -> FloatArray | Loss:
        """Frames up to the next loss, at most so many, or that loss; the caller owns them."""
        if self._losses and self._losses[0][0] == self._n_read:
            return self._losses.popleft()[1]
        capacity = len(self._frames)
        until = self._losses[0][0] if self._losses else self._n_written
        n = min(until - self._n_read, most)
        start = (self._n_read - self._origin) % capacity
        self._n_read += n
        first = self._frames[start : start + n]
        return np.concatenate([first, self._frames[: n - len(first)]])

    def _drop(self, n_frames: int) -> None:
        loss = Loss(n_frames, "the sound was read too slowly")
        self._n_read += n_frames
        while self._losses and self._losses[0][0] <= self._n_read:
            loss = self._losses.popleft()[1] + loss
        self._losses.appendleft((self._n_read, loss))
