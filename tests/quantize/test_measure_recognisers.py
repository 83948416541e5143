"""Recognisers side by side, with texts and times that are made up."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from earlet.arrays import FloatArray
from earlet_quantize.measure.recognisers import (
    Recognise,
    Recogniser,
    compare,
    in_turns,
    rates_with_noise,
    ratio_interval,
    table,
)

CLIPS = {name: np.full(4, i, dtype=np.float32) for i, name in enumerate("abcd")}
REFERENCES = dict.fromkeys(CLIPS, "one two three four")


class Clock:
    """CPU seconds that pass only while somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def starts_and_stops(*seconds: float) -> Iterator[float]:
    """What a clock shows before and after each of some tasks."""
    now = 0.0
    for duration in seconds:
        yield now
        now += duration
        yield now


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


def test_word_error_rates_memory_and_size_are_told_for_each(tmp_path: Path) -> None:
    network = tmp_path / "network.onnx"
    network.write_bytes(bytes(1_500_000))
    # A text's own `format` gives the text, whatever the clip, in any process.
    recognisers = {
        "right": Recogniser(partial(getattr, "One two, three four.", "format"), [network]),
        "half": Recogniser(partial(getattr, "one two", "format"), [network, network]),
    }
    ticks = starts_and_stops(3, 1, 1, 3, 3, 1, 1, 3)  # "right" is first, then "half", in turns
    right, half = compare(
        recognisers, CLIPS, REFERENCES, baseline="half", clock=lambda: next(ticks)
    )
    assert (right.word_error_rate, half.word_error_rate) == (0.0, 50.0)
    assert (right.cpu_s, right.ratio, right.low, right.high) == (12.0, 3.0, 3.0, 3.0)
    assert (half.cpu_s, half.ratio, half.low, half.high) == (4.0, 1.0, 1.0, 1.0)
    assert right.peak_mb > 5  # an interpreter with NumPy
    assert (right.files_mb, half.files_mb) == (1.5, 3.0)
    lines = table([right, half], audio_s=8.0).splitlines()
    assert lines[1].split()[:3] == ["right", "0.00", "1.5000"]
    assert lines[2].split()[5] == "0"  # utterances with the first one's text


def test_rates_with_noise_are_of_sounds_that_differ_by_no_more_than_rounding() -> None:
    heard: list[FloatArray] = []

    def listen(clip: FloatArray) -> str:
        heard.append(clip)
        return "one two three" if len(heard) > len(CLIPS) else "one two three four"

    clips = {name: np.full(10_000, 0.25, dtype=np.float32) for name in CLIPS}
    recogniser = Recogniser(lambda: listen, [])
    assert rates_with_noise({"it": recogniser}, clips, REFERENCES, 2) == {"it": [0.0, 25.0]}
    assert len(heard) == 2 * len(clips)
    differences = np.stack(heard).astype(np.float64) - 0.25
    assert differences.std() == pytest.approx(1e-7, rel=0.1)  # float32 has steps of 3e-8 here
