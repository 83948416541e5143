"""Minutes of the soak that `make soak` has for a day; and that it can fail."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earlet.arrays import INT16_SCALE
from tests.soak.__main__ import Soak, soak
from tests.soak.runs import Event, Reading, Run, listened
from tests.soak.sound import SAMPLE_RATE, Recordings, hour_of_sound, read_recordings
from tests.soak.verdict import growth, slope

MINUTE_S = 60.0
GO: Event = {"label": "go", "score": 0.99, "start_s": 1.0, "end_s": 1.8}


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    return read_recordings(Path(__file__).parents[1] / "recordings", data=None)


def test_minutes_one_after_the_other_are_heard_as_each_by_itself(tmp_path: Path) -> None:
    done = soak(3, MINUTE_S, None, tmp_path)
    assert done.unequal(MINUTE_S) == []


def test_the_same_number_is_the_same_sound_as_16_bits_hold_it(recordings: Recordings) -> None:
    first, second, other = (
        np.concatenate(list(hour_of_sound(number, recordings, MINUTE_S))) for number in (1, 1, 2)
    )
    assert len(first) == MINUTE_S * SAMPLE_RATE
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    steps = first / INT16_SCALE
    np.testing.assert_array_equal(steps, np.clip(np.round(steps), -32_768, 32_767))


def test_a_process_that_ends_early_is_an_error_with_its_words(
    tmp_path: Path, recordings: Recordings
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("bundle: nonesuch\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"earlet listen ended with 2: .*nonesuch"):
        listened([0], config, recordings, MINUTE_S, tmp_path / "log")


def soaked(events: Sequence[Event]) -> Soak:
    """An hour by itself in which GO was heard, and these when it was one of two."""
    alone = Run(((GO,) * 40,), ())
    return Soak(Run(((GO,) * 40, tuple(events)), ()), (alone, alone), None)


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ([GO] * 39 + [{**GO, "end_s": 1.84}], "one after the other, hour 1: {'label'"),
        ([GO] * 39, "hour 1: None, and by itself {'label'"),
        ([GO] * 41, ", and by itself None"),
        ([], "hour 1: only 0 events"),
    ],
)
def test_an_hour_that_is_heard_otherwise_is_told(events: list[Event], problem: str) -> None:
    assert soaked([GO] * 40).unequal(3600) == []
    found = soaked(events).unequal(3600)
    assert any(problem in line for line in found), found


def day(grows_mb: float) -> list[Reading]:
    """Readings of 24 hours: 30 MB more in the first, then so much an hour, and noise of 0.5 MB."""
    noise = np.random.default_rng(0).normal(0, 0.5, 288)
    hours = np.arange(288) / 12
    rss_mb = 80 - 30 * np.exp(-5 * hours) + grows_mb * hours + noise
    return [
        Reading(float(hour), float(mb), n_descriptors=5 + k % 3, n_threads=3, cpu_s=0.0)
        for k, (hour, mb) in enumerate(zip(hours, rss_mb, strict=True))
    ]


@pytest.mark.parametrize("grows_mb", [0.0, 0.15, -0.2])
def test_the_slope_is_that_of_the_memory_once_it_has_settled(grows_mb: float) -> None:
    readings = day(grows_mb)
    # 216 readings over 18 hours with a deviation of 0.5 MB: the slope's is 0.0065 MB an hour.
    assert slope(readings) == pytest.approx(grows_mb, abs=0.02)
    assert any("memory grows" in line for line in growth(readings)) == (grows_mb > 0.1)


@pytest.mark.parametrize("name", ["n_descriptors", "n_threads"])
def test_what_leaks_slowly_is_told(name: str) -> None:
    steady = day(0.0)
    assert list(growth(steady)) == []
    leaking = [replace(one, **{name: 5 + int(one.hours / 6)}) for one in steady]
    assert [line.split(":")[0] for line in growth(leaking)] == [name]
