"""Drawing the next token: which may be drawn, and the draw itself.

Warpers are transformers', in its order. They are rules that look at the logits (n_vocab,) alone
and set those of the tokens that are not to be drawn to -inf, in place. The papers:

    top_k           Fan et al., "Hierarchical Neural Story Generation", 2018
    top_p           Holtzman et al., "The Curious Case of Neural Text Degeneration", 2019
    typical_p       Meister et al., "Locally Typical Sampling", 2022
    epsilon_cutoff  Hewitt et al., "Truncation Sampling as Language Model Desmoothing", 2022
    eta_cutoff      the same
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from earlet.arrays import FloatArray
from earlet.decoding.generation.options import DEFAULT_TOP_K, GenerationOptions
from earlet.decoding.generation.rules import LogitRule
from earlet.decoding.generation.step import log_softmax


class Sampler:
    """The next token by chance, the same ones again from the same seed."""

    def __init__(self, options: GenerationOptions) -> None:
        self._warpers = list(warpers(options))
        self._rng = np.random.default_rng(options.seed)

    def __call__(self, logits: FloatArray) -> int | None:
        """A token, by logits (n_vocab,); None where rules forbid all."""
        if logits.max() == -np.inf:
            return None
        warped = logits.copy()
        for warp in self._warpers:
            warp(warped, ())
        tokens = np.flatnonzero(warped > -np.inf)
        # In float64, that the last of many small probabilities can be drawn.
        up_to = np.exp(warped[tokens] - warped.max(), dtype=np.float64).cumsum()
        drawn = np.searchsorted(up_to[:-1], self._rng.random() * up_to[-1], side="right")
        return int(tokens[drawn])


def warpers(options: GenerationOptions, keep: int = 1) -> Iterator[LogitRule]:
    """What the options ask for; each leaves `keep` tokens at least, where there are so many."""
    if options.temperature is not None:
        yield temperature(options.temperature)
    if top := DEFAULT_TOP_K if options.top_k is None else options.top_k:
        yield top_k(max(top, keep))
    if options.top_p is not None and options.top_p < 1:
        yield top_p(options.top_p, keep)
    if options.typical_p is not None and options.typical_p < 1:
        yield typical_p(options.typical_p, keep)
    if options.epsilon_cutoff:
        yield epsilon_cutoff(options.epsilon_cutoff, keep)
    if options.eta_cutoff:
        yield eta_cutoff(options.eta_cutoff, keep)


def temperature(value: float) -> LogitRule:
    """Above 1 evens the probabilities out, below 1 sharpens them."""

    def warp(logits: FloatArray, _: Sequence[int]) -> None:
        logits /= value

    return warp


def top_k(k: int) -> LogitRule:
    """Keep the `k` likeliest, and those that are as likely as the last of them."""

    def warp(logits: FloatArray, _: Sequence[int]) -> None:
        logits[logits < _largest(logits, k)] = -np.inf

    return warp


def top_p(p: float, keep: int = 1) -> LogitRule:
    """Keep the fewest, likeliest first, whose probabilities sum up to `p`."""

    def warp(logits: FloatArray, _: Sequence[int]) -> None:
        tokens, logprobs = _possible(logits)
        order = np.argsort(logprobs, kind="stable")  # the unlikeliest first
        cut = np.exp(logprobs[order]).cumsum() <= 1 - p
        cut[-keep:] = False
        logits[tokens[order[cut]]] = -np.inf

    return warp


def typical_p(p: float, keep: int = 1) -> LogitRule:
    """Keep the fewest that sum up to `p`, those first that say as much as is expected.

    What a token says is its -log(probability); what is expected is the mean of that, the entropy.
    """

    def warp(logits: FloatArray, _: Sequence[int]) -> None:
        tokens, logprobs = _possible(logits)
        odd = np.abs(-logprobs - _entropy(logprobs))
        order = np.argsort(odd, kind="stable")
        last = min(int((np.exp(logprobs[order]).cumsum() < p).sum()), len(order) - 1)
        cut = odd[order] > odd[order[last]]
        cut[:keep] = False
        logits[tokens[order[cut]]] = -np.inf

    return warp


def epsilon_cutoff(epsilon: float, keep: int = 1) -> LogitRule:
    """Keep those of at least this probability."""

    def warp(logits: FloatArray, _: Sequence[int]) -> None:
        tokens, logprobs = _possible(logits)
        _cut_below(logits, tokens[np.exp(logprobs) < epsilon], keep)

    return warp


def eta_cutoff(epsilon: float, keep: int = 1) -> LogitRule:
    """Keep those of at least `epsilon`, or of less where the distribution is flat."""

    def warp(logits: FloatArray, _: Sequence[int]) -> None:
        tokens, logprobs = _possible(logits)
        eta = min(epsilon, np.sqrt(epsilon) * np.exp(-_entropy(logprobs)))
        _cut_below(logits, tokens[np.exp(logprobs) < eta], keep)

    return warp


def _possible(logits: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """The tokens that are not forbidden, and their log-probabilities."""
    tokens = np.flatnonzero(logits > -np.inf)
    return tokens, log_softmax(logits[tokens])


def _entropy(logprobs: FloatArray) -> float:
    return -float((np.exp(logprobs) * logprobs).sum())


def _largest(logits: FloatArray, k: int) -> np.float32:
    """The k-th largest."""
    k = min(k, len(logits))
    return np.float32(np.partition(logits, -k)[-k])


def _cut_below(logits: FloatArray, tokens: npt.NDArray[np.intp], keep: int) -> None:
    """Forbid tokens, but those that are among the `keep` likeliest."""
    logits[tokens[logits[tokens] < _largest(logits, keep)]] = -np.inf
