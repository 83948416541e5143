"""How often a spotter looks, for machines whose work is known."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from earlet.errors import InputError
from earlet.streaming.budget import Budget


def strides(budget: Budget, seconds: int, work: Callable[[int, int], float]) -> list[int]:
    """Of each second, in which a machine works so long: a function of the second and the stride."""
    return [budget.push(work(second, budget.stride), 1.0) for second in range(seconds)]


def machine(looking: float, rest: float = 0.0) -> Callable[[int, int], float]:
    """Works for so long a second where it looks at every hop, and for the rest however often."""
    return lambda _, stride: looking / stride + rest


def test_who_keeps_to_the_budget_looks_at_every_hop() -> None:
    assert set(strides(Budget(0.01), 600, machine(0.009))) == {1}


@pytest.mark.parametrize(("looking", "stride"), [(0.018, 2), (0.026, 3), (0.035, 4), (1.0, 4)])
def test_it_settles_where_the_budget_is_kept_or_as_near_as_can_be(
    looking: float, stride: int
) -> None:
    told = strides(Budget(0.01), 3600, machine(looking))
    assert set(told[180:]) == {stride}


def test_it_does_not_swing_between_two() -> None:
    # At 2 hops it takes 0.0095, at 1 hop 0.019: never both.
    told = strides(Budget(0.01), 3600, machine(0.019))
    assert sum(a != b for a, b in pairwise(told)) == 1


def test_a_burst_of_other_work_changes_nothing() -> None:
    told = strides(Budget(0.01), 600, lambda second, _: 0.5 if 100 <= second < 115 else 0.004)
    assert set(told) == {1}


def test_after_minutes_of_other_work_it_looks_at_every_hop_again() -> None:
    told = strides(
        Budget(0.01), 1200, lambda second, stride: 0.004 / stride + 0.05 * (100 <= second < 400)
    )
    assert max(told) == 4
    assert told[-1] == 1
    assert told.index(4) < 400


def test_the_share_that_was_used_can_be_had() -> None:
    budget = Budget(0.5)
    assert budget.used is None
    strides(budget, 20, machine(0.1))
    assert budget.used == pytest.approx(0.1)


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="budget: expected above 0 and at most 1"):
        Budget(share)
