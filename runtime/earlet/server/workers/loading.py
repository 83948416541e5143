"""What is known of how a model loads: for how long, how large it is then, and whether it can be."""

import time
from dataclasses import dataclass

from earlet.server.models import Model

BASE_S = 1.0  # to start Python, numpy and an engine on a small board
BYTES_PER_S = 50e6  # of a bundle: its SHA-256 and its graphs, on a small board
BASE_BYTES = 60 << 20  # of a process without a network
GROWTH = 2.5  # bytes in memory for a byte of a bundle
TRIES = 3  # that may fail in a row
PAUSE_S = 10.0  # after that many, and twice as long after each further one
MAX_PAUSE_S = 300.0


@dataclass
class LoadHistory:
    """Of one model."""

    model: Model
    last_s: float | None = None  # that it took
    last_bytes: int | None = None  # of memory
    n_failures: int = 0  # in a row
    paused_until: float = 0.0  # on the monotonic clock

    @property
    def expected_s(self) -> float:
        """That loading it takes."""
        return BASE_S + self._size / BYTES_PER_S if self.last_s is None else self.last_s

    @property
    def expected_bytes(self) -> int:
        """Of memory that it takes."""
        if self.last_bytes is None:
            return BASE_BYTES + int(GROWTH * self._size)
        return self.last_bytes

    @property
    def pause_s(self) -> float:
        """For how long it is not tried again."""
        return max(0.0, self.paused_until - time.monotonic())

    def succeeded(self, took_s: float, n_bytes: int) -> None:
        """It is loaded."""
        self.last_s, self.last_bytes = took_s, n_bytes
        self.n_failures = 0

    def failed(self) -> None:
        """It cannot be."""
        self.n_failures += 1
        if (further := self.n_failures - TRIES) >= 0:
            pause_s = min(PAUSE_S * 2.0**further, MAX_PAUSE_S)
            self.paused_until = time.monotonic() + pause_s

    @property
    def _size(self) -> int:
        return sum(file.bytes for file in self.model.manifest.files.values())
