"""What would help, from figures that are made up."""

from dataclasses import replace
from typing import Any

import pytest

from earlet.bench.advice import advice
from earlet.bench.figures import Figures, Turn
from tests.bench.example import FIGURES


def altered(part: str, **values: Any) -> Figures:
    """Figures with other values in one of their parts."""
    return replace(FIGURES, **{part: replace(getattr(FIGURES, part), **values)})


def test_where_nothing_is_wrong_nothing_is_said() -> None:
    assert advice(FIGURES) == ()


@pytest.mark.parametrize(
    ("part", "values", "said"),
    [
        ("device", {"load": 2.1}, "The machine was busy before (load 2.1, cores: 4)"),
        ("latency", {"cpu_ms": 0.7}, "had a core for 70 % of the time only"),
        ("under_load", {"throttled": ("under-voltage",)}, "The voltage is too low"),
        ("under_load", {"throttled_since_boot": ("under-voltage",)}, "The voltage has been"),
        ("under_load", {"throttled": ("throttled",)}, "slowed down at 50 °C: cooling would help"),
        ("under_load", {"temperature_c": 80.0}, "is hot at 80 °C"),
        ("under_load", {"clock_mhz": 1000}, "The clock ran at 1000 MHz under load"),
        ("device", {"governor": "powersave"}, "The governor is powersave"),
        ("device", {"governor": "powersave", "clock_driver": "amd-pstate"}, "The governor is"),
        ("live", {"cpu_percent": 85.0}, "Live sound takes 85 % of a core"),
        ("device", {"memory_available_mb": 90}, "It takes 52 MB of 90 that are available"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(part: str, values: dict[str, Any], said: str) -> None:
    (sentence,) = advice(altered(part, **values))
    assert said in sentence


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("device", {"load": 2.0}),
        ("latency", {"cpu_ms": 0.9}),
        ("under_load", {"throttled_since_boot": ("throttled",)}),  # which is over
        ("under_load", {"temperature_c": 79.9}),
        ("under_load", {"temperature_c": None, "clock_mhz": None}),
        ("under_load", {"clock_mhz": 1440}),
        ("device", {"governor": "powersave", "clock_driver": "intel_pstate"}),  # a balance there
        ("device", {"governor": None, "clock_driver": None, "clock_max_mhz": None}),
        ("live", {"cpu_percent": 80.0}),
        ("device", {"memory_available_mb": 104}),
        ("device", {"memory_available_mb": 0}),  # it is not told
    ],
)
def test_what_is_just_right_is_not_mentioned(part: str, values: dict[str, Any]) -> None:
    assert advice(altered(part, **values)) == ()


def test_what_is_slower_than_sound_cannot_follow_it() -> None:
    (sentence,) = advice(replace(FIGURES, real_time_factor=1.3, live=None))
    assert sentence == "It takes 1.3 s for a second of sound: it cannot follow live sound here."


def turn(bundle: str, threads: int, wall_ms: float, cpu_ms: float) -> Turn:
    return Turn(bundle=bundle, threads=threads, wall_ms=wall_ms, cpu_ms=cpu_ms)


ONE = turn("own", 1, 12.0, 12.0)


@pytest.mark.parametrize(
    ("task", "where"),
    [
        ("audio-classification", "`threads` in Python and config.yaml."),
        ("automatic-speech-recognition", "`threads` in Python, --threads of `earlet transcribe`."),
        ("image-classification", "`threads` in Python."),
    ],
)
def test_the_best_number_of_threads_is_named_with_its_price(task: str, where: str) -> None:
    turns = (ONE, turn("own", 2, 7.5, 13.2), turn("own", 4, 8.0, 20.0))
    (sentence,) = advice(replace(FIGURES, task=task, turns=turns))
    assert sentence == (
        f"2 threads are 1.6 times as fast as one, for 1.1 times the processor time: {where}"
    )


def test_threads_that_gain_little_do_not_help() -> None:
    turns = (ONE, turn("own", 2, 10.1, 15.0), turn("own", 4, 30.0, 90.0))
    assert advice(replace(FIGURES, turns=turns)) == ("More threads do not help.",)


def test_turns_that_had_to_wait_for_a_core_are_not_compared() -> None:
    waited = turn("own", 1, 108.0, 12.0)
    turns = (waited, turn("own", 2, 6.0, 12.6), turn("other", 1, 6.0, 6.0))
    (sentence,) = advice(replace(FIGURES, turns=turns))
    assert sentence.startswith("Something else ran while threads and bundles took turns")
    assert advice(replace(FIGURES, turns=(waited,))) == ()  # there was nothing to compare


def test_quicker_bundles_are_named_the_quickest_first() -> None:
    others = (
        turn("slow", 1, 24.0, 24.0),
        turn("quick", 1, 6.0, 6.0),
        turn("quickest", 1, 4.0, 4.0),
    )
    told = advice(replace(FIGURES, turns=(ONE, *others)))
    assert [line.split(" times")[0] for line in told] == ["quickest is 3.0", "quick is 2.0"]


def test_that_others_are_slower_is_said_too() -> None:
    turns = (ONE, turn("slow", 1, 24.0, 24.0), turn("as slow", 1, 10.1, 10.1))
    assert advice(replace(FIGURES, turns=turns)) == (
        "No other bundle that is installed for this is quicker.",
    )
