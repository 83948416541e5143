"""Diverse beam search: groups of beams, each kept from writing what those before it write.

Vijayakumar et al., "Diverse Beam Search: Decoding Diverse Solutions from Neural Sequence Models",
2018; as `_group_beam_search` of transformers 4.46, the last that had it. It differs from beam
search in two small things: a group is through when not even what has just ended could be better
than its worst ended text, and at the limit all its beams end.
"""

from collections.abc import Sequence

from earlet.arrays import FloatArray
from earlet.decoding.generation.beam import Beam, Ended, advance, best_going, candidates
from earlet.decoding.generation.decoder import Decoder
from earlet.decoding.generation.hypothesis import Hypothesis
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.generation.rules import LogitRule


class _Group:
    """Beams that compete with each other."""

    def __init__(self, start: Beam, size: int, limit: int, options: GenerationOptions) -> None:
        self.beams = [start]
        self.ended = Ended(size, limit, options)
        self.through = False
        self._size = size
        self._limit = limit

    def step(
        self, rules: Sequence[LogitRule], prompt: Sequence[int], eos: int, use_cache: bool
    ) -> list[int]:
        """Write one token more in each beam; which tokens these are."""
        n_tokens = len(self.beams[0].tokens) + 1
        found = candidates(self.beams, 2 * self._size, rules)
        for candidate in found[: self._size]:
            if candidate.token == eos:
                self.ended.add(candidate, eos)
        going = best_going(found, eos, self._size)
        self.through = not going or self.ended.is_final(found[0].score, n_tokens)
        if self.through:
            return [candidate.token for candidate in going]
        if n_tokens < self._limit:
            self.beams = advance(self.beams, going, prompt, use_cache)
        else:
            for candidate in going:
                self.ended.add(candidate, eos)
        return [candidate.token for candidate in going]


def diverse_beam_search(
    decoder: Decoder,
    prompt: Sequence[int],
    *,
    eos: int,
    limit: int,
    rules: Sequence[LogitRule],
    options: GenerationOptions,
) -> Hypothesis:
    """The best text of all groups; arguments as of `search.generate`."""
    size = options.num_beams // options.num_beam_groups
    penalty = options.diversity_penalty or 0.0
    logits = decoder.prefill(prompt)
    starts = [Beam((), (), 0.0, decoder, logits)]
    for _ in range(options.num_beam_groups - 1):
        starts.append(Beam((), (), 0.0, decoder.fork(), logits.copy()))
    groups = [_Group(start, size, limit, options) for start in starts]
    for _ in range(limit):
        just_written: list[int] = []  # by the groups before
        for group in groups:
            if group.through:
                just_written += [eos] * size  # as in transformers, whose padding this is
                continue
            unlike = _unlike(just_written, penalty)
            just_written += group.step([unlike, *rules], prompt, eos, options.use_cache)
        if all(group.through for group in groups):
            break
    best = [group.ended.best(group.beams) for group in groups]
    return max(best, key=lambda scored: scored[0])[1]


def _unlike(tokens: Sequence[int], penalty: float) -> LogitRule:
    """Make each of `tokens` less likely, as often as it is there."""

    def rule(scores: FloatArray, _: Sequence[int]) -> None:
        for token in tokens:
            scores[token] -= penalty

    return rule
