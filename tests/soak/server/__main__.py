"""An hour of visitors in minutes: does the server answer all of them rightly, and stay as it was?

    python -m tests.soak.server [--visits N]

`earlet serve` is asked by several at once, over HTTP, WebSocket and Wyoming, for everything it has
and for much that it has not; some leave in the middle. Exits with 0 when every answer was the right
one and nothing grew; of memory, only an hour of visits or more can tell.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.virtual_microphone import until
from tests.server.program import Program, serving
from tests.soak.runs import Reading, reading
from tests.soak.server.visits import Visited, visit
from tests.soak.verdict import SETTLED, leaks, slope

VISITS_AN_HOUR = 18_000  # five a second
N_READINGS = 120  # in a run
MAX_SLOPE_MB = 2.0  # that a process may grow in an hour, once it has settled: 100 bytes a visit
SERVER = "server"
MOST_TOLD = 20  # kinds of problems


@dataclass
class Readings:
    """How the processes were, again and again."""

    of: dict[int, list[Reading]] = field(default_factory=dict)  # process -> since it was seen

    def look(self, program: Program, hours: float) -> None:
        """Now, after so many hours of visits."""
        for pid in (program.pid, *sorted(program.children)):
            with suppress(FileNotFoundError, ValueError):  # it has just ended
                self.of.setdefault(pid, []).append(reading(pid, hours))

    def lasting(self) -> dict[str, list[Reading]]:
        """Those of the server, and of each worker that was there for half of the time or longer."""
        (server, *workers) = self.of.values()
        found = {SERVER: server}
        for number, readings in enumerate(workers, start=1):
            if len(readings) >= len(server) / 2:
                found[f"worker {number}"] = readings
        return found

    def growth(self) -> Iterator[str]:
        """What there is more of than there was."""
        for name, readings in self.lasting().items():
            if (per_hour := slope(readings)) > MAX_SLOPE_MB:
                yield f"{name}: memory grows by {per_hour:.2f} MB; {MAX_SLOPE_MB} are allowed"
            if name != SERVER:  # which has as many descriptors as it has visitors
                yield from (f"{name}: {line}" for line in leaks(readings))


@dataclass(frozen=True)
class Soak:
    """What came of it."""

    visited: Visited
    readings: Readings
    told: str  # the server's log
    status: int | None

    def problems(self) -> Iterator[str]:
        """Wrong answers, and a server that did not expect what came; not what has grown."""
        for problem, n_times in self.visited.problems.most_common(MOST_TOLD):
            yield f"{n_times} times {problem}"
        if "Traceback" in self.told:
            yield f"a traceback in the log: {self.told[self.told.index('Traceback') :][:2000]}"
        if self.status != 0:
            yield f"earlet serve ended with {self.status}"


def soak(n_visits: int, folder: Path) -> Soak:
    """Start a server, have it visited, and end it.

    Raises:
        RuntimeError: it ended by itself.
        TimeoutError: it keeps connections of visitors who are gone.
    """
    readings = Readings()
    every = max(1, n_visits // N_READINGS)
    with serving(folder / "log") as program:

        def look(n_over: int) -> None:
            if n_over % every == 0:
                readings.look(program, n_over / VISITS_AN_HOUR)

        n_idle = n_descriptors(program)
        visited = asyncio.run(visit(program, n_visits, seed=0, look=look))
        until(lambda: n_descriptors(program) <= n_idle, f"only {n_idle} descriptors are left")
    return Soak(visited, readings, program.told, program.process.returncode)


def n_descriptors(program: Program) -> int:
    """Of the server, but for its socket to each worker."""
    return reading(program.pid, 0).n_descriptors - len(program.children)


def main() -> int:
    """Print how it went, and what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.server", description=__doc__)
    parser.add_argument("--visits", type=int, default=VISITS_AN_HOUR)
    n_visits = parser.parse_args().visits
    print(f"{n_visits} visits, {n_visits / VISITS_AN_HOUR:.1f} hours at five a second", flush=True)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="earlet-") as folder:
            done = soak(n_visits, Path(folder))
    except (RuntimeError, TimeoutError) as problem:
        print(f"FAILED: {problem}")
        return 1
    report(done, time.monotonic() - began)
    problems = [*done.problems(), *done.readings.growth()]
    print("\n".join(["", *(f"FAILED: {problem}" for problem in problems)] if problems else ["OK"]))
    return 1 if problems else 0


def report(done: Soak, took_s: float) -> None:
    """A line for each process, and what there was to do."""
    print("process   hours  memory MB: first, settled, last  growth MB an hour  descriptors  CPU s")
    for name, readings in done.readings.lasting().items():
        first, settled, last = readings[0], readings[int(len(readings) * SETTLED)], readings[-1]
        print(
            f"{name:9} {last.hours - first.hours:5.2f}  "
            f"{first.rss_mb:16.1f}  {settled.rss_mb:7.1f}  {last.rss_mb:4.1f}  "
            f"{slope(readings):+17.2f}  {last.n_descriptors:11}  {last.cpu_s:5.1f}"
        )
    print(f"{len(done.readings.of)} processes were there at some time")
    print(f"{len(done.visited.n_visits)} kinds of visits, each at least", end=" ")
    print(f"{min(done.visited.n_visits.values())} times; it took {took_s / 60:.1f} minutes")


if __name__ == "__main__":
    sys.exit(main())
