"""A line of the table: some work, what it takes here, what it takes a peer, and what was aimed at.

rounds in turn, (n_rounds,) of each -> Ratio -> Line -> report.py, figures.py
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks.install import REASONS
from earlet.arrays import Float64Array

RESAMPLES = 4_000  # of the rounds: the ends of the interval settle to less than it is wide
INTERVAL = (2.5, 97.5)  # percentiles: 95 %
SEED = 0

T = TypeVar("T")


class MissingError(Exception):
    """What a line needs is not there; the message is for the table."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Ours / theirs; below 1 earlet is quicker, or smaller."""

    median: float
    low: float  # 95 % interval of the median
    high: float

    @classmethod
    def of(cls, ours: Float64Array, theirs: Float64Array) -> "Ratio":
        """Of rounds in which both were measured one after the other, (n_rounds,) each.

        The interval is the percentile bootstrap of the median over rounds: Efron and Tibshirani,
        "An Introduction to the Bootstrap", 1993, chapter 13.

        Raises:
            ValueError: when the two are not rounds of one run.
        """
        if ours.ndim != 1 or ours.shape != theirs.shape or not len(ours):
            raise ValueError(
                f"expected as many rounds of one as of the other, got {ours.shape}, {theirs.shape}"
            )
        ratios = np.asarray(ours, dtype=np.float64) / np.asarray(theirs, dtype=np.float64)
        chosen = np.random.default_rng(SEED).integers(len(ratios), size=(RESAMPLES, len(ratios)))
        low, high = np.percentile(np.median(ratios[chosen], axis=1), INTERVAL)
        return cls(median=float(np.median(ratios)), low=float(low), high=float(high))


@dataclass(frozen=True, kw_only=True)
class Line:
    """One comparison, or one figure without a peer.

    Raises:
        ValueError: when there is an aim but nothing that could hold it.
    """

    what: str  # the work, with its size: "Whisper log-mel, 30 s"
    ours: str = ""  # as measured, with its unit: "3.4 ms"
    peer: str = ""  # who, which version, how it was called: "faster-whisper 1.2.1"
    theirs: str = ""
    ratio: Ratio | None = None
    is_contest: bool = True  # False: `peer` is a bound, or earlet otherwise; nobody wins
    value: float | None = None  # what the aim is for, where there is no peer
    aim: float | None = None  # at most; of the ratio's median, else of `value`
    unit: str = ""  # of `value`
    why: str = ""  # what stands in the way: of the aim, of being quicker, of the bound
    missing: str = ""  # why this could not be measured

    def __post_init__(self) -> None:
        if self.aim is not None and self.reached is None and not self.missing:
            raise ValueError(f"{self.what}: an aim of {self.aim:g}, and no ratio or value for it")

    @property
    def reached(self) -> float | None:
        """What the aim is for."""
        return self.value if self.ratio is None else self.ratio.median

    @property
    def is_held(self) -> bool | None:
        """Whether the aim is; None where there is none, or nothing was measured."""
        if self.aim is None or self.reached is None or self.missing:
            return None
        return self.reached <= self.aim

    @property
    def is_slower(self) -> bool:
        """Whether a peer wins, beyond what the rounds differ by."""
        return self.is_contest and self.ratio is not None and self.ratio.low > 1

    @property
    def is_explained(self) -> bool:
        """Whether `why` is told: of an aim missed, a peer that wins, a bound without an aim."""
        is_bound = not self.is_contest and self.aim is None
        return self.is_held is False or self.is_slower or is_bound


@dataclass(frozen=True, kw_only=True)
class Curve:
    """How a cost grows: a picture of its own, `figures/<name>.png`.

    The axis of `x` is logarithmic, that of the values where they differ by much.
    """

    name: str  # of the file: "length"
    title: str
    x_label: str  # with its unit: "length of the recording (s)"
    y_label: str
    x: Sequence[float]
    series: Mapping[str, Sequence[float]]  # by who or what it is of, as many values as `x`


def to_json(found: Line | Curve) -> str:
    """One object, on one line."""
    return json.dumps({type(found).__name__.lower(): asdict(found)})


def from_json(text: str) -> Line | Curve:
    """What `to_json` made of one.

    Raises:
        ValueError: when it is none.
    """
    try:
        ((kind, fields),) = json.loads(text).items()
        if kind == "curve":
            return Curve(**fields)
        ratio = fields.pop("ratio")
        return Line(**fields, ratio=Ratio(**ratio) if ratio else None)
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        raise ValueError(f"expected a line or a curve, got {text[:80]!r}: {problem}") from None


def attempted(
    what: str, measure: Callable[[], Iterator[T]], aim: float | None = None
) -> Iterator[T | Line]:
    """The lines of `measure`; where something is missing, a line that says so, of the same aim."""
    try:
        yield from measure()
    except MissingError as problem:
        yield Line(what=what, aim=aim, missing=str(problem))


def version(distribution: str) -> str:
    """A peer's name with its version: "faster-whisper 1.2.1".

    Raises:
        MissingError: when it is not installed.
    """
    try:
        return f"{distribution} {metadata.version(distribution)}"
    except metadata.PackageNotFoundError:
        reasons = json.loads(REASONS.read_text(encoding="utf-8")) if REASONS.exists() else {}
        reason = reasons.get(distribution, "not installed")
        raise MissingError(f"{distribution}: {reason}") from None


def there(path: Path | None, what: str) -> Path:
    """The path, when something is there; `what` names it in the message.

    Raises:
        MissingError: when nothing is.
    """
    if path is None or not path.exists():
        raise MissingError(f"{what} is not there")
    return path
