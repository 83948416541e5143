"""Which sentence of a grammar was said, if any.

    waveform -> as loud as it can be, silence around it -> encoder, once
        -> the best text of the network's own, which has a word at least
        -> the best sentences of the grammar, of which the one that is least expected (`prior.py`)
        -> how much less probable it is than as much of the network's own -> confidence

A sentence is scored by teacher forcing: by the log-probability that the network would write it, end
token included. The trie of all sentences is walked depth first, the likeliest token first. What
begins alike is fed once, and going back costs nothing (`Decoder.rewind`). A branch is left as soon
as it is too much less probable than the best sentence so far, for what follows can only make it
less so: no better one is missed (branch and bound: Land and Doig, "An automatic method of solving
discrete programming problems", 1960). It is also left where it is further behind the network's own
text than a sentence of that length may be, so that what was not said is soon given up.

What was not said is told by the network's own text: where that is far more probable, something
else was said. Figures: `benchmarks/accuracy/typed.py`.
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
from earlet.decoding.phrases.prior import RAREST, WEIGHT, Prior
from earlet.decoding.seq2seq import Seq2Seq
from earlet.errors import InputError

MAX_STEPS = 500  # of the decoder, a second at most; what was said is found within some twenty
MAX_TOKENS = 200  # of a sentence: half a minute of speech
PADDING_S = 0.25  # seconds of zeros before and after, for words that are cut tightly
PEAK = 0.95  # largest sample of what the network is given, whatever the level of the recording
QUIETEST = 1e-4  # largest sample of what is sound: three steps of int16
NOT_EMPTY = GenerationOptions(min_new_tokens=1)
NEAR = 5.0  # how much less probable than the best a sentence may be that was said all the same
# The confidence is logistic in how much less probable a sentence is than as many tokens of the
# network's own text, in natural logarithms, with what `prior.py` takes away. A half is where, of
# clean words among the others of Speech Commands, some 6 % are missed and 3 % of other words are
# accepted: chosen on its training speakers (`benchmarks/accuracy/typed.py --train`).
MIDDLE = 4.5
THRESHOLD = 0.5  # the least confidence in what was said
CATCH_UP = 2.0  # how much less probable yet a beginning may be, for what follows may make up for it


class Heard(NamedTuple):
    """A sentence, and how probable it is."""

    sentence: Sentence
    tokens: tuple[int, ...]
    logprob: float  # of all tokens and of the end


class Search:
    """The best sentences of a grammar in one utterance."""

    def __init__(self, grammar: Grammar, decoder: Decoder, *, eos: int, limit: int) -> None:
        """`decoder` is of the utterance; sentences have at most `limit` tokens."""
        self._grammar = grammar
        self._decoder = decoder
        self._eos = eos
        self._limit = min(limit, MAX_TOKENS)
        self._found: dict[str, Heard] = {}  # by text, in its likeliest spelling
        self._floors = np.zeros(1)
        self._within = 0.0
        self.n_steps = 0  # of the decoder, in the last walk

    def __call__(
        self, prompt: Sequence[int], floors: Sequence[float], within: float = 0.0
    ) -> list[Heard]:
        """The best sentence after `prompt`, and those about as good; nothing where there is none.

        Args:
            prompt: the tokens before a sentence.
            floors: the log-probabilities that so many tokens must be above, the end token counted;
                the last is that of all longer texts, too.
            within: how much less probable than the best a sentence may be.
        """
        self._found.clear()
        self._floors = np.array(floors, dtype=np.float64)
        self._within = within
        self.n_steps = 0
        n_past = self._decoder.n_past
        logits = self._decoder.prefill(prompt)
        logits[self._eos] = -np.inf  # as in the network's own text: it is known not to be empty
        self._follow(self._grammar.start(), (), logits, 0.0)
        self._decoder.rewind(n_past)
        best = max((heard.logprob for heard in self._found.values()), default=0.0)
        return [heard for heard in self._found.values() if heard.logprob >= best - within]

    def _follow(
        self, prefix: Prefix, tokens: tuple[int, ...], logits: FloatArray, logprob: float
    ) -> None:
        """Look at all that begins with `tokens`, whose log-probability is `logprob`."""
        given = logprob - float(log_sum_exp(logits))
        whole = given + float(logits[self._eos])
        n_tokens = min(len(tokens) + 1, len(self._floors) - 1)
        if whole > self._floors[n_tokens] and (sentence := prefix.sentence):
            self._take(Heard(sentence, tokens, whole))
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

    def _take(self, heard: Heard) -> None:
        known = self._found.get(heard.sentence.text)
        if known is None or heard.logprob > known.logprob:
            self._found[heard.sentence.text] = heard
            self._floors = np.maximum(self._floors, heard.logprob - self._within)


class Encoded(NamedTuple):
    """An utterance in front of the decoder, to which nothing was fed."""

    decoder: Decoder
    prompt: list[int]
    limit: int  # tokens of a text


def encode(seq2seq: Seq2Seq, waveform: FloatArray, language: str | None = None) -> Encoded | None:
    """An utterance (n_samples,) as loud as it can be; None for silence, and where it is too short.

    Raises:
        InputError: for a language that the network does not know, and an utterance that is longer
            than it takes.
    """
    sound = prepare(waveform, seq2seq.sample_rate)
    if sound is None or len(sound) < seq2seq.config.min_samples:
        return None
    encoded = seq2seq.encode(sound)
    prompt = seq2seq.prompt(encoded, language)
    limit = seq2seq.limit(encoded, len(prompt))
    return Encoded(seq2seq.decoder(encoded, len(prompt) + limit), prompt, limit)


def match(
    seq2seq: Seq2Seq,
    waveform: FloatArray,
    grammar: Grammar,
    prior: Prior,
    *,
    language: str | None = None,
    threshold: float = THRESHOLD,
) -> tuple[Sentence, float] | None:
    """The sentence that was said in one utterance (n_samples,), and the confidence in it, 0..1.

    None for silence, and where the confidence in the best sentence is below `threshold`. `prior` is
    of the same network.

    Raises:
        InputError: for a threshold that is none, and as `encode`.
    """
    if not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise InputError(f"threshold: expected 0 to 1, got {threshold!r}")
    encoded = encode(seq2seq, waveform, language)
    if encoded is None:
        return None
    decoder, prompt, limit = encoded
    eos = seq2seq.config.eos
    own = search.generate(
        decoder, prompt, eos=eos, limit=limit, rules=seq2seq.rules, options=NOT_EMPTY
    )
    decoder.rewind(0)
    own_logprobs = np.cumsum([0.0, *own.logprobs])
    least = MIDDLE + WEIGHT * RAREST + _logit(threshold) - CATCH_UP
    floors = [logprob + least for logprob in own_logprobs]
    found = Search(grammar, decoder, eos=eos, limit=limit)(prompt, floors, NEAR)
    if not found:
        return None
    expected = [prior(prompt, heard.tokens) for heard in found]
    surprises = [heard.logprob - WEIGHT * e for heard, e in zip(found, expected, strict=True)]
    best = int(np.argmax(surprises))
    heard = found[best]
    # A long text of the network's own is improbable as a whole. Its beginning is not.
    own_logprob = own_logprobs[min(len(heard.tokens) + 1, len(own.logprobs))]
    surprise = heard.logprob - own_logprob - WEIGHT * max(RAREST, expected[best])
    confidence = _logistic(surprise - MIDDLE)
    return (heard.sentence, confidence) if confidence >= threshold else None


def prepare(waveform: FloatArray, sample_rate: int) -> FloatArray | None:
    """The utterance (n_samples,) as loud as it can be, zeros around it; None for silence."""
    peak = float(np.abs(waveform).max(initial=0))
    if peak < QUIETEST:
        return None
    return np.pad(waveform * np.float32(PEAK / peak), round(PADDING_S * sample_rate))


def _logistic(x: float) -> float:
    return 0.5 + 0.5 * math.tanh(0.5 * x)  # which cannot overflow


def _logit(probability: float) -> float:
    """The inverse of the logistic function."""
    if probability in (0, 1):
        return -math.inf if probability == 0 else math.inf
    return math.log(probability / (1 - probability))
