"""Encoder-decoder networks: encode once, then write token after token.

    encoder: waveform (1, n_samples) or features (1, n_frames, n_features) -> cross.*
    decoder: see `decoder.py`; which token is written, `search.py`

A network of several languages and tasks is told by the first tokens what to write, its prompt
(Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, figure 1):

    bos  language  task  no_timestamps  text ...  eos
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import Session
from earlet.decoding import rules, search
from earlet.decoding.decoder import Decoder, DecoderGraph
from earlet.decoding.hypothesis import NOTHING, Hypothesis
from earlet.decoding.options import GREEDY, GenerationOptions
from earlet.errors import BundleError, InputError
from earlet.features import Features
from earlet.schema import nearest

TASK = "transcribe"
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
        for name in ("max_tokens_per_second", "extra_tokens"):
            if (value := getattr(self, name) or 0) > MAX_TOKENS:
                raise InputError(f"need {name} of at most {MAX_TOKENS}, got {value:g}")

    @property
    def n_prompt(self) -> int:
        """The tokens before the text."""
        return 1 + bool(self.languages) + bool(self.tasks) + (self.no_timestamps is not None)

    @property
    def ids(self) -> set[int]:
        """All tokens that are named here."""
        times = (self.no_timestamps, self.timestamp_begin)
        single = (self.bos, self.eos, *times, self.no_speech, self.previous)
        several = (self.languages.values(), self.tasks.values(), self.suppress, self.begin_suppress)
        return {token for token in single if token is not None}.union(*several)

    def limit(self, n_samples: int, sample_rate: int) -> int:
        """The most tokens that the text of so much audio is given."""
        limits = []
        if self.max_tokens is not None:
            limits.append(self.max_tokens - self.n_prompt)
        if self.max_tokens_per_second is not None:
            spoken = int(n_samples / sample_rate * self.max_tokens_per_second)
            limits.append(spoken + self.extra_tokens)
        return min(*limits, MAX_TOKENS)


class Encoded(NamedTuple):
    """An utterance as the decoder sees it."""

    cross: Mapping[str, AnyArray]
    n_samples: int


class Seq2Seq:
    """Utterances in, token ids out."""

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

    @property
    def n_vocab(self) -> int:
        """How many tokens may be written; those that stand for times, the last, are not."""
        return self.config.timestamp_begin or self._graph.n_vocab

    def language_id(self, name: str) -> int:
        """The token of a language.

        Raises:
            InputError: when the network has no such language.
        """
        languages = self.config.languages
        if name not in languages:
            known = nearest(name, languages) if languages else "; this network has no choice"
            raise InputError(f"language: there is no {name!r}{known}")
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
        return Encoded(dict(zip(self._cross, encoded, strict=True)), len(waveform))

    def decoder(self, encoded: Encoded, n_positions: int) -> Decoder:
        """What writes a text of the utterance, with room for so many tokens."""
        return Decoder(self._graph, encoded.cross, n_positions)

    def limit(self, encoded: Encoded) -> int:
        """The most tokens of the utterance's text."""
        return self.config.limit(encoded.n_samples, self._features.sample_rate)

    def prompt(self, encoded: Encoded, language: str | None = None, task: str = TASK) -> list[int]:
        """The tokens before the text, without times; a language that is not said is heard.

        Raises:
            InputError: when the network has no such language or task.
        """
        config = self.config
        tokens = [config.bos]
        if config.languages or language is not None:
            code = self.detect_language(encoded) if language is None else language
            tokens.append(self.language_id(code))
        if config.tasks:
            if task not in config.tasks:
                raise InputError(f"task: there is no {task!r}{nearest(task, config.tasks)}")
            tokens.append(config.tasks[task])
        elif task != TASK:
            raise InputError(f"task: there is no {task!r}; this network has no choice")
        if config.no_timestamps is not None:
            tokens.append(config.no_timestamps)
        return tokens

    def detect_language(self, encoded: Encoded) -> str:
        """The likeliest of the network's languages."""
        logits = self.decoder(encoded, 1).feed([self.config.bos])[0]
        languages = self.config.languages
        return max(languages, key=lambda code: logits[languages[code]])

    def generate(
        self,
        waveform: FloatArray,
        *,
        language: str | None = None,
        task: str = TASK,
        options: GenerationOptions = GREEDY,
    ) -> Hypothesis:
        """The text of one utterance (n_samples,), as tokens.

        Raises:
            InputError: when the utterance is longer than the network takes, or there is no such
                language or task.
        """
        if len(waveform) < self.config.min_samples:
            return NOTHING
        encoded = self.encode(waveform)
        prompt = self.prompt(encoded, language, task)
        limit = self.limit(encoded)
        return search.generate(
            self.decoder(encoded, len(prompt) + limit),
            prompt,
            eos=self.config.eos,
            limit=limit,
            rules=self.rules,
            options=options,
        )


def _rules(config: Seq2SeqConfig) -> Iterator[rules.LogitRule]:
    if config.suppress:
        yield rules.never(config.suppress)
    if config.begin_suppress:
        yield rules.never_first(config.begin_suppress)
    if config.timestamp_begin is not None:
        yield rules.never_from(config.timestamp_begin)
