"""Encoder-decoder networks as recognisers: Moonshine, Whisper.

    waveform (n_samples,) -> tokens, at one temperature or several
        -> segments where times are written, else one -> words by cross-attention

How a text is written: `utterance.py`; which of several is believed: `fallback.py`.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding import fallback
from earlet.decoding.fallback import Attempt
from earlet.decoding.generation.options import MAX_FACTOR, MIN_FACTOR, GenerationOptions
from earlet.decoding.phrases import confirmation, matching
from earlet.decoding.phrases.grammar import Grammar, Sentence
from earlet.decoding.phrases.prior import Prior
from earlet.decoding.phrases.spelling import Speller
from earlet.decoding.recogniser import PLAIN, Segment, TranscriptionOptions, Word
from earlet.decoding.seq2seq import Seq2Seq
from earlet.decoding.timestamps import Piece, certain
from earlet.decoding.utterance import Utterance
from earlet.decoding.words import group
from earlet.errors import InputError
from earlet.tokenizers import Detokenizer

MAX_ATTEMPTS = 10  # at one utterance
FORGET_ABOVE = 0.5  # temperature; Whisper: what was drawn above is no prompt for what follows


class Window(NamedTuple):
    """What `Seq2SeqRecogniser.window` makes of one window of long audio."""

    segments: list[Segment]
    resume_s: float  # where in it the next window is to begin
    language: str | None  # that was spoken or heard, where the network knows several
    forget: bool  # the text is not good enough to be told to the next window


class Seq2SeqRecogniser:
    """A `Recogniser`: the network with its tokenizer."""

    def __init__(
        self, seq2seq: Seq2Seq, tokenizer: Detokenizer, encode: Callable[[str], Sequence[int]]
    ) -> None:
        """`encode` takes text to ids, without special tokens; called for an `initial_prompt`."""
        self._seq2seq = seq2seq
        self._tokenizer = tokenizer
        self._encode = encode

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._seq2seq.sample_rate

    @property
    def window_samples(self) -> int | None:
        """Of long audio at a time; None where the network writes no times to go on from."""
        return self._seq2seq.max_samples if self._seq2seq.tells_times else None

    @property
    def max_previous(self) -> int:
        """Tokens of what was said before that the network is told: half of its positions."""
        positions = self._seq2seq.config.max_tokens
        known = self._seq2seq.config.previous is not None
        return positions // 2 - 1 if known and positions is not None else 0

    def check(self, options: TranscriptionOptions) -> None:
        """Raise InputError for what this network cannot do."""
        config = self._seq2seq.config
        if options.language is not None:
            self._seq2seq.language_id(options.language)
        self._seq2seq.task_ids(options.task)
        if options.initial_prompt is not None and not self.max_previous:
            raise InputError("initial_prompt: this network cannot be told what was said before")
        self.previous(options)
        if options.timestamps == "word" and not self._seq2seq.aligns:
            raise InputError("times of words: this network does not tell where it listens")
        if options.no_speech_threshold != PLAIN.no_speech_threshold and config.no_speech is None:
            raise InputError("no_speech_threshold: this network does not tell when nobody speaks")
        if options.condition_on_previous_text is not None:
            raise InputError("condition_on_previous_text: applies to sequential long form only")
        if options.temperatures is not None:
            _check_temperatures(options.temperatures, options.generation.do_sample)
        if config.no_speech is None and len(self._temperatures(options)) == 1:
            _refuse_thresholds(options)

    def recognise(
        self,
        waveform: FloatArray,
        options: TranscriptionOptions = PLAIN,
        prefix: Sequence[int] = (),
    ) -> list[Segment]:
        """The text of one utterance (n_samples,), in order; nothing where nothing is said.

        `prefix` are tokens that the text is known to begin with.

        Raises:
            InputError: when the utterance is longer than the network takes.
        """
        timed = options.timestamps == "segment" and self._seq2seq.tells_times
        utterance = self._listen(
            waveform, options, timed=timed, previous=self.previous(options), prefix=prefix
        )
        if utterance is None or (best := self._write(utterance, options)) is None:
            return []
        return self._segments(utterance, best, utterance.pieces(best.tokens), options)

    def window(
        self, waveform: FloatArray, options: TranscriptionOptions, previous: Sequence[int]
    ) -> Window:
        """The next window of long audio, of `window_samples` unless it is the last.

        Args:
            waveform: (n_samples,).
            options: what is asked for; times are written anyway.
            previous: the last tokens of what was said before, `max_previous` at most.
        """
        duration_s = len(waveform) / self.sample_rate
        utterance = self._listen(waveform, options, timed=True, previous=previous)
        if utterance is None or (best := self._write(utterance, options)) is None:
            return Window([], duration_s, options.language, forget=False)
        found, resume_s = certain(utterance.pieces(best.tokens), duration_s)
        segments = self._segments(utterance, best, found, options)
        forget = best.temperature > FORGET_ABOVE or not best.is_believed(options)
        return Window(segments, resume_s, utterance.language, forget)

    def previous(self, options: TranscriptionOptions) -> Sequence[int]:
        """The tokens of `initial_prompt`, the last `max_previous` of them.

        Raises:
            InputError: when it is no text.
        """
        prompt = (options.initial_prompt or "").strip()
        return self._encode(f" {prompt}")[-self.max_previous :] if prompt else ()

    def _listen(
        self,
        waveform: FloatArray,
        options: TranscriptionOptions,
        *,
        timed: bool,
        previous: Sequence[int],
        prefix: Sequence[int] = (),
    ) -> Utterance | None:
        """None where the sound is too short to have a text."""
        if len(waveform) < self._seq2seq.config.min_samples:
            return None
        return Utterance(
            self._seq2seq, waveform, options, timed=timed, previous=previous, prefix=prefix
        )

    def _write(self, utterance: Utterance, options: TranscriptionOptions) -> Attempt | None:
        """The text that is believed, or the best of them; None for silence."""

        def attempt(temperature: float) -> Attempt:
            generation = options.generation
            if temperature:
                generation = fallback.drawn(generation, temperature)
            hypothesis = utterance.generate(generation)
            tokens = hypothesis.tokens
            return Attempt(temperature, hypothesis, self.text(tokens), utterance.loop(tokens))

        temperatures = self._temperatures(options)
        return fallback.first_believed(attempt, temperatures, utterance.no_speech, options)

    def _temperatures(self, options: TranscriptionOptions) -> Sequence[float]:
        if options.temperatures is not None:
            return options.temperatures
        # A network that tells silence was trained on sound of every kind, and gets into loops.
        falls_back = self._seq2seq.config.no_speech is not None
        return fallback.TEMPERATURES if falls_back and not options.generation.do_sample else (0.0,)

    def _segments(
        self,
        utterance: Utterance,
        best: Attempt,
        found: Sequence[Piece],
        options: TranscriptionOptions,
    ) -> list[Segment]:
        tokens, logprobs = best.tokens, best.logprobs
        words = self._words(utterance, tokens) if options.timestamps == "word" else []
        return [
            Segment(
                text=text,
                tokens=tokens[piece.first : piece.end],
                start_s=piece.start_s,
                end_s=piece.end_s,
                words=tuple(
                    _within(piece, word) for at, word in words if piece.first <= at < piece.end
                ),
                logprobs=logprobs[piece.first : piece.end if piece.end < len(tokens) else None],
                temperature=best.temperature or _temperature(options.generation),
                no_speech=utterance.no_speech,
                language=utterance.language,
            )
            for piece in found
            if (text := self.text(tokens[piece.first : piece.end]))
        ]

    def _words(self, utterance: Utterance, tokens: Sequence[int]) -> list[tuple[int, Word]]:
        """Each with the place of its first token."""
        n_vocab, decode = self._seq2seq.n_vocab, self._tokenizer.decode
        places = [i for i, token in enumerate(tokens) if token < n_vocab]
        text = [tokens[i] for i in places]
        found = utterance.words(text, decode) if text else []
        grouped = group(text, decode)
        return [(places[g.first], word) for g, word in zip(grouped, found, strict=True)]

    @cached_property
    def _prior(self) -> Prior:
        return Prior(self._seq2seq)

    @cached_property
    def speller(self) -> Speller:
        """What spells typed words: hotwords, and what is to be matched."""
        return Speller(self._encode, self._tokenizer.decode)

    def match(
        self, waveform: FloatArray, grammar: Grammar, language: str | None, threshold: float
    ) -> tuple[Sentence, float] | None:
        """Which sentence was said, and the confidence in it; as `matching.match`."""
        return matching.match(
            self._seq2seq, waveform, grammar, self._prior, language=language, threshold=threshold
        )

    def confirm(self, waveform: FloatArray, grammar: Grammar) -> float:
        """How well a sentence of `grammar` fits the waveform; as `confirmation.score`."""
        return confirmation.score(self._seq2seq, waveform, grammar, self._prior)

    def step_logprobs(self, waveform: FloatArray) -> FloatArray:
        """Of each token that is written, and of the end, (n_steps,)."""
        logprobs = [logprob for s in self.recognise(waveform) for logprob in s.logprobs]
        return np.array(logprobs, dtype=np.float32)

    def text(self, tokens: Sequence[int]) -> str:
        """What tokens of segments stand for; times stand for nothing."""
        n_vocab = self._seq2seq.n_vocab  # those that stand for times are above
        return self._tokenizer.decode(token for token in tokens if token < n_vocab).strip()


def _within(piece: Piece, word: Word) -> Word:
    """The word, as far as it lies inside of its segment."""
    start_s, end_s = (min(max(s, piece.start_s), piece.end_s) for s in (word.start_s, word.end_s))
    return Word(word.text, start_s, end_s)


def _temperature(generation: GenerationOptions) -> float:
    """At which the first attempt is drawn; 0 where the likeliest token is written."""
    if not generation.do_sample:
        return 0.0
    return 1.0 if generation.temperature is None else generation.temperature


def _refuse_thresholds(options: TranscriptionOptions) -> None:
    """Whether a text is believed says only whether there is another attempt."""
    for name in ("compression_ratio_threshold", "logprob_threshold"):
        if getattr(options, name) != getattr(PLAIN, name):
            raise InputError(f"{name}: applies to several temperatures; say temperature: [0, 0.4]")


def _check_temperatures(temperatures: Sequence[float], do_sample: bool) -> None:
    if do_sample:
        raise InputError("temperatures: do_sample has one already; leave one of the two out")
    if not 1 <= len(temperatures) <= MAX_ATTEMPTS:
        raise InputError(f"temperatures: expected 1 to {MAX_ATTEMPTS}, got {len(temperatures)}")
    for temperature in temperatures:
        if temperature != 0 and not MIN_FACTOR <= temperature <= MAX_FACTOR:
            raise InputError(
                f"temperatures: expected 0, or {MIN_FACTOR:g} to {MAX_FACTOR:g}, got {temperature}"
            )
