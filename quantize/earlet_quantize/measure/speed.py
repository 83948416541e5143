"""Speed as a ratio, measured in turns.

    float, int8, int8, float | float, int8, int8, float | ...  CPU time of each
        -> ratio of each round -> median of the ratios, with a bootstrap interval

Other work on the machine, its clock and its caches fall on both alike, and a machine that gets
slower slows both by the same, so the ratio holds where times in milliseconds do not.
"""

import time
from collections.abc import Callable
from math import ceil

import numpy as np

from earlet_quantize.measure.results import Latency

Clock = Callable[[], float]  # seconds
Work = Callable[[], object]

ROUNDS = 31
TURN_S = 0.01  # least CPU time of one turn: some 10,000 times what reading the clock takes
RESOLUTION_S = 1e-6  # of the clock
MIN_ROUNDS, BUDGET_S = 5, 60.0  # a slow network gets fewer rounds, but never fewer than these
DRAWS = 2_000  # of the bootstrap
SEED = 0


def in_turns(reference: Work, candidate: Work, clock: Clock = time.process_time) -> Latency:
    """CPU time of `candidate` as a ratio to that of `reference`.

    Args:
        reference: the float network's work; called many times.
        candidate: the int8 network's.
        clock: CPU seconds of this process.
    """
    for work in (reference, candidate):  # the first call sets up what later ones reuse
        work()
    once = _turn(reference, 1, clock) + _turn(candidate, 1, clock)
    repeats = ceil(2 * TURN_S / max(once, RESOLUTION_S))
    rounds = int(np.clip(BUDGET_S / max(2 * repeats * once, RESOLUTION_S), MIN_ROUNDS, ROUNDS))
    ratios = np.empty(rounds)
    for i in range(rounds):
        before = _turn(reference, repeats, clock)
        int8_s = _turn(candidate, repeats, clock) + _turn(candidate, repeats, clock)
        ratios[i] = int8_s / max(before + _turn(reference, repeats, clock), RESOLUTION_S)
    draws = np.random.default_rng(SEED).choice(ratios, (DRAWS, rounds))
    low, high = np.percentile(np.median(draws, axis=1), [2.5, 97.5])
    return Latency(ratio=float(np.median(ratios)), low=float(low), high=float(high), n=rounds)


def _turn(work: Work, repeats: int, clock: Clock) -> float:
    start = clock()
    for _ in range(repeats):
        work()
    return clock() - start
