"""What is told of words that were not detected, for posteriors that are made up."""

import numpy as np
import pytest

from earlet.arrays import FloatArray
from earlet.results import Rejection
from earlet.streaming.near_misses import NearMisses
from earlet.streaming.spotter import SpotterConfig, Trigger

LABELS = ("go", "stop", "none")
CONFIG = SpotterConfig(
    window_frames=8,
    hop_ms=40,
    smoothing=1,
    refractory_ms=400,  # 10 hops
    event_ms=80,
    thresholds={"go": 0.8, "stop": 0.6},
)
HOP_S = 0.04


def row(go: float = 0.0, stop: float = 0.0) -> FloatArray:
    return np.array([go, stop, 1 - go - stop], dtype=np.float32)


def told(rows: list[FloatArray], config: SpotterConfig = CONFIG) -> list[tuple[int, Rejection]]:
    """The rejections, each with the row at which it was told."""
    trigger = Trigger(config, LABELS, HOP_S)
    near = NearMisses(trigger, HOP_S)
    pushed = [near.push(fired=trigger.push(row) is not None) for row in rows]
    pushed.append(near.flush())
    return [(i, rejection) for i, rejection in enumerate(pushed) if rejection is not None]


def test_a_word_that_stays_below_its_threshold_is_told_by_its_best_moment_once_it_is_over() -> None:
    swell = [row(go=p) for p in (0.1, 0.5, 0.75, 0.6, 0.3, 0.1)]
    ((at, rejection),) = told(swell)
    assert at == 4  # 0.3 is less than half of 0.8
    assert rejection.label == "go"
    assert rejection.score == pytest.approx(0.75)
    assert rejection.end_s == pytest.approx(3 * HOP_S)
    assert rejection.start_s == pytest.approx(1 * HOP_S)
    assert rejection.reason == "below threshold"


def test_what_is_less_than_half_of_every_threshold_is_not_told() -> None:
    assert not told([row(go=0.39, stop=0.29)] * 50)


def test_the_label_that_is_nearest_to_its_own_threshold_is_told() -> None:
    ((_, rejection),) = told([row(), row(go=0.45, stop=0.4), row()])
    assert rejection.label == "stop"  # 0.67 of 0.6, and go 0.56 of 0.8


def test_the_beginning_and_the_end_of_a_word_that_is_heard_are_not_told() -> None:
    swell = [row(go=p) for p in (0.5, 0.7, 0.9, 0.95, 0.9, *([0.7] * 40), 0.5, 0.1)]
    assert not told(swell)


def test_a_word_in_the_refractory_time_of_another_is_told_so() -> None:
    go, stop, quiet = row(go=0.9), row(stop=0.9), row()
    ((_, rejection),) = told([go, quiet, stop, quiet, *[quiet] * 20])
    assert (rejection.label, rejection.reason) == ("stop", "refractory")
    assert not told([go, quiet, row(stop=0.5), quiet])  # it would not have fired anyway


def test_who_is_near_for_long_is_told_after_a_second_and_every_second_then() -> None:
    rejections = told([row(go=0.7)] * 100)
    assert [at for at, _ in rejections] == [25, 50, 75, 100]


def test_no_more_than_one_a_second_is_told() -> None:
    flicker = [row(go=0.7), row()] * 250  # 20 s
    assert 18 <= len(told(flicker)) <= 20


def test_a_label_that_never_fires_is_never_near() -> None:
    config = SpotterConfig(**{**vars(CONFIG), "thresholds": {"go": 1.0, "stop": 0.6}})
    assert not told([row(), row(go=0.99), row()], config)
