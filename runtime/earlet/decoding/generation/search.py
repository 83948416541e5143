"""From a decoder's logits to a text: which token is written at each step."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding.generation import rules as logit_rules
from earlet.decoding.generation.beam import beam_search
from earlet.decoding.generation.contrastive import contrastive_search
from earlet.decoding.generation.decoder import Decoder
from earlet.decoding.generation.diverse import diverse_beam_search
from earlet.decoding.generation.hypothesis import NOTHING, Hypothesis
from earlet.decoding.generation.options import GREEDY, GenerationOptions
from earlet.decoding.generation.rules import LogitRule
from earlet.decoding.generation.sampling import Sampler
from earlet.decoding.generation.step import follow, log_sum_exp

Stop = Callable[[Sequence[int]], int | None]  # tokens so far -> how many to keep; None: go on


def generate(
    decoder: Decoder,
    prompt: Sequence[int],
    *,
    eos: int,
    limit: int,
    rules: Sequence[LogitRule] = (),
    options: GenerationOptions = GREEDY,
    stop: Stop | None = None,
) -> Hypothesis:
    """What follows `prompt`, of at most `limit` tokens.

    The log-probabilities are those of the tokens among all that the rules left, however they were
    chosen: before temperature, cut-offs and length penalty. What groups of beams do to each other
    counts as a rule.

    Args:
        decoder: of the utterance; what it was fed before is kept, and the prompt fed after it.
        prompt: one token at least. What was fed before it counts for the lengths that options ask
            for, and is not seen by their rules.
        eos: the token that ends.
        limit: the most tokens, those of the prompt not counted; the decoder has room for both.
        rules: applied in turn to the logits of every step, after those that options ask for.
        options: how the next token is chosen.
        stop: tells when to write no more. With beams and by contrast it is asked once, at the end.

    Raises:
        InputError: when options ask for a length that cannot be, or for what the network lacks.
    """
    least, limit = options.lengths(decoder.n_past + len(prompt), limit)
    if limit < 1:
        return NOTHING
    rules = [*_rules(options, prompt, eos, least), *rules]
    if options.num_beam_groups > 1:
        search = diverse_beam_search
    elif options.num_beams > 1:
        search = beam_search
    elif options.penalty_alpha is not None:
        search = contrastive_search
    else:
        search = partial(_one_by_one, stop=stop)
    text = search(decoder, prompt, eos=eos, limit=limit, rules=rules, options=options)
    n_kept = None if stop is None else stop(text.tokens)
    if n_kept is None:
        return text
    return Hypothesis(text.tokens[:n_kept], text.logprobs[:n_kept], ended=False)


def _one_by_one(
    decoder: Decoder,
    prompt: Sequence[int],
    *,
    eos: int,
    limit: int,
    rules: Sequence[LogitRule],
    options: GenerationOptions,
    stop: Stop | None,
) -> Hypothesis:
    """The likeliest token each time, or one that is drawn; arguments as of `generate`."""
    choose = Sampler(options) if options.do_sample else _likeliest
    written: list[int] = []
    logprobs: list[float] = []
    logits = decoder.prefill(prompt)
    while True:
        for rule in rules:
            rule(logits, written)
        token = choose(logits)
        if token is None:
            break
        logprobs.append(float(logits[token] - log_sum_exp(logits)))
        if token == eos:
            return Hypothesis(tuple(written), tuple(logprobs), ended=True)
        written.append(token)
        if len(written) == limit or (stop is not None and stop(written) is not None):
            break
        logits = follow(decoder, prompt, written, options.use_cache)
    return Hypothesis(tuple(written), tuple(logprobs), ended=False)


def _likeliest(logits: FloatArray) -> int | None:
    """The likeliest token; None where rules forbid all."""
    token = int(logits.argmax())
    return token if logits[token] > -np.inf else None


def _rules(
    options: GenerationOptions, prompt: Sequence[int], eos: int, least: int
) -> Iterator[LogitRule]:
    """In transformers' order."""
    if options.repetition_penalty is not None:
        yield logit_rules.repetition_penalty(options.repetition_penalty, prompt)
    if options.no_repeat_ngram_size:
        yield logit_rules.no_repeat_ngram(options.no_repeat_ngram_size, prompt)
    if least:
        yield logit_rules.never_before(least, eos)
