"""Encoder-decoder networks: encode once, then write token after token.

    encoder: waveform (1, n_samples) or features (1, n_frames, n_features) -> cross.*
    decoder: see `decoder.py`; how a text is written with it, `utterance.py`

A network of several languages and tasks is told by the first tokens what to write, its prompt
(Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, figure 1):

    previous text ...  bos  language  task  no_timestamps  text ...  eos

Without `no_timestamps` the text is written with times, see `timestamps.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import Session
from earlet.decoding.generation import rules
from earlet.decoding.generation.decoder import Decoder, DecoderGraph
from earlet.decoding.generation.step import log_sum_exp
from earlet.decoding.timestamps import timestamps
from earlet.errors import BundleError, InputError
from earlet.features import Features
from earlet.schema import nearest

TASK = "transcribe"
NO_CHOICE = "; this network has no choice, leave it out"
MAX_TOKENS = 10_000  # of one utterance: what takes half an hour to say; beyond it is a mistake


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig:
    """Ids and limits; the bundle's `decoding` section. One of the limits must be there."""

    bos: int  # the token that begins
    eos: int  # the token that ends
    languages: Mapping[str, int] = field(default_factory=dict)  # "en" -> its token in the prompt
    tasks: Mapping[str, int] = field(default_factory=dict)  # "transcribe" -> its token
    no_timestamps: int | None = None  # the prompt's last token: text alone is wanted
    timestamp_begin: int | None = None  # this token and all above stand for times
    no_speech: int | None = None  # likely after `bos` where nobody speaks
    previous: int | None = None  # what was said before follows it, and then `bos`
    suppress: tuple[int, ...] = ()  # tokens that are never written
    begin_suppress: tuple[int, ...] = ()  # tokens that are not written first
    # Log-probability at or above which a text is written although none at all is likelier: where a
    # network that was trained on sentences hears a single word. None: it never is.
    brief_logprob: float | None = None
    max_tokens: int | None = None  # that the network has positions for, those of the prompt, too
    max_tokens_per_second: float | None = None  # of audio: who speaks faster is in a loop
    extra_tokens: int = 0  # on top of these, for very short audio
    min_samples: int = 1  # shorter audio has no encoder frame, and no text

    def __post_init__(self) -> None:
        rate = self.max_tokens_per_second
        if (rate is not None and rate <= 0) or self.extra_tokens < 0 or self.min_samples < 1:
            raise InputError(
                "need max_tokens_per_second > 0, extra_tokens >= 0 and min_samples >= 1, got "
                f"{rate}, {self.extra_tokens} and {self.min_samples}"
            )
        if rate is self.max_tokens is None:
            raise InputError("need max_tokens or max_tokens_per_second, that a text may end")
        if self.tasks and TASK not in self.tasks:
            raise InputError(f"need {TASK!r} among the tasks, got {', '.join(self.tasks)}")
        if self.max_tokens is not None and not self.n_prompt < self.max_tokens <= MAX_TOKENS:
            raise InputError(
                f"need max_tokens above the prompt's {self.n_prompt} and at most {MAX_TOKENS}, "
                f"got {self.max_tokens}"
            )
        if self.brief_logprob is not None and not self.brief_logprob <= 0:
            raise InputError(f"need brief_logprob of at most 0, got {self.brief_logprob:g}")
        for name in ("max_tokens_per_second", "extra_tokens"):
            if (value := getattr(self, name) or 0) > MAX_TOKENS:
                raise InputError(f"need {name} of at most {MAX_TOKENS}, got {value:g}")

    @property
    def n_prompt(self) -> int:
        """The tokens before a text without times that follows no other."""
        return 1 + bool(self.languages) + bool(self.tasks) + (self.no_timestamps is not None)

    @property
    def ids(self) -> set[int]:
        """All tokens that are named here."""
        times = (self.no_timestamps, self.timestamp_begin)
        single = (self.bos, self.eos, *times, self.no_speech, self.previous)
        several = (self.languages.values(), self.tasks.values(), self.suppress, self.begin_suppress)
        return {token for token in single if token is not None}.union(*several)

    def limit(self, n_samples: int, sample_rate: int, n_prompt: int | None = None) -> int:
        """The most tokens that the text of so much audio is given, after a prompt of n_prompt."""
        limits = []
        if self.max_tokens is not None:
            limits.append(self.max_tokens - (self.n_prompt if n_prompt is None else n_prompt))
        if self.max_tokens_per_second is not None:
            spoken = int(n_samples / sample_rate * self.max_tokens_per_second)
            limits.append(spoken + self.extra_tokens)
        return min(*limits, MAX_TOKENS)


class Encoded(NamedTuple):
    """An utterance as the decoder sees it."""

    cross: Mapping[str, AnyArray]
    n_samples: int  # of the utterance
    n_covered: int  # samples that the encoder's frames stand for: with its padding


class Seq2Seq:
    """An encoder and a decoder, and what is known of their tokens."""

    def __init__(
        self, config: Seq2SeqConfig, features: Features, encoder: Session, decoder: Session
    ) -> None:
        """Raises BundleError when the graphs are not those of the specification."""
        self.config = config
        self._features = features
        self._encoder = encoder
        self._cross = [spec.name for spec in encoder.outputs]
        self._graph = DecoderGraph(decoder, self._cross)
        width = self._graph.n_vocab
        if odd_ids := sorted(i for i in config.ids if not 0 <= i < width):
            raise BundleError(f"decoding: {odd_ids[0]} is none of the network's {width} tokens")
        self.rules = tuple(_rules(config))  # of every text that is written without times
        self.timed_rules = tuple(_timed_rules(config))  # of those with times

    @property
    def n_vocab(self) -> int:
        """How many tokens may be written; those that stand for times, the last, are not."""
        return self.config.timestamp_begin or self._graph.n_vocab

    @property
    def sample_rate(self) -> int:
        """Of the waveform that is expected, in Hz."""
        return self._features.sample_rate

    @property
    def max_samples(self) -> int | None:
        """Of an utterance; None where the network sets no limit."""
        n_frames = self._encoder.inputs[0].shape[1]
        return None if n_frames is None else n_frames * self._features.hop_length

    @property
    def tells_times(self) -> bool:
        """Whether it can write times among the tokens."""
        return self.config.timestamp_begin is not None

    @property
    def aligns(self) -> bool:
        """Whether it tells where in the sound each token was heard."""
        return self._graph.aligns

    def language_id(self, name: str) -> int:
        """The token of a language.

        Raises:
            InputError: when the network has no such language.
        """
        languages = self.config.languages
        if name not in languages:
            known = nearest(name, languages) if languages else NO_CHOICE
            raise InputError(f"language: there is no {name!r:.60}{known}")
        return languages[name]

    def encode(self, waveform: FloatArray) -> Encoded:
        """Features and encoder, of (n_samples,): `min_samples` at least.

        Raises:
            InputError: when the utterance is longer than the network takes.
        """
        features = self._features(waveform)
        name, shape = self._encoder.inputs[0]
        if len(features) > (shape[1] or len(features)):
            raise InputError(
                f"expected an utterance of at most {shape[1]} frames, got {len(features)}; "
                "cut it at a pause"
            )
        encoded = self._encoder.run({name: features[None]})
        cross = dict(zip(self._cross, encoded, strict=True))
        return Encoded(cross, len(waveform), len(features) * self._features.hop_length)

    def decoder(self, encoded: Encoded, n_positions: int) -> Decoder:
        """What writes a text of the utterance, with room for so many tokens."""
        return Decoder(self._graph, encoded.cross, n_positions)

    def limit(self, encoded: Encoded, n_prompt: int) -> int:
        """The most tokens of the utterance's text, after a prompt of so many."""
        return self.config.limit(encoded.n_samples, self.sample_rate, n_prompt)

    def prompt(
        self,
        encoded: Encoded,
        language: str | None = None,
        task: str = TASK,
        *,
        timed: bool = False,
    ) -> list[int]:
        """The tokens before the text; a language that is not said is heard.

        Args:
            encoded: the utterance.
            language: what is spoken.
            task: what is to be written.
            timed: whether times are to be written with it.

        Raises:
            InputError: when the network has no such language or task, or writes no times.
        """
        config = self.config
        tokens = [config.bos]
        if config.languages or language is not None:
            code = self.detect_language(encoded) if language is None else language
            tokens.append(self.language_id(code))
        tokens += self.task_ids(task)
        if timed and not self.tells_times:
            raise InputError("timestamps: this network writes none")
        if config.no_timestamps is not None and not timed:
            tokens.append(config.no_timestamps)
        return tokens

    def task_ids(self, task: str) -> list[int]:
        """The tokens of a task: one, or none where the network has no choice.

        Raises:
            InputError: when the network has no such task.
        """
        tasks = self.config.tasks
        if task not in (tasks or (TASK,)):
            known = nearest(task, tasks) if tasks else NO_CHOICE
            raise InputError(f"task: there is no {task!r:.60}{known}")
        return [tasks[task]] if tasks else []

    def no_speech(self, decoder: Decoder, before: Sequence[int]) -> float:
        """The probability that nobody speaks, where the network tells it: after `bos`.

        Args:
            decoder: of the utterance, to which nothing was fed; then it has `before` and `bos`.
            before: the tokens before those of `prompt`.

        Raises:
            InputError: when the network does not tell.
        """
        if self.config.no_speech is None:
            raise InputError("no_speech: this network does not tell when nobody speaks")
        logits = decoder.prefill([*before, self.config.bos])
        return float(np.exp(logits[self.config.no_speech] - log_sum_exp(logits)))

    def detect_language(self, encoded: Encoded) -> str:
        """The likeliest of the network's languages."""
        logits = self.decoder(encoded, 1).feed([self.config.bos])[0]
        languages = self.config.languages
        return max(languages, key=lambda code: logits[languages[code]])


def _fixed_rules(config: Seq2SeqConfig) -> Iterator[rules.LogitRule]:
    if config.suppress:
        yield rules.never(config.suppress)
    if config.begin_suppress:
        yield rules.never_first(config.begin_suppress)


def _rules(config: Seq2SeqConfig) -> Iterator[rules.LogitRule]:
    yield from _fixed_rules(config)
    if config.timestamp_begin is not None:
        yield rules.never_from(config.timestamp_begin)


def _timed_rules(config: Seq2SeqConfig) -> Iterator[rules.LogitRule]:
    yield from _fixed_rules(config)
    if config.no_timestamps is not None:
        yield rules.never((config.no_timestamps,))
    if config.timestamp_begin is not None:  # the last, which weighs what the others have left
        yield timestamps(config.timestamp_begin, config.eos)
