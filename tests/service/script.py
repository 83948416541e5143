"""A source that does as it is told, and what is heard of it."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import Self

import numpy as np

from earlet.arrays import FloatArray
from earlet.audio.live import Health
from earlet.config import ListenConfig
from earlet.results import Deaf, Detection, Gap
from earlet.service.daemon import Told

SAMPLE_RATE = 16_000  # Hz
SPOTTER = ListenConfig(confirm="off")
Heard = FloatArray | Deaf | Gap
Step = Heard | Health | signal.Signals | Callable[[], None]


class Script:
    """A live source: gives what its steps are, in turn.

    A `Health` is how it is from then on, with an empty chunk; a signal is sent to this very
    process, which waits for sound meanwhile; what can be called is.
    """

    sample_rate = SAMPLE_RATE
    is_live = True
    patience_s = backlog_s = 0.0

    def __init__(self, *steps: Step, fails: Exception | None = None) -> None:
        """`fails`: why it cannot be opened."""
        self.health = Health()
        self.openings: list[str] = []
        self._steps: Iterable[Step] = iter(steps)
        self.fails = fails

    def __enter__(self) -> Self:
        if self.fails is not None:
            raise self.fails
        self.openings.append("open")
        return self

    def __exit__(self, *_: object) -> None:
        self.openings.append("closed")

    def heard(self) -> Iterator[Heard]:
        for step in self._steps:
            if isinstance(step, Health):
                self.health = step
                yield np.empty(0, dtype=np.float32)
            elif isinstance(step, signal.Signals):
                os.kill(os.getpid(), step)
            elif isinstance(step, np.ndarray | Deaf | Gap):
                yield step
            else:
                step()


def labels(told: list[Told]) -> list[str]:
    """The commands that were heard."""
    return [event.label for event in told if isinstance(event, Detection)]
