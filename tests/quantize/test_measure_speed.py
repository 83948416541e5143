"""Ratios of CPU time, with clocks that are made up: no test waits for a real one."""

from collections.abc import Callable

import numpy as np
import pytest

from earlet_quantize.measure import speed
from earlet_quantize.measure.results import Latency
from earlet_quantize.measure.speed import in_turns


class Machine:
    """Work that takes known time, on a clock of which nothing else is known."""

    def __init__(self, *, slowdown: float = 0.0, noise: float = 0.0) -> None:
        self.now = 0.0
        self.calls: list[str] = []
        self._slowdown, self._noise = slowdown, noise
        self._rng = np.random.default_rng(0)

    def clock(self) -> float:
        return self.now

    def work(self, name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            self.calls.append(name)
            # The machine gets slower by `slowdown` for each second, and wavers by `noise`.
            pace = 1 + self._slowdown * self.now
            self.now += seconds * pace * float(np.exp(self._rng.normal(0, self._noise)))

        return run


def ratio_on(machine: Machine, float_s: float, int8_s: float) -> Latency:
    return in_turns(
        machine.work("float", float_s), machine.work("int8", int8_s), clock=machine.clock
    )


@pytest.mark.parametrize("int8_s", [0.004, 0.0123, 0.03])
def test_the_ratio_is_that_of_the_times(int8_s: float) -> None:
    latency = ratio_on(Machine(), 0.01, int8_s)
    for value in (latency.ratio, latency.low, latency.high):
        assert value == pytest.approx(int8_s / 0.01)
    assert latency.n == speed.ROUNDS


def test_a_machine_that_slows_down_slows_both_down() -> None:
    machine = Machine(slowdown=4)
    latency = ratio_on(machine, 0.01, 0.005)
    assert machine.now > 1  # it is more than five times as slow by the end
    for value in (latency.ratio, latency.low, latency.high):
        assert value == pytest.approx(0.5, rel=0.02)


def test_both_take_turns_and_none_is_always_first() -> None:
    machine = Machine()
    ratio_on(machine, 0.01, 0.02)
    measured = machine.calls[4:]  # after a call to set up, and one to see how long it takes
    repeats = len(measured) // (4 * speed.ROUNDS)
    assert measured[::repeats] == ["float", "int8", "int8", "float"] * speed.ROUNDS


def test_a_turn_is_long_enough_to_be_measured() -> None:
    machine = Machine()
    ratio_on(machine, 1e-5, 1e-5)
    assert len(machine.calls) * 1e-5 >= 4 * speed.ROUNDS * speed.TURN_S


def test_slow_networks_get_fewer_rounds() -> None:
    assert ratio_on(Machine(), 30.0, 10.0).n == speed.MIN_ROUNDS


def test_the_interval_holds_the_ratio_and_tells_the_noise() -> None:
    quiet, loud = (ratio_on(Machine(noise=noise), 0.05, 0.05) for noise in (0.01, 0.1))
    for latency in (quiet, loud):
        assert latency.low <= latency.ratio <= latency.high
        assert latency.low < 1 < latency.high
    # The median of n normal values has a standard error of 1.253 sd / sqrt(n).
    width = 2 * 1.96 * 1.253 * 0.1 * np.sqrt(2) / np.sqrt(loud.n)
    assert loud.high - loud.low == pytest.approx(width, rel=0.6)
    assert quiet.high - quiet.low < 0.2 * (loud.high - loud.low)
