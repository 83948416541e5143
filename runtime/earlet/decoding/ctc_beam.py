"""The likeliest text of a CTC network: prefix beam search.

Graves et al., 2006, section 3.2; in the form of Hannun et al., "First-pass large vocabulary
continuous speech recognition using bi-directional recurrent DNNs", 2014, algorithm 1.

A hypothesis is a text, and stands for all paths that spell it so far. It keeps the probability of
those that end with a blank and of those that end with its last token apart: the same token once
more is another letter after the blank, and the same letter after the token.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from earlet.arrays import Float64Array, FloatArray
from earlet.decoding.generation.rules import LogitRule
from earlet.errors import InputError

NEVER = -np.inf  # the logarithm of no probability
Text = tuple[int, ...]


class _Beam(NamedTuple):
    """Hypotheses, no two with the same text, and logarithms of probabilities."""

    texts: list[Text]
    blank_last: Float64Array  # (n_texts,)
    token_last: Float64Array  # (n_texts,)

    @property
    def total(self) -> Float64Array:
        """(n_texts,), of all paths."""
        return np.logaddexp(self.blank_last, self.token_last)


def beam_search(
    logprobs: FloatArray,
    blank: int,
    num_beams: int,
    prefix: Sequence[int] = (),
    rules: Sequence[LogitRule] = (),
) -> tuple[Text, float]:
    """The likeliest text, and the logarithm of its probability with what rules have added to it.

    Args:
        logprobs: (n_outputs, n_vocab).
        blank: the token that stands for none.
        num_beams: hypotheses that outlast an output. Those shorter than `prefix` are kept beside
            them: their paths may reach its end later.
        prefix: what the text begins with.
        rules: change the log-probabilities (n_vocab,) of the tokens that may follow a text; of a
            token that lasts for several outputs, the first's. Of the blank, which never follows,
            they change that of the end.

    Raises:
        InputError: when there are too few outputs for the prefix.
    """
    prefix = tuple(prefix)
    beam = _Beam([()], np.zeros(1), np.full(1, NEVER))
    for row in logprobs:
        stay = _stay(beam, row, blank)
        longer = _follow(beam, row, blank, prefix, rules)
        _merge(stay, longer)
        beam = _best(stay, longer, num_beams, len(prefix))
    ends = _ruled(np.zeros(logprobs.shape[1], dtype=np.float32), beam.texts, rules)[:, blank]
    short = [len(text) < len(prefix) for text in beam.texts]
    total = np.where(short, NEVER, beam.total + ends)
    if total.max(initial=NEVER) == NEVER:
        raise InputError(
            f"{len(logprobs)} outputs of the network are too few for a text that begins with "
            f"these {len(prefix)} tokens"
        )
    best = int(total.argmax())
    return beam.texts[best], float(total[best])


def _stay(beam: _Beam, row: FloatArray, blank: int) -> _Beam:
    """The same texts after an output that adds nothing: a blank, or the last token once more."""
    last = [text[-1] if text else blank for text in beam.texts]
    return _Beam(beam.texts, beam.total + row[blank], beam.token_last + row[last])


def _follow(
    beam: _Beam, row: FloatArray, blank: int, prefix: Text, rules: Sequence[LogitRule]
) -> Float64Array:
    """(n_texts, n_vocab): each text after an output that adds a token to it."""
    rows = _ruled(row, beam.texts, rules)
    before = np.tile(beam.total[:, None], (1, len(row)))
    for i, text in enumerate(beam.texts):
        if text:
            before[i, text[-1]] = beam.blank_last[i]
        if len(text) < len(prefix):
            rows[i, np.arange(len(row)) != prefix[len(text)]] = NEVER
    rows[:, blank] = NEVER
    return before + rows


def _ruled(row: FloatArray, texts: Sequence[Text], rules: Sequence[LogitRule]) -> FloatArray:
    """(n_texts, n_vocab): what the rules leave of the log-probabilities after each text."""
    rows = np.tile(row, (len(texts), 1))
    for changed, text in zip(rows, texts, strict=True):
        for rule in rules:
            rule(changed, text)
    return rows


def _merge(stay: _Beam, longer: Float64Array) -> None:
    """What becomes a text that is there already is that hypothesis; in place."""
    index = {text: i for i, text in enumerate(stay.texts)}
    for i, text in enumerate(stay.texts):
        shorter = index.get(text[:-1]) if text else None
        if shorter is not None:
            stay.token_last[i] = np.logaddexp(stay.token_last[i], longer[shorter, text[-1]])
            longer[shorter, text[-1]] = NEVER


def _best(stay: _Beam, longer: Float64Array, num_beams: int, n_prefix: int) -> _Beam:
    """The `num_beams` likeliest of all, and those that are shorter than the prefix."""
    scores = np.column_stack([stay.total, longer])
    lengths = np.array([len(text) for text in stay.texts])
    is_longer = np.arange(scores.shape[1]) > 0
    short = lengths[:, None] + is_longer < n_prefix
    ranked = np.where(short, NEVER, scores).ravel()
    best = np.argpartition(-ranked, min(num_beams, ranked.size) - 1)[:num_beams]
    kept = np.concatenate([best[ranked[best] > NEVER], np.flatnonzero(short & (scores > NEVER))])
    texts, blank_last, token_last = [], [], []
    for i, column in zip(*np.unravel_index(kept, scores.shape), strict=True):
        token = int(column) - 1  # -1: the text as it was
        texts.append(stay.texts[i] if token < 0 else (*stay.texts[i], token))
        blank_last.append(stay.blank_last[i] if token < 0 else NEVER)
        token_last.append(stay.token_last[i] if token < 0 else longer[i, token])
    return _Beam(texts, np.array(blank_last), np.array(token_last))
