"""Counting answers, and choosing by them."""

import pytest

from earlet.results import Detection
from earlet.tuning.outcome import Outcome, Said, answers, best, outcomes
from earlet.tuning.trial import Setting

SAID = [Said("go", 0, 3), Said("go", 3, 6), Said("up", 6, 9)]


def heard(label: str, end_s: float) -> Detection:
    return Detection(label, 0.9, end_s - 0.8, end_s)


@pytest.mark.parametrize(
    ("detections", "expected"),
    [
        ([], (3, 0)),
        ([heard("go", 1), heard("go", 4), heard("up", 9)], (0, 0)),
        ([heard("go", 1), heard("go", 2)], (2, 1)),  # a second answer is none
        ([heard("up", 1)], (3, 1)),
        ([heard("go", 10)], (3, 1)),
        ([heard("go", 3)], (2, 0)),  # still of the first
    ],
)
def test_a_command_is_answered_once_by_its_own_label(
    detections: list[Detection], expected: tuple[int, int]
) -> None:
    assert answers(SAID, detections) == expected


def outcome(threshold: float, missed: int, false: int) -> Outcome:
    return Outcome(Setting(2, threshold), 100, missed, 0, false, 10.0)


def test_the_least_misses_within_the_target_win() -> None:
    loose, right, strict = outcome(0.3, 2, 9), outcome(0.6, 5, 4), outcome(0.9, 20, 0)
    assert best([loose, right, strict], 0.5) == right
    assert best([loose, right, strict], 1.0) == loose
    assert best([loose, right], 0.1) == right  # none keeps to it: the nearest
    assert best([right, outcome(0.7, 5, 4)], 0.5).setting.threshold == 0.7


def test_only_labels_that_are_tuned_count_among_all_else() -> None:
    setting = Setting(1, 0.5)
    others = [heard("go", 1), heard("left", 2), heard("up", 3)]
    (counted,) = outcomes(SAID, {setting: [heard("go", 1)]}, {setting: others}, hours=2.0)
    assert (counted.n_missed, counted.n_false, counted.per_hour) == (2, 2, 1.0)
    assert counted.per_hour_below == pytest.approx(6.296 / 2, abs=0.001)  # chi-square's quantile
