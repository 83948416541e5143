"""How sure one can be of a rate that was counted.

Few false alarms in few hours say little: none in two hours is a rate of 0, and may well be one
of 1.5 an hour. Both bounds are exact: they are where the probability of having counted so few
(or so many) falls to what is left of the confidence.
"""

import math
from collections.abc import Callable

CONFIDENCE = 0.95
PRECISION = 1e-9  # relative, of a bound


def at_most_per_hour(n_events: int, hours: float, confidence: float = CONFIDENCE) -> float:
    """The rate that events, counted in so many hours, are below with this confidence.

    The one-sided exact bound of a Poisson process (Garwood, "Fiducial limits for the Poisson
    distribution", 1936): 0 events in 2 h are fewer than 1.5 an hour.
    """

    def too_low(mean: float) -> bool:
        return _poisson_cdf(n_events, mean) > 1 - confidence

    high = n_events + 1.0
    while too_low(high):
        high *= 2
    return _bisect(too_low, PRECISION, high) / hours


def share_within(n: int, of: int) -> tuple[float, float]:
    """The shares, at CONFIDENCE, between which lies the one that n of so many come from.

    The exact interval of Clopper and Pearson ("The use of confidence or fiducial limits", 1934).
    """
    tail = (1 - CONFIDENCE) / 2
    low, high = 0.0, 1.0
    if n > 0:
        low = _bisect(lambda p: 1 - _binomial_cdf(n - 1, of, p) < tail, 0.0, 1.0)
    if n < of:
        high = _bisect(lambda p: _binomial_cdf(n, of, p) > tail, 0.0, 1.0)
    return low, high


def _poisson_cdf(n: int, mean: float) -> float:
    """The probability of at most n."""
    log_mean = math.log(mean)
    return math.fsum(math.exp(k * log_mean - mean - math.lgamma(k + 1)) for k in range(n + 1))


def _binomial_cdf(n: int, of: int, p: float) -> float:
    """The probability of at most n of so many."""
    if p in (0.0, 1.0):
        return float(p == 0 or n >= of)
    log_p, log_q = math.log(p), math.log1p(-p)
    return math.fsum(
        math.exp(_log_choose(of, k) + k * log_p + (of - k) * log_q) for k in range(n + 1)
    )


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _bisect(too_low: Callable[[float], bool], low: float, high: float) -> float:
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (middle, high) if too_low(middle) else (low, middle)
    return high
