"""Peers are looked at before they are timed: who is missing, fails or errs is told, not timed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.compare import Peer, compared, difference, shown
from benchmarks.line import Line
from benchmarks.stopwatch import in_turn

VALUES = np.arange(3, dtype=np.float32)


def lines(make: Callable[[], Callable[[], Any]]) -> list[Line]:
    peer = Peer(distribution="numpy", make=make, aim=2.0, tolerance=0.1)
    return list(compared("sums", lambda: VALUES, [peer], rounds=3))


def test_a_peer_that_agrees_is_timed() -> None:
    (line,) = lines(lambda: lambda: VALUES + 0.05)
    assert line.ratio is not None
    assert line.peer == f"numpy {np.__version__}"
    assert line.aim == 2.0


@pytest.mark.parametrize("theirs", [VALUES + 0.2, VALUES[:2], VALUES[None]])
def test_a_peer_that_gives_something_else_is_not(theirs: Any) -> None:
    (line,) = lines(lambda: lambda: theirs)
    assert line.ratio is None
    assert "gives something else" in line.missing


def test_a_peer_that_fails_is_told_with_its_reason() -> None:
    def make() -> Callable[[], Any]:
        raise RuntimeError("needs another driver\nand more lines")

    (line,) = lines(make)
    assert line.missing == f"numpy {np.__version__} fails: RuntimeError: needs another driver"


def test_that_earlet_fails_is_not_told_of_a_peer() -> None:
    def ours() -> list[int]:
        raise ValueError("earlet's own")

    peer = Peer(distribution="numpy", make=lambda: lambda: VALUES)
    with pytest.raises(ValueError, match="earlet's own"):
        list(compared("sums", ours, [peer], rounds=3))


def test_a_peer_that_is_not_installed_leaves_the_others_their_turns() -> None:
    peers = [
        Peer(distribution="no-such-peer", make=lambda: lambda: VALUES),
        Peer(distribution="numpy", make=lambda: lambda: VALUES),
    ]
    missing, line = compared("sums", lambda: VALUES, peers, rounds=3)
    assert "no-such-peer" in missing.missing
    assert line.ratio is not None


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [([1, 2], [1, 2], 0.0), ([1, 2], [1, 3], np.inf), ([[1], [2, 3]], [[1], [2, 3]], 0.0)],
)
def test_ids_are_equal_or_not(ours: list[Any], theirs: list[Any], expected: float) -> None:
    assert difference(ours, theirs) == expected


def test_turns_begin_with_another_work_in_each_round() -> None:
    order: list[str] = []
    seconds = iter(range(100))
    works = [lambda name=name: order.append(name) for name in "abc"]
    times = in_turn(works, rounds=3, clock=lambda: float(next(seconds)))
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"
    assert times.tolist() == [[1, 1, 1]] * 3


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(3.45e-3, "3.45 ms"), (12.0, "12 s"), (7.5e-6, "7.5 µs"), (2e-7, "0.2 µs"), (0.0, "0 µs")],
)
def test_seconds_are_shown_in_a_unit_that_suits_them(seconds: float, expected: str) -> None:
    assert shown(seconds) == expected
