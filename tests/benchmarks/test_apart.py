"""Groups in processes of their own: one that crashes or hangs is told, and stops no other."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benchmarks import apart
from benchmarks.apart import measured
from benchmarks.line import Curve, Line, to_json

GOOD = to_json(Line(what="good", ours="1 ms"))
SAY = f"print({GOOD!r}, flush=True)"


def told(program: str, limit_s: float = 60.0) -> Sequence[Line | Curve]:
    return list(measured([sys.executable, "-c", program], "sounds", limit_s))


def test_what_a_group_tells_is_read_line_by_line() -> None:
    assert told(f"{SAY}; {SAY}") == [Line(what="good", ours="1 ms")] * 2


def test_of_a_group_that_crashes_the_reason_is_told_after_what_it_measured() -> None:
    good, rest = told(f"{SAY}; raise RuntimeError('no such mel')")
    assert good == Line(what="good", ours="1 ms")
    assert isinstance(rest, Line)
    assert rest.what == "the rest of sounds"
    assert rest.missing == "ended with 1: RuntimeError: no such mel"


def test_a_group_that_is_killed_without_a_word_is_told() -> None:
    (rest,) = told("import os; os.kill(os.getpid(), 9)")
    assert isinstance(rest, Line)
    assert rest.missing == "ended with -9: without a word"


@pytest.mark.parametrize("hangs", [True, False])
def test_at_the_limit_a_group_is_ended_with_all_that_it_has_started(
    hangs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it starts holds the pipe: while that lives, a reader would wait."""
    processes: list[Any] = []
    at_limit: list[Callable[[Any], None]] = []

    class Limit:
        """A timer that goes off when the test says so."""

        def __init__(self, _: float, function: Callable[[Any], None], given: list[Any]) -> None:
            at_limit.append(function)
            processes.extend(given)

        def start(self) -> None:
            pass

        cancel = start

    monkeypatch.setattr(apart, "Timer", Limit)
    program = (
        "import os, subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"{SAY}; print('{{\"line\": {{', end='', flush=True)\n"
        f"if {hangs}: time.sleep(600)"
    )
    found = measured([sys.executable, "-c", program], "sounds", limit_s=0)
    assert next(found) == Line(what="good", ours="1 ms")
    if not hangs:
        processes[0].wait()
    at_limit[0](processes[0])
    (rest,) = found
    assert isinstance(rest, Line)
    assert rest.missing == "stopped after 0 s"
