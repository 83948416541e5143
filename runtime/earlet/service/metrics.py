"""Figures for Prometheus, in the text format of its exposition, as a file.

https://prometheus.io/docs/instrumenting/exposition_formats/ and the conventions of
https://prometheus.io/docs/practices/naming/: base units, counters end with `_total`. The file is
for the textfile collector of node_exporter: it is always whole.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from earlet.errors import ConfigError
from earlet.files import write_whole

log = logging.getLogger("earlet.metrics")

READABLE = 0o644  # by the collector, another user


@dataclass(frozen=True)
class Metric:
    """One figure, or one for each value of a label; a counter where its name ends so."""

    name: str
    text: str  # what it says
    value: float | Mapping[str, float]
    label: str = ""  # what the keys of a mapping are

    def lines(self) -> Iterator[str]:
        """Its help, its type, its values."""
        yield f"# HELP {self.name} {self.text}"
        yield f"# TYPE {self.name} {'counter' if self.name.endswith('_total') else 'gauge'}"
        if isinstance(self.value, Mapping):
            for key, value in self.value.items():
                yield f'{self.name}{{{self.label}="{_escaped(key)}"}} {value}'
        else:
            yield f"{self.name} {self.value}"


def exposition(metrics: Iterable[Metric]) -> str:
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


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
