"""Scores and labels."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from earlet.arrays import FloatArray
from earlet.decoding.classify import check_parameters, scores, softmax, top
from earlet.errors import InputError
from earlet.results import Classification

SCORES = np.array([0.1, 0.7, 0.2], dtype=np.float32)
LABELS = ("a", "b", "c")


def test_softmax_is_the_textbook_one() -> None:
    expected = [math.exp(x) / sum(math.exp(y) for y in (1, 2, 3)) for x in (1, 2, 3)]
    np.testing.assert_allclose(softmax(np.array([1, 2, 3], dtype=np.float32)), expected, rtol=1e-6)


def test_softmax_does_not_overflow() -> None:
    huge = np.array([[1e4, 0.0], [-1e4, -1e4]], dtype=np.float32)
    np.testing.assert_array_equal(softmax(huge), [[1, 0], [0.5, 0.5]])


def test_sigmoid_is_the_textbook_one_and_does_not_overflow() -> None:
    logits = np.array([-1e4, -2.0, 0.0, 2.0, 1e4], dtype=np.float32)
    expected = [0.0, 1 / (1 + math.exp(2)), 0.5, 1 / (1 + math.exp(-2)), 1.0]
    np.testing.assert_allclose(scores(logits, "sigmoid"), expected, atol=1e-7)


def test_logits_become_scores_by_the_function_that_is_asked_for() -> None:
    np.testing.assert_array_equal(scores(SCORES, "none"), SCORES)
    np.testing.assert_array_equal(scores(SCORES, "softmax"), softmax(SCORES))


def test_labels_come_best_first() -> None:
    assert [c.label for c in top(SCORES, LABELS, None)] == ["b", "c", "a"]
    assert top(SCORES, LABELS, 1) == [Classification("b", float(np.float32(0.7)))]


def test_more_than_there_are_gives_all() -> None:
    assert len(top(SCORES, LABELS, 10)) == 3


@given(
    scores=hnp.arrays(np.float32, st.integers(1, 1_500), elements=st.integers(0, 9)),
    top_k=st.integers(1, 1_500),
)
def test_the_best_of_many_are_those_of_a_sort_and_equal_ones_keep_their_order(
    scores: FloatArray, top_k: int
) -> None:
    values = scores.tolist()
    in_order = sorted(range(len(values)), key=lambda i: -values[i])[:top_k]
    found = top(scores, [str(i) for i in range(len(values))], top_k)
    assert [(c.label, c.score) for c in found] == [(str(i), values[i]) for i in in_order]


@pytest.mark.parametrize("top_k", [0, -1, 2.0, "3", True, [1]])
def test_fewer_than_one_and_no_number_are_refused(top_k: Any) -> None:
    with pytest.raises(InputError, match="top_k: expected a whole number of 1 or more, got"):
        check_parameters("none", top_k)


@pytest.mark.parametrize("function", ["tanh", "", "Softmax", None, []])
def test_another_function_is_refused(function: Any) -> None:
    with pytest.raises(InputError, match="expected one of softmax, sigmoid, none, got"):
        check_parameters(function, None)


@pytest.mark.parametrize("top_k", [None, 1, 1_000, np.int64(2)])
def test_any_number_from_one_on_is_taken(top_k: Any) -> None:
    check_parameters("sigmoid", top_k)
