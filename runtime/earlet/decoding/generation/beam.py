"""Beam search: several texts at once, of which the best go on.

As `_beam_search` of transformers 4.57: of twice as many candidates as there are beams, so that
enough are left when some end, those among the best `num_beams` that end are kept, and the best of
the others go on. An ended text counts by its score, the sum of its log-probabilities, over a power
of its length. Beam sampling draws the candidates without putting them back, instead of taking the
best.

Every beam has a decoder of its own, which it keeps for as long as it goes on; only the second text
that goes on from the same beam makes a copy.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding.generation.decoder import Decoder
from earlet.decoding.generation.hypothesis import Hypothesis
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.generation.rules import LogitRule
from earlet.decoding.generation.sampling import warpers
from earlet.decoding.generation.step import follow, largest, log_softmax, log_sum_exp

KEPT = 2  # tokens that warpers leave of a beam at least: the end, and one to go on with


class Beam(NamedTuple):
    """A text that goes on."""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    score: float
    decoder: Decoder
    logits: FloatArray  # (n_vocab,) of what may follow


class Candidate(NamedTuple):
    """A beam with one token more."""

    beam: Beam
    token: int
    logprob: float  # of the token among those that the rules left
    score: float  # of all tokens; what rules and warpers did to their log-probabilities is in it


class Ended:
    """The best texts that have ended, at most `size`."""

    def __init__(self, size: int, limit: int, options: GenerationOptions) -> None:
        """`limit` is the most tokens of a text."""
        self._size = size
        self._limit = limit
        self._early = options.early_stopping or False
        self._power = 1.0 if options.length_penalty is None else options.length_penalty
        self._texts: list[tuple[float, Hypothesis]] = []  # by score, the best first

    def add(self, candidate: Candidate, eos: int) -> None:
        """Keep a text that ends here, if it is one of the best."""
        ended = candidate.token == eos
        tokens = (*candidate.beam.tokens, candidate.token)
        text = Hypothesis(
            tokens[:-1] if ended else tokens,
            (*candidate.beam.logprobs, candidate.logprob),
            ended,
        )
        self._texts.append((candidate.score / len(tokens) ** self._power, text))
        self._texts.sort(key=lambda scored: scored[0], reverse=True)
        del self._texts[self._size :]

    def is_final(self, score: float, n_tokens: int) -> bool:
        """Whether no text that goes on is waited for; the best has this score and length."""
        if len(self._texts) < self._size:
            return False
        if self._early is True:
            return True
        to_the_limit = self._early == "never" and self._power > 0
        length = self._limit if to_the_limit else n_tokens
        worst, _ = self._texts[-1]
        return bool(score / length**self._power <= worst)

    def best(self, beams: Sequence[Beam]) -> tuple[float, Hypothesis]:
        """The best text and its score; of texts that rules stopped before any ended, theirs."""
        if self._texts:
            return self._texts[0]
        return beams[0].score, Hypothesis(beams[0].tokens, beams[0].logprobs, ended=False)


def beam_search(
    decoder: Decoder,
    prompt: Sequence[int],
    *,
    eos: int,
    limit: int,
    rules: Sequence[LogitRule],
    options: GenerationOptions,
) -> Hypothesis:
    """The best text that follows `prompt`; arguments as of `search.generate`."""
    n_beams = options.num_beams
    rng = np.random.default_rng(options.seed) if options.do_sample else None
    warps = list(warpers(options, KEPT)) if options.do_sample else []
    ended = Ended(n_beams, limit, options)
    beams = [Beam((), (), 0.0, decoder, decoder.prefill(prompt))]
    for n_tokens in range(1, limit + 1):
        found = candidates(beams, 2 * n_beams, rules, warps, rng)
        for candidate in found[:n_beams]:
            if candidate.token == eos or n_tokens == limit:
                ended.add(candidate, eos)
        going = best_going(found, eos, n_beams)
        if n_tokens == limit or not going or ended.is_final(going[0].score, n_tokens):
            break
        beams = advance(beams, going, prompt, options.use_cache)
    return ended.best(beams)[1]


def candidates(
    beams: Sequence[Beam],
    n: int,
    rules: Sequence[LogitRule],
    warps: Sequence[LogitRule] = (),
    rng: np.random.Generator | None = None,
) -> list[Candidate]:
    """The `n` best texts with one token more, the best first; with `rng` drawn, the first first.

    Fewer where rules forbid the others.
    """
    logprobs = np.stack([log_softmax(beam.logits) for beam in beams])  # (n_beams, n_vocab)
    scores = np.full_like(logprobs, -np.inf)
    for beam, plain, score in zip(beams, logprobs, scores, strict=True):
        for rule in rules:
            rule(plain, beam.tokens)
        if plain.max() == -np.inf:
            continue  # nothing may follow
        score[:] = plain
        for warp in warps:
            warp(score, beam.tokens)
        score += np.float32(beam.score)
        if rules:
            plain -= log_sum_exp(plain)
    order = scores if rng is None else _with_noise(scores, rng)
    rows, tokens = np.unravel_index(largest(order.ravel(), n), order.shape)
    return [
        Candidate(beams[i], token, float(logprobs[i, token]), float(scores[i, token]))
        for i, token in zip(rows.tolist(), tokens.tolist(), strict=True)
    ]


def best_going(found: Sequence[Candidate], eos: int, n: int) -> list[Candidate]:
    """The `n` best that do not end, the best first."""
    going = (candidate for candidate in found if candidate.token != eos)
    return sorted(going, key=lambda candidate: candidate.score, reverse=True)[:n]


def advance(
    beams: Sequence[Beam], going: Sequence[Candidate], prompt: Sequence[int], use_cache: bool
) -> list[Beam]:
    """Feed each candidate's token to a decoder that was fed those before it."""
    unused = {candidate.beam.decoder for candidate in going}
    free = [beam.decoder for beam in beams if beam.decoder not in unused]
    decoders = []
    for candidate in going:
        decoder = candidate.beam.decoder
        if decoder in unused:
            unused.remove(decoder)  # the first goes on where it is
        elif free:
            free[-1].copy_from(decoder)
            decoder = free.pop()
        else:
            decoder = decoder.fork()
        decoders.append(decoder)
    # Only now, for what was fed could not be copied without it.
    return [
        Beam(
            tokens := (*candidate.beam.tokens, candidate.token),
            (*candidate.beam.logprobs, candidate.logprob),
            candidate.score,
            decoder,
            follow(decoder, prompt, tokens, use_cache),
        )
        for candidate, decoder in zip(going, decoders, strict=True)
    ]


def _with_noise(scores: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The n largest of these are n drawn in turn without putting them back, by exp(scores).

    Kool et al., "Stochastic Beams and Where to Find Them", 2019, section 2.3: Gumbel noise.
    """
    noisy = scores.copy()
    possible = scores > -np.inf
    noisy[possible] += rng.gumbel(size=int(possible.sum()))
    return noisy
