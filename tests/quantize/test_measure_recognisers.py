"""Recognisers side by side, with texts and times that are made up."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from earlet.arrays import FloatArray
from earlet_quantize.measure.recognisers import Recognise, compare, in_turns, ratio_interval, table

CLIPS = {name: np.full(4, i, dtype=np.float32) for i, name in enumerate("abcd")}
REFERENCES = dict.fromkeys(CLIPS, "one two three four")


class Clock:
    """CPU seconds that pass only while somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_everybody_is_first_in_turn_and_only_their_own_time_counts() -> None:
    clock, order = Clock(), []

    def worker(name: str, seconds: float) -> Recognise:
        def recognise(clip: FloatArray) -> str:
            order.append(name)
            clock.now += seconds
            return f"{name}{clip[0]:.0f}"

        return recognise

    workers = {"slow": worker("slow", 3.0), "fast": worker("fast", 1.0)}
    texts, cpu_s = in_turns(workers, CLIPS, clock)
    assert order[2:] == ["slow", "fast", "fast", "slow", "slow", "fast", "fast", "slow"]
    assert texts["fast"] == {"a": "fast0", "b": "fast1", "c": "fast2", "d": "fast3"}
    assert cpu_s["slow"].tolist() == [3.0] * 4
    assert cpu_s["fast"].tolist() == [1.0] * 4


def test_an_interval_of_equal_ratios_is_that_ratio() -> None:
    baseline = np.array([1.0, 5.0, 2.0])
    assert ratio_interval(0.5 * baseline, baseline) == pytest.approx((0.5, 0.5))


def test_an_interval_holds_nine_draws_of_ten_and_more() -> None:
    """For the mean of 400 normal numbers, 1 +- 1.96 * 0.2 / sqrt(400)."""
    times = np.random.default_rng(1).normal(1, 0.2, size=400)
    low, high = ratio_interval(times, np.ones(400))
    assert high - low == pytest.approx(2 * 1.96 * times.std() / 20, rel=0.05)


def test_word_error_rates_and_memory_are_told_for_each() -> None:
    # A text's own `format` gives the text, whatever the clip, in any process.
    recognisers = {
        "right": partial(getattr, "One two, three four.", "format"),
        "half": partial(getattr, "one two", "format"),
    }
    ticks: Iterator[int] = iter(range(10_000))
    right, half = compare(recognisers, CLIPS, REFERENCES, clock=lambda: float(next(ticks)))
    assert (right.word_error_rate, half.word_error_rate) == (0.0, 50.0)
    assert (half.cpu_s, half.ratio, half.low, half.high) == (4.0, 1.0, 1.0, 1.0)
    assert right.peak_mb > 5  # an interpreter with NumPy
    lines = table([right, half], audio_s=8.0).splitlines()
    assert lines[1].split()[:3] == ["right", "0.00", "0.5000"]
    assert lines[2].split()[-2] == "0"  # utterances with the first one's text
