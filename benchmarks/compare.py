"""One work of ours against several peers, in turn in one run, after a look at what they give."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from benchmarks.line import Line, MissingError, Ratio, version
from benchmarks.stopwatch import in_turn

Make = Callable[[], Callable[[], Any]]
# What a peer may fail with that is installed and does not run, or not on this machine.
FAILURES = (
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
REASON = 200  # characters
UNITS = ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s"))


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Who does the same work: `make` imports it, and gives what is to be called."""

    distribution: str  # as it is installed
    make: Make
    how: str = ""  # it is called: "NumPy", "torch"
    aim: float | None = None  # at most, of the ratio
    tolerance: float = 1e-3  # by which what it gives may differ; ids and labels not at all
    why: str = ""  # it wins, or what stands in the way of the aim


class _Ready(NamedTuple):
    """A peer that works, and gives what it should."""

    peer: Peer
    name: str
    work: Callable[[], Any]


def compared(
    what: str,
    ours: Callable[[], Any],
    peers: Sequence[Peer],
    rounds: int,
    per: int = 1,
) -> Iterator[Line]:
    """A line a peer; `per` pieces of work are done in a call, and figures are told for one."""
    looked_at = [_look_at(what, peer, ours) for peer in peers]
    ready = [one for one in looked_at if isinstance(one, _Ready)]
    times = in_turn([ours, *(one.work for one in ready)], rounds) / per
    columns = iter(times.T[1:])
    for one in looked_at:
        if isinstance(one, Line):
            yield one
            continue
        theirs = next(columns)
        yield Line(
            what=what,
            ours=shown(float(np.median(times[:, 0]))),
            peer=one.name,
            theirs=shown(float(np.median(theirs))),
            ratio=Ratio.of(times[:, 0], theirs),
            aim=one.peer.aim,
            why=one.peer.why,
        )


def difference(ours: Any, theirs: Any) -> float:
    """The largest between two results; infinite for other shapes, and for other ids or labels."""
    if isinstance(ours, list):
        return 0.0 if ours == theirs else float("inf")
    a, b = (np.asarray(one, dtype=np.float64) for one in (ours, theirs))
    return float(np.abs(a - b).max()) if a.shape == b.shape else float("inf")


def failure(name: str, problem: Exception) -> str:
    """What is told of a peer that raises one of FAILURES: the first line."""
    reason = str(problem).partition("\n")[0]
    return f"{name} fails: {type(problem).__name__}: {reason[:REASON]}"


def shown(seconds: float) -> str:
    """In a unit that leaves a number of two or three digits."""
    scale, unit = next((pair for pair in reversed(UNITS) if seconds >= pair[0]), UNITS[0])
    return f"{seconds / scale:.3g} {unit}"


def _look_at(what: str, peer: Peer, ours: Callable[[], Any]) -> _Ready | Line:
    """A line where it is not installed, fails, or gives something else."""
    name, expected = peer.distribution, ours()  # that earlet fails is not told of a peer
    try:
        name = version(peer.distribution)
        work = peer.make()
        off = difference(expected, work())
        if off <= peer.tolerance:
            return _Ready(peer, _called(name, peer), work)
        missing = f"{name} gives something else: it differs by {off:.2g}"
    except MissingError as problem:
        missing = str(problem)
    except FAILURES as problem:
        missing = failure(name, problem)
    return Line(what=what, peer=_called(name, peer), aim=peer.aim, missing=missing)


def _called(name: str, peer: Peer) -> str:
    return ", ".join(filter(None, [name, peer.how]))
