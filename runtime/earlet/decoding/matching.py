"""Which sentence of a grammar was said, if any.

    waveform -> as loud as it can be, silence around it -> encoder, once
        -> the best text of the network's own, which has a word at least
        -> the best sentence of the grammar
        -> how much less probable than the network's own it is -> confidence

A sentence is scored by teacher forcing: by the log-probability that the network would write it, end
token included. The trie of all sentences is walked depth first, the likeliest token first. What
begins alike is fed once, and going back costs nothing (`Decoder.rewind`). A branch is left as soon
as it is less probable than the best sentence so far, for what follows can only make it less so: the
answer is the best of all (branch and bound: Land and Doig, "An automatic method of solving discrete
programming problems", 1960).

What was not said is told by the network's own text: where that is far more probable, something
else was said. Figures: `benchmarks/match.py`.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding import search
from earlet.decoding.decoder import Decoder
from earlet.decoding.grammar import Grammar, Prefix, Sentence
from earlet.decoding.options import GenerationOptions
from earlet.decoding.seq2seq import Seq2Seq
from earlet.decoding.step import log_sum_exp
from earlet.errors import InputError

MAX_STEPS = 500  # of the decoder, a second at most; what was said is found within some twenty
MAX_TOKENS = 200  # of a sentence: half a minute of speech
PADDING_S = 0.25  # seconds of zeros before and after, for words that are cut tightly
PEAK = 0.95  # largest sample of what the network is given, whatever the level of the recording
QUIETEST = 1e-4  # largest sample of what is sound: three steps of int16
NOT_EMPTY = GenerationOptions(min_new_tokens=1)
# The confidence is logistic in the log-probability of the sentence, less that of the network's own
# text. Fitted by `benchmarks/match.py`.
MIDDLE = -4.0  # where it is one half
SLOPE = 1.0  # of its logit
THRESHOLD = 0.5  # the least confidence in what was said


class Heard(NamedTuple):
    """A sentence, and how probable it is."""

    sentence: Sentence
    tokens: tuple[int, ...]
    logprob: float  # of all tokens and of the end


class Search:
    """The best sentence of a grammar in one utterance."""

    def __init__(self, grammar: Grammar, decoder: Decoder, *, eos: int, limit: int) -> None:
        """`decoder` is of the utterance; sentences have at most `limit` tokens."""
        self._grammar = grammar
        self._decoder = decoder
        self._eos = eos
        self._limit = min(limit, MAX_TOKENS)
        self._best: Heard | None = None
        self._floor = 0.0
        self.n_steps = 0

    def __call__(self, prompt: Sequence[int], floor: float) -> Heard | None:
        """The best sentence after `prompt`; None when all are less probable than `floor`."""
        self._best = None
        self._floor = floor
        self.n_steps = 0
        n_past = self._decoder.n_past
        logits = self._decoder.prefill(prompt)
        logits[self._eos] = -np.inf  # as in the network's own text: it is known not to be empty
        self._follow(self._grammar.start(), (), logits, 0.0)
        self._decoder.rewind(n_past)
        return self._best

    def _follow(
        self, prefix: Prefix, tokens: tuple[int, ...], logits: FloatArray, logprob: float
    ) -> None:
        """Look at all that begins with `tokens`, whose log-probability is `logprob`."""
        given = logprob - float(log_sum_exp(logits))
        whole = given + float(logits[self._eos])
        if whole > self._floor and (sentence := prefix.sentence):
            self._best, self._floor = Heard(sentence, tokens, whole), whole
        if len(tokens) == self._limit:
            return
        branches = np.array(sorted(prefix.tokens), dtype=np.intp)
        after = logits[branches].astype(np.float64) + given  # the next feed writes over the logits
        n_past = self._decoder.n_past
        for i in np.argsort(-after, kind="stable"):
            if after[i] <= self._floor or self.n_steps == MAX_STEPS:
                return
            self.n_steps += 1
            token = int(branches[i])
            following = self._decoder.feed((token,))[0]
            longer = self._grammar.step(prefix, token)
            self._follow(longer, (*tokens, token), following, float(after[i]))
            self._decoder.rewind(n_past)


def match(
    seq2seq: Seq2Seq,
    waveform: FloatArray,
    grammar: Grammar,
    *,
    language: str | None = None,
    threshold: float = THRESHOLD,
) -> tuple[Sentence, float] | None:
    """The sentence that was said in one utterance (n_samples,), and the confidence in it, 0..1.

    None for silence, and where the confidence in the best sentence is below `threshold`.

    Raises:
        InputError: for a threshold that is none, a language that the network does not know, and an
            utterance that is longer than it takes.
    """
    if not 0 <= threshold <= 1:
        raise InputError(f"threshold: expected 0 to 1, got {threshold!r}")
    sound = prepare(waveform, seq2seq.sample_rate)
    if sound is None:
        return None
    encoded = seq2seq.encode(sound)
    prompt = seq2seq.prompt(encoded, language)
    limit = seq2seq.limit(encoded, len(prompt))
    eos = seq2seq.config.eos
    decoder = seq2seq.decoder(encoded, len(prompt) + limit)
    own = search.generate(
        decoder, prompt, eos=eos, limit=limit, rules=seq2seq.rules, options=NOT_EMPTY
    )
    decoder.rewind(0)
    own_logprob = sum(own.logprobs)
    floor = own_logprob + _ratio(threshold)
    heard = Search(grammar, decoder, eos=eos, limit=limit)(prompt, floor)
    if heard is None:
        return None
    return heard.sentence, 1 / (1 + math.exp(-SLOPE * (heard.logprob - own_logprob - MIDDLE)))


def prepare(waveform: FloatArray, sample_rate: int) -> FloatArray | None:
    """The utterance (n_samples,) as loud as it can be, zeros around it; None for silence."""
    peak = float(np.abs(waveform).max(initial=0))
    if peak < QUIETEST:
        return None
    return np.pad(waveform * np.float32(PEAK / peak), round(PADDING_S * sample_rate))


def _ratio(confidence: float) -> float:
    """What log-probability, less that of the network's own text, has that confidence."""
    if confidence in (0, 1):
        return -math.inf if confidence == 0 else math.inf
    return MIDDLE + math.log(confidence / (1 - confidence)) / SLOPE
