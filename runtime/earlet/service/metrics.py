"""Figures for Prometheus, in the text format of its exposition, as a file.

https://prometheus.io/docs/instrumenting/exposition_formats/ and the conventions of
https://prometheus.io/docs/practices/naming/: base units, counters end with `_total`. The file is
for the textfile collector of node_exporter: it is always whole.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from earlet.errors import ConfigError
from earlet.files import write_whole

log = logging.getLogger("earlet.metrics")

READABLE = 0o644  # by the collector, another user


@dataclass(frozen=True)
class Metric:
    """One figure, or one for each value of its labels; a counter where its name ends so."""

    name: str
    text: str  # what it says
    value: float | Mapping[str, float] | Mapping[tuple[str, ...], float]
    label: str | tuple[str, ...] = ""  # what the keys of a mapping are

    def lines(self) -> Iterator[str]:
        """Its help, its type, its values."""
        kind = "counter" if self.name.endswith("_total") else "gauge"
        yield from _heading(self.name, self.text, kind)
        if isinstance(self.value, Mapping):
            for key, value in self.value.items():
                yield f"{self.name}{_labels(self.label, key)} {value}"
        else:
            yield f"{self.name} {self.value}"


@dataclass(frozen=True)
class Histogram:
    """How often something took how long, for each value of a label."""

    name: str
    text: str
    bounds: Sequence[float]  # upper ends of the buckets, rising; one more has no end
    counts: Mapping[str, Sequence[int]]  # of each bucket, the last that without end
    sums: Mapping[str, float]
    label: str

    def lines(self) -> Iterator[str]:
        """Its help, its type, and how many were at most as much as each bound."""
        yield from _heading(self.name, self.text, "histogram")
        ends = [*(f"{bound:g}" for bound in self.bounds), "+Inf"]
        for key, counts in self.counts.items():
            for end, n in zip(ends, accumulate(counts), strict=True):
                yield f"{self.name}_bucket{_labels((self.label, 'le'), (key, end))} {n}"
            yield f"{self.name}_sum{_labels(self.label, key)} {self.sums[key]}"
            yield f"{self.name}_count{_labels(self.label, key)} {sum(counts)}"


def exposition(metrics: Iterable[Metric | Histogram]) -> str:
    """All of them as the content of a file."""
    return "".join(f"{line}\n" for metric in metrics for line in metric.lines())


class MetricsFile:
    """A file that is written again and again; what stops that is said once, and ends nothing."""

    def __init__(self, path: str) -> None:
        """Raises ConfigError where no such file can be written."""
        self._path = Path(path).expanduser()
        self._is_failing = False
        try:
            write_whole(self._path, b"", READABLE)
        except (OSError, ValueError) as problem:  # a NUL in the path
            reason = getattr(problem, "strerror", None) or problem
            raise ConfigError(f"metrics: {path!r} cannot be written: {reason}") from None

    def write(self, metrics: Iterable[Metric]) -> None:
        """Write them in place of the ones before."""
        try:
            write_whole(self._path, exposition(metrics).encode(), READABLE)
        except OSError as problem:
            if not self._is_failing:
                log.warning("%s cannot be written: %s; it goes on", self._path, problem.strerror)
            self._is_failing = True
        else:
            if self._is_failing:
                log.info("%s is written again", self._path)
            self._is_failing = False


def _heading(name: str, text: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _labels(names: str | tuple[str, ...], values: str | tuple[str, ...]) -> str:
    names = (names,) if isinstance(names, str) else names
    values = (values,) if isinstance(values, str) else values
    pairs = zip(names, values, strict=True)
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
