"""Which token may come next: small rules, applied in turn to the logits of every step.

A rule is called with the logits (n_vocab,) and the tokens that are written already, and forbids a
token by setting its logit to -inf, in place. With beams it is given log-probabilities instead.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, and OpenAI's
`whisper/decoding.py`, whose SuppressTokens and SuppressBlank the first two are. The last three are
transformers' RepetitionPenalty, NoRepeatNGram and MinLength, which look at the prompt, too.
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


def repetition_penalty(penalty: float, prompt: Sequence[int] = ()) -> LogitRule:
    """Make what is there already less likely, or more where `penalty` is below 1.

    Keskar et al., "CTRL: A Conditional Transformer Language Model for Controllable Generation",
    2019, section 4.1; a logit below 0 is multiplied instead of divided.
    """

    def rule(logits: FloatArray, written: Sequence[int]) -> None:
        seen = np.array([*{*prompt, *written}], dtype=np.intp)
        scores = logits[seen]
        logits[seen] = np.where(scores < 0, scores * penalty, scores / penalty)

    return rule


def no_repeat_ngram(size: int, prompt: Sequence[int] = ()) -> LogitRule:
    """Forbid what would make `size` tokens in a row come a second time."""

    def rule(logits: FloatArray, written: Sequence[int]) -> None:
        tokens = (*prompt, *written)
        n_same = size - 1  # tokens before the next one, with which it would make up the n-gram
        last = tokens[len(tokens) - n_same :]
        for i in range(n_same, len(tokens)):
            if tokens[i - n_same : i] == last:
                logits[tokens[i]] = -np.inf

    return rule


def never_before(n_tokens: int, token: int) -> LogitRule:
    """Forbid a token until so many are written."""

    def rule(logits: FloatArray, written: Sequence[int]) -> None:
        if len(written) < n_tokens:
            logits[token] = -np.inf

    return rule
