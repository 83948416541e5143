"""What a bundle's pipeline feeds its networks: the inputs to calibrate and to time them with.

bundle + examples -> the pipeline runs, its sessions keep copies of what they are given
    -> for each network ("network", "encoder", "decoder") some of its feeds, and their number
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from earlet.arrays import AnyArray
from earlet.backends import Session, TensorSpec
from earlet.bundle import Bundle
from earlet.tasks import open_bundle
from earlet.verify import read_golden
from earlet_quantize.errors import DataError
from earlet_quantize.measure.data import Example, run

Feeds = Mapping[str, AnyArray]  # arrays by the names of a network's inputs

MAX_KEPT = 512  # feeds of one network
MAX_BYTES = 256 << 20  # of the feeds that are kept of one network


@dataclass
class Recorded:
    """The feeds of one network, evenly spaced among all of its runs."""

    n_runs: int = 0
    feeds: list[Feeds] = field(default_factory=list)
    _stride: int = 1
    _n_bytes: int = 0

    def add(self, feed: Feeds) -> None:
        """Note one run; keep a copy of its feed if it is its turn."""
        if self.n_runs % self._stride == 0:
            self.feeds.append({name: array.copy() for name, array in feed.items()})
            self._n_bytes += _size(feed)
            if len(self.feeds) > MAX_KEPT or self._n_bytes > MAX_BYTES:
                self.feeds = self.feeds[::2]
                self._n_bytes = sum(map(_size, self.feeds))
                self._stride *= 2
        self.n_runs += 1

    def some(self, n: int) -> list[Feeds]:
        """At most `n` of the feeds, evenly spaced."""
        chosen = np.linspace(0, len(self.feeds) - 1, min(n, len(self.feeds)))
        return [self.feeds[int(i)] for i in chosen]


def _size(feed: Feeds) -> int:
    return sum(array.nbytes for array in feed.values())


def record(bundle: Path, examples: Sequence[Example]) -> dict[str, Recorded]:
    """Run the examples through the bundle's pipeline; the feeds of its networks by their role.

    Without examples it is the bundle's golden one that is run.

    Raises:
        DataError: when an example cannot be used, or gives anything but finite numbers.
    """
    opened = _RecordingBundle(bundle)
    task: Any = open_bundle(opened)
    for example in examples:
        opened.example = example.name
        run(task, example)
    if not examples:
        task.trace(read_golden(opened).example)
    for role, recorded in opened.recorded.items():
        if not recorded.feeds:
            raise DataError(f"{bundle}: no example reached its {role}; is there speech in them?")
    return opened.recorded


class _RecordingBundle(Bundle):
    """A bundle whose sessions note what they are given."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.recorded: dict[str, Recorded] = {}
        self.example = "the golden example"  # that is being run

    def open_session(
        self,
        role: str,
        threads: int = 1,
        *,
        inputs: Mapping[str, int] | None = None,
        outputs: Mapping[str, int] | None = None,
        lengths_vary: bool = False,
    ) -> Session:
        session = super().open_session(
            role, threads, inputs=inputs, outputs=outputs, lengths_vary=lengths_vary
        )
        return _RecordingSession(session, self.recorded.setdefault(role, Recorded()), self)


class _RecordingSession:
    def __init__(self, session: Session, recorded: Recorded, bundle: _RecordingBundle) -> None:
        self._session, self._recorded, self._bundle = session, recorded, bundle

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._session.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._session.outputs

    def run(self, feeds: Feeds) -> list[AnyArray]:
        self._recorded.add(feeds)
        results = self._session.run(feeds)
        self._check(results)
        return results

    def bind(self, inputs: Feeds, outputs: Feeds) -> Callable[[], None]:
        bound = self._session.bind(inputs, outputs)

        def run() -> None:
            self._recorded.add(inputs)
            bound()
            self._check(outputs.values())

        return run

    def _check(self, results: Iterable[AnyArray]) -> None:
        if not all(np.isfinite(result).all() for result in results):
            raise DataError(
                f"{self._bundle.example}: the float network computes numbers that are not finite "
                f"from it ({self._bundle.path}); it cannot be calibrated"
            )
