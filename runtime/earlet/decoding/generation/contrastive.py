"""Contrastive search: of the likeliest tokens, the one that is least like what is there already.

Su et al., "A Contrastive Framework for Neural Text Generation", 2022, equation 5; as
`_contrastive_search` of transformers 4.46, the last that had it. A token counts by

    (1 - alpha) * probability - alpha * largest cosine of its hidden state with those before it

so that each of the `top_k` likeliest is fed to see what it is like. What the cache holds of those
that are not taken is written over.
"""

from collections.abc import Sequence

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding.generation.decoder import BLOCK_TOKENS, Decoder
from earlet.decoding.generation.hypothesis import Hypothesis
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.generation.rules import LogitRule
from earlet.decoding.generation.step import largest, log_softmax
from earlet.errors import InputError


def contrastive_search(
    decoder: Decoder,
    prompt: Sequence[int],
    *,
    eos: int,
    limit: int,
    rules: Sequence[LogitRule],
    options: GenerationOptions,
) -> Hypothesis:
    """The text that follows `prompt`; arguments as of `search.generate`.

    Raises:
        InputError: when the network does not give its hidden states.
    """
    top_k, alpha = options.top_k or 0, options.penalty_alpha or 0.0
    logits, directions = _prefill(decoder, prompt)
    written: list[int] = []
    logprobs: list[float] = []
    while True:
        for rule in rules:
            rule(logits, written)
        # The likeliest last: it is taken most of the time, and need not be fed again then.
        tokens = largest(logits, top_k)[::-1].tolist()
        if not tokens:
            break  # rules forbid all
        scores = log_softmax(logits)
        n_past = decoder.n_past
        looks, merits = [], []
        for token in tokens:
            decoder.rewind(n_past)
            logits = decoder.feed((token,))[0]
            looks.append(_directions(decoder)[0])
            likeness = (directions @ looks[-1]).max()
            merits.append((1 - alpha) * np.exp(scores[token]) - alpha * likeness)
        taken = int(np.argmax(merits))
        token = tokens[taken]
        logprobs.append(float(scores[token]))
        if token == eos:
            return Hypothesis(tuple(written), tuple(logprobs), ended=True)
        written.append(token)
        if len(written) == limit:
            break
        directions = np.vstack([directions, looks[taken]])
        if token != tokens[-1]:
            decoder.rewind(n_past)
            logits = decoder.feed((token,))[0]
    return Hypothesis(tuple(written), tuple(logprobs), ended=False)


def _prefill(decoder: Decoder, prompt: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    """The logits (n_vocab,) after the prompt, and the directions of its tokens."""
    directions = []
    for i in range(0, len(prompt), BLOCK_TOKENS):
        logits = decoder.feed(prompt[i : i + BLOCK_TOKENS])
        directions.append(_directions(decoder))
    return logits[-1], np.concatenate(directions)


def _directions(decoder: Decoder) -> FloatArray:
    """The hidden states (n_tokens, size) of what was just fed, at length 1."""
    hidden = decoder.hidden
    if hidden is None:
        raise InputError(
            "penalty_alpha: needs a network with the output 'hidden', which this one has not"
        )
    return np.asarray(hidden / np.linalg.norm(hidden, axis=1, keepdims=True), dtype=np.float32)
