"""From logits to labels with scores."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.results import Classification

FunctionToApply = Literal["softmax", "sigmoid", "none"]  # as the Hugging Face tasks name them

SORTED_WHOLE = 1_000  # labels: so few are sorted sooner than the best of them are picked


def softmax(logits: FloatArray) -> FloatArray:
    """Along the last axis, shifted by its maximum so that nothing overflows."""
    shifted = np.subtract(logits, logits.max(axis=-1, keepdims=True), dtype=np.float32)
    exponentials: FloatArray = np.exp(shifted, out=shifted)
    exponentials /= exponentials.sum(axis=-1, keepdims=True)
    return exponentials


def sigmoid(logits: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x)) of each value, by way of tanh, which cannot overflow."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), dtype=np.float32)


def check_parameters(function: FunctionToApply, top_k: int | None) -> None:
    """What `scores` and `top` take.

    Raises:
        InputError: for another function, and a top_k that is no whole number or below 1.
    """
    if function not in get_args(FunctionToApply):
        expected = ", ".join(get_args(FunctionToApply))
        raise InputError(f"function_to_apply: expected one of {expected}, got {function!r}")
    is_number = isinstance(top_k, int | np.integer) and not isinstance(top_k, bool)
    if top_k is not None and not (is_number and top_k >= 1):
        raise InputError(f"top_k: expected a whole number of 1 or more, got {top_k!r}")


def scores(logits: FloatArray, function: FunctionToApply) -> FloatArray:
    """Logits as scores: one of many labels, each for itself, or as the network gives them."""
    match function:
        case "softmax":
            return softmax(logits)
        case "sigmoid":
            return sigmoid(logits)
        case "none":
            return logits


def top(scores: FloatArray, labels: Sequence[str], top_k: int | None) -> list[Classification]:
    """The `top_k` best labels, best first; None or more than there are gives all.

    Of labels that score the same, the first in `labels` come first.
    """
    candidates = np.arange(len(scores))
    if top_k is not None and len(scores) > max(top_k, SORTED_WHOLE):
        least = np.partition(scores, -top_k)[-top_k]
        candidates = np.flatnonzero(~(scores < least))  # and what is not a number, as in a sort
    best = candidates[np.argsort(-scores[candidates], kind="stable")[:top_k]]
    return [Classification(labels[i], float(scores[i])) for i in best]
