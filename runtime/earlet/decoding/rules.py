"""Which token may come next: small rules, applied in turn to the logits of every step.

A rule is called with the logits (n_vocab,) and the tokens that are written already, and forbids a
token by setting its logit to -inf, in place. Radford et al., "Robust Speech Recognition via
Large-Scale Weak Supervision", 2022, and OpenAI's `whisper/decoding.py`, whose SuppressTokens and
SuppressBlank the first two are.
"""

from collections.abc import Callable, Sequence

import numpy as np

from earlet.arrays import FloatArray

LogitRule = Callable[[FloatArray, Sequence[int]], None]


def never(tokens: Sequence[int]) -> LogitRule:
    """Forbid tokens anywhere."""
    ids = np.array(tokens, dtype=np.intp)

    def rule(logits: FloatArray, _: Sequence[int]) -> None:
        logits[ids] = -np.inf

    return rule


def never_first(tokens: Sequence[int]) -> LogitRule:
    """Forbid tokens at the beginning of the text."""
    forbid = never(tokens)

    def rule(logits: FloatArray, written: Sequence[int]) -> None:
        if not written:
            forbid(logits, written)

    return rule


def never_from(first: int) -> LogitRule:
    """Forbid a token and all above it."""

    def rule(logits: FloatArray, _: Sequence[int]) -> None:
        logits[first:] = -np.inf

    return rule
