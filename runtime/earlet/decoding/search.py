"""From a decoder's logits to a text: which token is written at each step."""

from collections.abc import Sequence

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding.decoder import Decoder
from earlet.decoding.hypothesis import NOTHING, Hypothesis
from earlet.decoding.options import GREEDY, GenerationOptions
from earlet.decoding.rules import LogitRule


def generate(
    decoder: Decoder,
    prompt: Sequence[int],
    *,
    eos: int,
    limit: int,
    rules: Sequence[LogitRule] = (),
    options: GenerationOptions = GREEDY,
) -> Hypothesis:
    """What follows `prompt`, of at most `limit` tokens.

    Args:
        decoder: of the utterance; what it was fed before is kept, and the prompt fed after it.
        prompt: one token at least.
        eos: the token that ends.
        limit: the most tokens, those of the prompt not counted.
        rules: applied in turn to the logits of every step.
        options: how the next token is chosen.
    """
    _ = options  # greedy so far
    return _greedy(decoder, prompt, eos, limit, rules)


def _greedy(
    decoder: Decoder, prompt: Sequence[int], eos: int, limit: int, rules: Sequence[LogitRule]
) -> Hypothesis:
    if limit < 1:
        return NOTHING
    written: list[int] = []
    logprobs: list[float] = []
    logits = decoder.prefill(prompt)
    while True:
        for rule in rules:
            rule(logits, written)
        token = int(logits.argmax())
        logprobs.append(logprob(logits, token))
        if token == eos:
            return Hypothesis(tuple(written), tuple(logprobs), ended=True)
        written.append(token)
        if len(written) == limit:
            return Hypothesis(tuple(written), tuple(logprobs), ended=False)
        logits = decoder.feed((token,))[0]


def logprob(logits: FloatArray, token: int) -> float:
    """log softmax(logits)[token]."""
    largest = logits.max()
    return float(logits[token] - largest - np.log(np.exp(logits - largest).sum()))
