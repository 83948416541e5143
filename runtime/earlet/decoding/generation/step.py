"""One step of writing, as all strategies take it: tokens to logits to log-probabilities."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from earlet.arrays import FloatArray
from earlet.decoding.generation.decoder import Decoder


def follow(
    decoder: Decoder, prompt: Sequence[int], written: Sequence[int], use_cache: bool
) -> FloatArray:
    """The logits (n_vocab,) after the last of `written`; those before it were fed already.

    Without the cache all are fed again, in the same portions, so that the logits are the same.
    """
    portions = [written[-1:]]
    if not use_cache:
        decoder.rewind(decoder.n_past - len(prompt) - len(written) + 1)
        decoder.prefill(prompt)
        portions = [(token,) for token in written]
    for portion in portions:
        logits = decoder.feed(portion)
    last: FloatArray = logits[-1]
    return last


def log_sum_exp(logits: FloatArray) -> np.float32:
    """log(sum(exp(logits))), of which one at least is finite."""
    largest = logits.max()
    return np.float32(largest + np.log(np.exp(logits - largest).sum()))


def log_softmax(logits: FloatArray) -> FloatArray:
    """Logarithms of probabilities along the last axis, of which one logit at least is finite."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(shifted).sum(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(total), dtype=np.float32)


def largest(values: FloatArray, n: int) -> npt.NDArray[np.intp]:
    """Where the `n` largest of (n_values,) are, the largest first; none that is -inf."""
    found = np.arange(len(values))
    if n < len(values):
        found = np.argpartition(values, -n)[-n:]
    found = found[values[found] > -np.inf]
    return found[np.argsort(-values[found], kind="stable")]
