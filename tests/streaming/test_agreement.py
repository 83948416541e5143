"""Words are promised where successive decodes agree and are certain."""

from collections.abc import Sequence

import numpy as np
import pytest

from earlet.streaming.agreement import Agreement

PIECES = {
    1: " the",
    2: " cat",
    3: " sat",
    4: "urday",
    5: " on",
    6: ".",
    7: "猫",
    8: "が",
    9: "居る",
}


def promised(*decodes: tuple[Sequence[int], Sequence[float]]) -> tuple[int, ...]:
    """After tokens, each with its probability."""
    agreement = Agreement(lambda tokens: "".join(PIECES[token] for token in tokens))
    for tokens, probabilities in decodes:
        agreement.add(tokens, np.log(probabilities).tolist())
    return agreement.promised


@pytest.mark.parametrize(
    ("decodes", "expected"),
    [
        ([(1, 2, 3)], ()),  # one decode is no agreement
        ([(1, 2, 3), (1, 2, 3, 5)], (1, 2)),  # the last word that both have may go on
        ([(1, 2, 3), (1, 2, 3, 4)], (1, 2)),  # as it does here
        ([(1, 2, 6), (1, 2, 3)], (1,)),  # a full stop is part of its word
        ([(1, 2, 3), (2, 2, 3)], ()),
        ([(1, 2, 3, 5), (1, 2, 3, 5), (1, 2, 3)], (1, 2, 3)),  # what is promised stays
        ([(7, 8, 9), (7, 8, 9)], ()),  # no spaces, no words
        ([(), ()], ()),
    ],
)
def test_words_that_two_certain_decodes_agree_on_are_promised(
    decodes: list[tuple[int, ...]], expected: tuple[int, ...]
) -> None:
    assert promised(*[(tokens, [1.0] * len(tokens)) for tokens in decodes]) == expected


@pytest.mark.parametrize(
    ("probability", "n_decodes"),
    # The first n with (1 - probability)^n <= MAX_DOUBT, two at least.
    [(1.0, 2), (0.95, 2), (0.9, 3), (0.6, 6), (0.3, 15)],
)
def test_the_less_certain_the_decodes_the_more_have_to_agree(
    probability: float, n_decodes: int
) -> None:
    decode = (1, 2, 3), (1.0, probability, 1.0)
    assert 2 not in promised(*[decode] * (n_decodes - 1))
    assert promised(*[decode] * n_decodes) == (1, 2)


def test_who_changed_their_mind_begins_to_be_believed_again() -> None:
    unsure, other = ((1, 2, 3), (1.0, 0.9, 1.0)), ((1, 5, 3), (1.0, 0.9, 1.0))
    assert promised(unsure, unsure, other, unsure, unsure) == (1,)
    assert promised(unsure, unsure, other, unsure, unsure, unsure) == (1, 2)


def test_a_word_after_an_uncertain_one_waits_for_it() -> None:
    assert promised(*[((1, 2, 3, 5), (0.5, 1.0, 1.0, 1.0))] * 2) == ()


def test_a_word_need_not_wait_for_the_next_to_be_certain() -> None:
    assert promised(*[((1, 2, 3, 5), (1.0, 1.0, 0.5, 1.0))] * 2) == (1, 2)


def test_a_word_is_as_certain_as_all_of_its_tokens() -> None:
    assert promised(*[((1, 3, 4, 5), (1.0, 1.0, 0.5, 1.0))] * 2) == (1,)
