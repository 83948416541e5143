"""Bounds of counted rates, held to scipy's quantiles."""

import pytest
from scipy.stats import beta, chi2

from earlet.tuning.rates import at_most_per_hour, share_within


@pytest.mark.parametrize("n", [0, 1, 2, 7, 50, 1000])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_a_rate_is_bounded_as_by_the_quantile_of_chi_square(n: int, confidence: float) -> None:
    expected = chi2.ppf(confidence, 2 * n + 2) / 2 / 2.5
    assert at_most_per_hour(n, 2.5, confidence) == pytest.approx(expected, rel=1e-6)


def test_nothing_in_two_hours_is_less_than_one_and_a_half_an_hour() -> None:
    assert at_most_per_hour(0, 2.0) == pytest.approx(1.498, abs=0.001)


@pytest.mark.parametrize(("n", "of"), [(0, 10), (10, 10), (3, 10), (50, 513), (1, 1), (999, 5000)])
def test_a_share_is_bounded_as_by_the_quantiles_of_beta(n: int, of: int) -> None:
    low, high = share_within(n, of)
    assert low == pytest.approx(0 if n == 0 else beta.ppf(0.025, n, of - n + 1), abs=1e-7)
    assert high == pytest.approx(1 if n == of else beta.ppf(0.975, n + 1, of - n), abs=1e-7)
