"""Rules of the next token, worked out by hand."""

import numpy as np

from earlet.decoding.generation import rules


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


def test_a_repetition_penalty_moves_what_is_there_once_and_away_from_zero() -> None:
    logits = np.array([2, -2, 1, -np.inf, 4, -4], dtype=np.float32)
    rules.repetition_penalty(2.0, prompt=[0, 1])(logits, [1, 1, 3, 5])
    assert logits.tolist() == [1, -4, 1, -np.inf, 4, -8]


def test_a_repetition_penalty_below_one_makes_repetition_likelier() -> None:
    logits = np.array([2, -2, 1], dtype=np.float32)
    rules.repetition_penalty(0.5)(logits, [0, 1])
    assert logits.tolist() == [4, -1, 1]


def test_no_repeat_ngram_forbids_what_would_come_a_second_time() -> None:
    text = [1, 2, 3, 1, 2, 5, 1, 2]
    assert allowed(rules.no_repeat_ngram(3), text) == [0, 1, 2, 4]  # 1 2 3 and 1 2 5 were there
    assert allowed(rules.no_repeat_ngram(3, prompt=text[:4]), text[4:]) == [0, 1, 2, 4]
    assert allowed(rules.no_repeat_ngram(2), text) == [0, 1, 2, 4]
    assert allowed(rules.no_repeat_ngram(1), text) == [0, 4]
    assert allowed(rules.no_repeat_ngram(4), text) == [0, 1, 2, 3, 4, 5]


def test_no_repeat_ngram_leaves_a_text_that_is_too_short_alone() -> None:
    for written in ([], [1], [1, 1]):
        assert allowed(rules.no_repeat_ngram(4), written) == [0, 1, 2, 3, 4, 5]


def test_never_before_forbids_a_token_until_enough_is_written() -> None:
    assert allowed(rules.never_before(2, 5), [1]) == [0, 1, 2, 3, 4]
    assert allowed(rules.never_before(2, 5), [1, 1]) == [0, 1, 2, 3, 4, 5]
