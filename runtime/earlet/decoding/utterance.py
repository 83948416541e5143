"""One utterance in front of an encoder-decoder network: heard once, written as often as asked for.

    waveform (n_samples,) -> encoder
        -> previous text, prompt, prefix -> decoder -> tokens -> segments, words

The order of the tokens is that of Radford et al., "Robust Speech Recognition via Large-Scale Weak
Supervision", 2022, figure 1.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from earlet.arrays import FloatArray
from earlet.decoding import alignment
from earlet.decoding.generation import search
from earlet.decoding.generation.hypothesis import Hypothesis
from earlet.decoding.generation.loops import stuck
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.generation.rules import LogitRule
from earlet.decoding.recogniser import TranscriptionOptions, Word
from earlet.decoding.seq2seq import Seq2Seq
from earlet.decoding.timestamps import Piece, pieces
from earlet.decoding.words import Decode


class Utterance:
    """A text to be written: its sound as the decoder sees it, and the tokens that go before."""

    def __init__(
        self,
        seq2seq: Seq2Seq,
        waveform: FloatArray,
        options: TranscriptionOptions,
        *,
        timed: bool = False,
        previous: Sequence[int] = (),
        prefix: Sequence[int] = (),
    ) -> None:
        """Hear it.

        Args:
            seq2seq: the network.
            waveform: (n_samples,), `min_samples` at least.
            options: language, task and rules.
            timed: whether times are to be written, which the network can.
            previous: tokens of what was said before.
            prefix: tokens that the text is known to begin with.

        Raises:
            InputError: when the utterance is longer than the network takes, or there is no such
                language or task.
        """
        config = seq2seq.config
        self._seq2seq = seq2seq
        self._prefix = tuple(prefix)
        self._timed = timed
        self._task = options.task
        self._waveform = waveform
        self._encoded = seq2seq.encode(waveform)
        self.language = options.language
        if self.language is None and config.languages:
            self.language = seq2seq.detect_language(self._encoded)
        before = [config.previous, *previous] if previous and config.previous is not None else []
        prompt = seq2seq.prompt(self._encoded, self.language, options.task, timed=timed)
        self._n_prompt = len(before) + len(prompt)
        self._limit = seq2seq.limit(self._encoded, self._n_prompt)  # tokens, the prefix's too
        n_positions = self._n_prompt + max(self._limit, len(prefix))
        self._decoder = seq2seq.decoder(self._encoded, n_positions)
        self._n_fed = 0
        self.no_speech: float | None = None  # the network does not tell it
        if config.no_speech is not None:
            self.no_speech = seq2seq.no_speech(self._decoder, before)
            self._n_fed = len(before)
        self._prompt = [*before, *prompt, *prefix][self._n_fed :]
        # The network's own come last: those of times weigh what the others have left.
        rules = (*options.rules, *(seq2seq.timed_rules if timed else seq2seq.rules))
        self._rules = [_after(self._prefix, rule) for rule in rules] if prefix else rules

    def generate(self, options: GenerationOptions) -> Hypothesis:
        """The text, the prefix at its beginning: as certain, with log-probabilities of 0."""
        written = self._write(options)
        if not (self._prefix or written.tokens):
            return self._brief(options, written)
        return Hypothesis(
            self._prefix + written.tokens,
            (0.0,) * len(self._prefix) + written.logprobs,
            written.ended,
        )

    def _write(self, options: GenerationOptions) -> Hypothesis:
        """What follows the prefix."""
        n_prefix = len(self._prefix)
        least, most = options.lengths(self._n_prompt, self._limit)  # of the whole text
        rest = replace(
            options,
            max_length=None,
            max_new_tokens=None,
            min_length=None,
            min_new_tokens=max(0, least - n_prefix),
        )
        self._decoder.rewind(self._n_fed)
        return search.generate(
            self._decoder,
            self._prompt,
            eos=self._seq2seq.config.eos,
            limit=most - n_prefix,
            rules=self._rules,
            options=rest,
            stop=_stop_in_loop,
        )

    def _brief(self, options: GenerationOptions, nothing: Hypothesis) -> Hypothesis:
        """The best text that says something, where it is likely enough; else nothing.

        What a network makes up of noise is a sentence, each word of it likely after the others. So
        the whole counts, not the mean of its tokens.
        """
        least = self._seq2seq.config.brief_logprob
        if least is None or not nothing.logprobs:
            return nothing
        spoken = 1 - math.exp(nothing.logprobs[0])  # probability of all texts that say something
        if spoken <= math.exp(least):
            return nothing
        text = self._write(replace(options, min_new_tokens=1))
        return text if math.log(spoken) + sum(text.logprobs) >= least else nothing

    def loop(self, tokens: Sequence[int]) -> int | None:
        """How many of the text's tokens go before a loop at its end; None where there is none."""
        n_kept = stuck(tokens, full=len(tokens) == self._limit)
        return None if n_kept is None else max(n_kept, len(self._prefix))

    def words(self, text: Sequence[int], decode: Decode) -> list[Word]:
        """The words of the tokens that are no times."""
        seq2seq, encoded = self._seq2seq, self._encoded
        prompt = seq2seq.prompt(encoded, self.language, self._task)
        attention = self._decoder.attention([*prompt, *text])[:, len(prompt) - 1 :]
        return alignment.words(
            text,
            attention,
            decode,
            waveform=self._waveform,
            sample_rate=seq2seq.sample_rate,
            seconds_per_frame=encoded.n_covered / seq2seq.sample_rate / attention.shape[2],
        )

    def pieces(self, tokens: Sequence[int]) -> list[Piece]:
        """Its segments."""
        duration_s = len(self._waveform) / self._seq2seq.sample_rate
        begin = self._seq2seq.config.timestamp_begin
        if self._timed and begin is not None:
            return pieces(tokens, begin, duration_s)
        return [Piece(0, len(tokens), 0.0, duration_s, closed=False)]


def _stop_in_loop(written: Sequence[int]) -> int | None:
    """Nothing more is learned from a loop; what is kept of it is decided when it is needed."""
    return None if stuck(written) is None else len(written)


def _after(prefix: tuple[int, ...], rule: LogitRule) -> LogitRule:
    """The rule for a text that begins with `prefix`."""

    def longer(logits: FloatArray, written: Sequence[int]) -> None:
        rule(logits, (*prefix, *written))

    return longer
