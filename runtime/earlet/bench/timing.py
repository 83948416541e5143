"""How long work takes: again and again, in turns, and in real time.

The clock is handed in, so that all of this can be tested without one.
"""

import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from earlet.arrays import FloatArray
from earlet.bench.figures import Latency, Live

MAX_CALLS = 100_000  # of one kind of work; the times of so many take 1.6 MB
MS = 1000.0  # in a second

Call = Callable[[], object]


class Clock(NamedTuple):
    """Seconds."""

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time  # of all threads
    sleep: Callable[[float], object] = time.sleep


class Stream(Protocol):
    """What takes sound as it comes."""

    def push(self, samples: FloatArray, /) -> object:
        """Take any number of samples."""

    def flush(self) -> object:
        """The sound is over."""


class Times(NamedTuple):
    """Seconds that each call took, as plain doubles: these must not show in the memory."""

    wall: "array[float]"
    cpu: "array[float]"


def again_and_again(work: Call, seconds: float, clock: Clock) -> Times:
    """Call it for so long, and once at least."""
    (times,) = in_turns([work], seconds, clock)
    return times


def in_turns(works: Sequence[Call], seconds: float, clock: Clock) -> list[Times]:
    """Call them one after the other for so long, and each once at least.

    What slows the machine down for a while slows all of them down.
    """
    times = [Times(array("d"), array("d")) for _ in works]
    until = clock.wall() + seconds
    for _ in range(MAX_CALLS):
        for work, (walls, cpus) in zip(works, times, strict=True):
            wall, cpu = clock.wall(), clock.cpu()
            work()
            cpus.append(clock.cpu() - cpu)
            walls.append(clock.wall() - wall)
        if clock.wall() >= until:
            break
    return times


def latency(times: Times) -> Latency:
    """The times of one kind of work in short."""
    wall_ms = np.array(times.wall) * MS
    # Of a few calls the 99th percentile is the longest one, and not something in between.
    p50, p95, p99 = np.percentile(wall_ms, [50, 95, 99], method="inverted_cdf")
    return Latency(
        n_calls=len(wall_ms),
        mean_ms=float(wall_ms.mean()),
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
        max_ms=float(wall_ms.max()),
        cpu_ms=float(np.mean(times.cpu)) * MS,
    )


def in_real_time(
    stream: Stream, chunks: Iterable[FloatArray], sample_rate: int, clock: Clock
) -> Live:
    """Give a stream each chunk when it would have been heard, and not before."""
    began, cpu = clock.wall(), clock.cpu()
    heard_s = lag_s = 0.0
    for chunk in chunks:
        heard_s += len(chunk) / sample_rate
        clock.sleep(max(0.0, began + heard_s - clock.wall()))
        stream.push(chunk)
        lag_s = max(lag_s, clock.wall() - began - heard_s)
    stream.flush()
    duration_s = clock.wall() - began
    return Live(
        duration_s=duration_s,
        cpu_percent=100 * (clock.cpu() - cpu) / duration_s,
        lag_max_ms=max(lag_s, duration_s - heard_s) * MS,
    )
