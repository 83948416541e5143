"""Whether a word was said that somebody else believes to have heard: the second stage of a spotter.

    waveform -> as loud as it can be, silence around it -> encoder, once
        -> the log-probability of the word, in its likeliest spelling, end token included
        -> minus that of the likeliest first token of any text
        -> minus a part of what the word has anyway (`prior.py`)

The second is how well any text can begin here. A word that was said begins so itself; where it was
part of a longer one, or another, its end is improbable, or its beginning. That no text at all is
likely, as networks that were trained on sentences find of lone words, takes nothing away.

Of what commands-en 1.1.0 takes for a command at a threshold of 0.65, scores of 0 and more have all
but 0.2 % of the commands in quiet, all but 1 % in kitchen noise at 10 dB, and one in seven of the
false alarms (`models/commands-en/README.md`).
"""

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding.generation.step import log_sum_exp
from earlet.decoding.phrases.grammar import Grammar
from earlet.decoding.phrases.matching import Search, encode
from earlet.decoding.phrases.prior import RAREST, WEIGHT, Prior
from earlet.decoding.seq2seq import Seq2Seq

LEAST = -100.0  # score of what cannot be the word: of silence, for one


def score(seq2seq: Seq2Seq, waveform: FloatArray, grammar: Grammar, prior: Prior) -> float:
    """How well the best sentence of `grammar` fits the sound, against all else that may be said.

    Args:
        seq2seq: the network; of several languages it hears which is spoken.
        waveform: (n_samples,), the word with what was heard around it.
        grammar: the word, in the network's spellings.
        prior: of the same network.

    Returns:
        A difference of natural logarithms of probabilities, LEAST at least.

    Raises:
        InputError: when the waveform is longer than the network takes.
    """
    encoded = encode(seq2seq, waveform)
    if encoded is None:
        return LEAST
    decoder, prompt, limit = encoded
    eos = seq2seq.config.eos
    logits = decoder.prefill(prompt)
    logits[eos] = -np.inf  # as in `Search`
    first = float(logits.max() - log_sum_exp(logits))
    decoder.rewind(0)
    found = Search(grammar, decoder, eos=eos, limit=limit)(prompt, [first + LEAST])
    if not found:
        return LEAST
    (heard,) = found
    return heard.logprob - first - WEIGHT * max(RAREST, prior(prompt, heard.tokens))
