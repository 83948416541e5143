"""Timing on a clock that only moves when it is told to."""

from array import array
from collections.abc import Callable
from statistics import mean

import numpy as np
import pytest

from earlet.arrays import FloatArray
from earlet.bench import timing
from earlet.bench.timing import Clock

RATE = 16_000
CHUNK = np.zeros(640, dtype=np.float32)  # 40 ms


class Time:
    """Of a process that computes for part of what its work takes."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0
        self.clock = Clock(lambda: self.wall_s, lambda: self.cpu_s, self.sleep)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.wall_s += seconds

    def work(self, wall_s: float, cpu_s: float) -> Callable[[], None]:
        def work() -> None:
            self.wall_s += wall_s
            self.cpu_s += cpu_s

        return work


class Stream:
    """Takes the given seconds for each chunk, and in the end."""

    def __init__(self, time: Time, *takes_s: float, flush_s: float = 0.0) -> None:
        self._time, self._takes_s, self._flush_s = time, list(takes_s), flush_s
        self.heard_at: list[float] = []

    def push(self, samples: FloatArray) -> object:
        self.heard_at.append(self._time.wall_s)
        seconds = self._takes_s.pop(0)
        self._time.work(seconds, seconds)()
        return samples

    def flush(self) -> object:
        self._time.work(self._flush_s, self._flush_s)()
        return None


def test_work_is_repeated_for_as_long_as_is_asked() -> None:
    time = Time()
    times = timing.again_and_again(time.work(0.25, 0.125), 2.0, time.clock)
    assert list(times.wall) == [0.25] * 8
    assert list(times.cpu) == [0.125] * 8


def test_work_is_done_once_however_little_time_there_is() -> None:
    time = Time()
    assert list(timing.again_and_again(time.work(50.0, 50.0), 0.0, time.clock).wall) == [50.0]


def test_work_that_takes_no_time_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "MAX_CALLS", 7)
    time = Time()
    assert len(timing.again_and_again(time.work(0.0, 0.0), 1.0, time.clock).wall) == 7


def test_contenders_take_turns() -> None:
    time, order = Time(), []

    def contender(name: str, seconds: float) -> Callable[[], None]:
        def work() -> None:
            order.append(name)
            time.sleep(seconds)

        return work

    works = [contender("a", 0.25), contender("b", 0.5)]
    a, b = timing.in_turns(works, 2.0, time.clock)
    assert order == ["a", "b"] * 3
    assert (list(a.wall), list(b.wall)) == ([0.25] * 3, [0.5] * 3)


def test_percentiles_are_times_that_were_measured() -> None:
    """Nearest rank: the smallest time within which so many per cent of the calls were done."""
    wall = [ms / 1000 for ms in range(1, 201)]
    times = timing.Times(array("d", wall), array("d", wall[:100] * 2))
    latency = timing.latency(times)
    ranked = [sum(ms <= limit for ms in range(1, 201)) / 200 for limit in (100, 190, 198)]
    assert ranked == [0.5, 0.95, 0.99]
    assert latency.n_calls == 200
    assert (latency.p50_ms, latency.p95_ms, latency.p99_ms) == pytest.approx((100, 190, 198))
    assert latency.max_ms == pytest.approx(200)
    assert latency.mean_ms == pytest.approx(mean(wall) * 1000)
    assert latency.cpu_ms == pytest.approx(mean(wall[:100]) * 1000)


def test_of_one_call_all_percentiles_are_its_time() -> None:
    latency = timing.latency(timing.Times(array("d", [0.5]), array("d", [0.25])))
    assert {latency.p50_ms, latency.p95_ms, latency.p99_ms, latency.max_ms} == {500.0}


def test_a_live_stream_hears_nothing_before_it_was_said() -> None:
    time = Time()
    stream = Stream(time, 0.01, 0.01, 0.01, 0.01)
    live = timing.in_real_time(stream, [CHUNK] * 4, RATE, time.clock)
    assert stream.heard_at == pytest.approx([0.04, 0.08, 0.12, 0.16])
    assert live.duration_s == pytest.approx(0.17)
    assert live.cpu_percent == pytest.approx(100 * 0.04 / 0.17)
    assert live.lag_max_ms == pytest.approx(10)


def test_sound_waits_while_a_live_stream_is_busy() -> None:
    time = Time()
    stream = Stream(time, 0.10, 0.02, 0.02, 0.02)
    live = timing.in_real_time(stream, [CHUNK] * 4, RATE, time.clock)
    # Heard at once when there is time: 0.04 + 0.10, + 0.02, + 0.02, and on time again.
    assert stream.heard_at == pytest.approx([0.04, 0.14, 0.16, 0.18])
    assert live.lag_max_ms == pytest.approx(100)


def test_what_the_end_of_a_live_stream_takes_is_waited_for_too() -> None:
    time = Time()
    live = timing.in_real_time(Stream(time, 0.01, flush_s=0.5), [CHUNK], RATE, time.clock)
    assert live.lag_max_ms == pytest.approx(510)
