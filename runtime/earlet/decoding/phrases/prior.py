"""How probable a text is before anything is heard.

    noise -> encoder, once
    tokens of a text -> decoder, teacher forcing -> log-probability, kept

A network that writes has a language in it: it writes "No." or "One." of many a sound, and "Bird."
of few. Among texts that are about as probable in an utterance, the one that was said is rather the
one that is improbable elsewhere. So part of the log-probability that a text has in noise is taken
away from it (Holtzman et al., "Surface Form Competition: Why the Highest Probability Answer Isn't
Always Right", 2021: domain conditional pointwise mutual information). Of 35 words among themselves
3 % more are right with it. Figures: `benchmarks/accuracy/typed.py`.
"""

from collections.abc import Sequence

import numpy as np

from earlet.decoding.generation.step import log_sum_exp
from earlet.decoding.seq2seq import Encoded, Seq2Seq

WEIGHT = 0.7  # of the log-probability that is taken away; 0.5 to 1 do about as well
# The least that is expected of a text, where not texts are compared but one with all else: most
# phrases are less probable, and need no more help for that.
RAREST = -15.0
NOISE_S = 1.0  # seconds of noise: about what a command takes, to which some silence is added
LEVEL = 0.1  # its standard deviation: loud, as all that is scored
MAX_TEXTS = 10_000  # whose log-probabilities are kept: a few megabytes


class Prior:
    """The log-probabilities of texts in noise."""

    def __init__(self, seq2seq: Seq2Seq) -> None:
        self._seq2seq = seq2seq
        self._encoded: Encoded | None = None
        self._known: dict[tuple[int, ...], float] = {}

    def __call__(self, prompt: Sequence[int], tokens: Sequence[int]) -> float:
        """Of `tokens` and the end after `prompt`, where the text is known not to be empty."""
        text = (*prompt, *tokens)
        if text not in self._known:
            if len(self._known) >= MAX_TEXTS:
                self._known.clear()
            self._known[text] = self._logprob(prompt, tokens)
        return self._known[text]

    def _logprob(self, prompt: Sequence[int], tokens: Sequence[int]) -> float:
        eos = self._seq2seq.config.eos
        decoder = self._seq2seq.decoder(self._noise(), len(prompt) + len(tokens))
        logits = decoder.prefill(prompt)
        logits[eos] = -np.inf
        total = 0.0
        for token in tokens:
            total += float(logits[token] - log_sum_exp(logits))
            logits = decoder.feed((token,))[0]
        return total + float(logits[eos] - log_sum_exp(logits))

    def _noise(self) -> Encoded:
        if self._encoded is None:
            rng = np.random.default_rng(0)  # any noise: 24 of them differ by 0.5 nats
            n_samples = round(NOISE_S * self._seq2seq.sample_rate)
            noise = LEVEL * rng.standard_normal(n_samples, dtype=np.float32)
            self._encoded = self._seq2seq.encode(noise)
        return self._encoded
