"""Which sentence of a grammar was said, if any.

    waveform -> as loud as it can be, silence around it -> encoder, once
        -> the best text of the network's own, which has a word at least
        -> the best sentence of the grammar
        -> how much less probable it is than as much of the network's own -> confidence

A sentence is scored by teacher forcing: by the log-probability that the network would write it, end
token included. The trie of all sentences is walked depth first, the likeliest token first. What
begins alike is fed once, and going back costs nothing (`Decoder.rewind`). A branch is left as soon
as it is less probable than the best sentence so far, for what follows can only make it less so: the
answer is the best of all (branch and bound: Land and Doig, "An automatic method of solving discrete
programming problems", 1960). It is also left where it is further behind the network's own text than
a sentence of that length may be, so that what was not said is soon given up.

What was not said is told by the network's own text: where that is far more probable, something
else was said. Figures: `benchmarks/match.py`.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding.generation import search
from earlet.decoding.generation.decoder import Decoder
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.generation.step import log_sum_exp
from earlet.decoding.phrases.grammar import Grammar, Prefix, Sentence
from earlet.decoding.seq2seq import Seq2Seq
from earlet.errors import InputError

MAX_STEPS = 500  # of the decoder, a second at most; what was said is found within some twenty
MAX_TOKENS = 200  # of a sentence: half a minute of speech
PADDING_S = 0.25  # seconds of zeros before and after, for words that are cut tightly
PEAK = 0.95  # largest sample of what the network is given, whatever the level of the recording
QUIETEST = 1e-4  # largest sample of what is sound: three steps of int16
NOT_EMPTY = GenerationOptions(min_new_tokens=1)
# The confidence is logistic in how much less probable a sentence is than as many tokens of the
# network's own text, in natural logarithms; longer ones have more ways to be written a little
# otherwise. Fitted by `benchmarks/match.py` to speakers of Speech Commands, and to other speech.
MIDDLE = -3.2  # of a word: half the words that are so much less probable were said
PER_LENGTH = -2.0  # added for each natural logarithm of the number of words
THRESHOLD = 0.5  # the least confidence in what was said
CATCH_UP = 4.0  # how much less probable yet a beginning may be, for what follows may make up for it


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
        self._floors = np.zeros(1)
        self.n_steps = 0  # of the decoder, in the last walk

    def __call__(self, prompt: Sequence[int], floors: Sequence[float]) -> Heard | None:
        """The best sentence after `prompt`, and None where there is none.

        `floors` are the log-probabilities that so many tokens must be above, the end token counted;
        the last is that of all longer texts, too.
        """
        self._best = None
        self._floors = np.array(floors, dtype=np.float64)
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
        n_tokens = min(len(tokens) + 1, len(self._floors) - 1)
        if whole > self._floors[n_tokens] and (sentence := prefix.sentence):
            self._best = Heard(sentence, tokens, whole)
            self._floors = np.maximum(self._floors, whole)
        if len(tokens) == self._limit:
            return
        branches = np.array(sorted(prefix.tokens), dtype=np.intp)
        after = logits[branches].astype(np.float64) + given  # the next feed writes over the logits
        n_past = self._decoder.n_past
        for i in np.argsort(-after, kind="stable"):
            if after[i] <= self._floors[n_tokens] or self.n_steps == MAX_STEPS:
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
    if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise InputError(f"threshold: expected 0 to 1, got {threshold!r}")
    sound = prepare(waveform, seq2seq.sample_rate)
    if sound is None or len(sound) < seq2seq.config.min_samples:
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
    own_logprobs = np.cumsum([0.0, *own.logprobs])
    floors = [  # by tokens, of which each word has one at least: none is too high
        logprob + middle(max(1, n)) + _logit(threshold) - CATCH_UP
        for n, logprob in enumerate(own_logprobs)
    ]
    heard = Search(grammar, decoder, eos=eos, limit=limit)(prompt, floors)
    if heard is None:
        return None
    # A long text of the network's own is improbable as a whole. Its beginning is not.
    own_logprob = own_logprobs[min(len(heard.tokens) + 1, len(own.logprobs))]
    n_words = len(heard.sentence.text.split())
    confidence = _logistic(heard.logprob - own_logprob - middle(n_words))
    return (heard.sentence, confidence) if confidence >= threshold else None


def prepare(waveform: FloatArray, sample_rate: int) -> FloatArray | None:
    """The utterance (n_samples,) as loud as it can be, zeros around it; None for silence."""
    peak = float(np.abs(waveform).max(initial=0))
    if peak < QUIETEST:
        return None
    return np.pad(waveform * np.float32(PEAK / peak), round(PADDING_S * sample_rate))


def middle(n_words: int) -> float:
    """How much less probable than the network's own text a sentence is that was said or not."""
    return MIDDLE + PER_LENGTH * math.log(n_words)


def _logistic(x: float) -> float:
    return 0.5 + 0.5 * math.tanh(0.5 * x)  # which cannot overflow


def _logit(probability: float) -> float:
    """The inverse of the logistic function."""
    if probability in (0, 1):
        return -math.inf if probability == 0 else math.inf
    return math.log(probability / (1 - probability))
