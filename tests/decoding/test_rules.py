"""Rules of the next token, worked out by hand."""

import numpy as np

from earlet.decoding import rules


def allowed(rule: rules.LogitRule, written: list[int]) -> list[int]:
    """Which of six tokens the rule leaves."""
    logits = np.zeros(6, dtype=np.float32)
    rule(logits, written)
    assert set(logits) <= {0, -np.inf}
    return np.flatnonzero(logits == 0).tolist()


def test_never_forbids_tokens_at_every_step() -> None:
    for written in ([], [1], [1, 2]):
        assert allowed(rules.never([0, 4]), written) == [1, 2, 3, 5]


def test_never_first_forbids_tokens_before_anything_is_written() -> None:
    assert allowed(rules.never_first([0, 4]), []) == [1, 2, 3, 5]
    assert allowed(rules.never_first([0, 4]), [3]) == [0, 1, 2, 3, 4, 5]


def test_never_from_forbids_the_end_of_the_vocabulary() -> None:
    assert allowed(rules.never_from(4), [3]) == [0, 1, 2, 3]
