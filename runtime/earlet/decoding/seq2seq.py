"""Encoder-decoder networks: encode once, then one token a step, its keys and values kept in place.

Graphs, as `models/README.md` specifies them (i counts the decoder's layers):

    encoder: waveform (1, n_samples) or features (1, n_frames, n_features) -> cross.*
    decoder: token (1, 1), n_past (1,), past.i.* (1, n_heads, n_positions, head_size), cross.*
             -> logits (1, 1, n_vocab), present.i.*: past, with the token's own at n_past

`past` and `present` are the same memory, so that a step copies nothing that is there already.

A network of several languages and tasks is told by the first tokens what to write, its prompt
(Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, figure 1):

    bos  language  task  no_timestamps  text ...  eos
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from earlet.arrays import FloatArray
from earlet.backends import Session
from earlet.decoding import rules
from earlet.errors import BundleError, InputError
from earlet.features import Features
from earlet.schema import nearest

_PAST, _PRESENT = "past.", "present."
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
        single = (self.bos, self.eos, self.no_timestamps, self.timestamp_begin)
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


class Seq2Seq:
    """Greedy decoding."""

    def __init__(
        self, config: Seq2SeqConfig, features: Features, encoder: Session, decoder: Session
    ) -> None:
        """Raises BundleError when the graphs are not those of the specification."""
        self.config = config
        self._features = features
        self._encoder, self._decoder = encoder, decoder
        self._cross = [spec.name for spec in encoder.outputs]
        shapes = {spec.name: spec.shape for spec in decoder.inputs}
        self._cache_shapes = {n: s for n, s in shapes.items() if n.startswith(_PAST)}
        for name, shape in self._cache_shapes.items():
            if len(shape) != 4 or None in (shape[1], shape[3]):
                raise BundleError(
                    f"{name}: expected (1, n_heads, n_positions, head_size), got {shape}"
                )
        given = {"token", "n_past", *self._cross, *self._cache_shapes}
        gives = {"logits", *(_present(name) for name in self._cache_shapes)}
        found = {spec.name: spec.shape for spec in decoder.outputs}
        if odd := (shapes.keys() ^ given) | (found.keys() ^ gives):
            raise BundleError(f"encoder and decoder do not fit together: {', '.join(sorted(odd))}")
        width = found["logits"][-1] if found["logits"] else None
        if width is None:
            raise BundleError("logits: expected (1, n_tokens, n_vocab) with a fixed n_vocab")
        if odd_ids := sorted(i for i in config.ids if not 0 <= i < width):
            raise BundleError(f"decoding: {odd_ids[0]} is none of the network's {width} tokens")
        self._width = width
        self._rules = list(_rules(config))

    @property
    def n_vocab(self) -> int:
        """How many tokens may be written; those that stand for times, the last, are not."""
        return self.config.timestamp_begin or self._width

    def language_id(self, name: str | None) -> int | None:
        """The token of a language; None where the network is to find out itself.

        Raises:
            InputError: when the network has no such language.
        """
        languages = self.config.languages
        if name is None:
            return None
        if name not in languages:
            known = nearest(name, languages) if languages else "; this network has no choice"
            raise InputError(f"language: there is no {name!r}{known}")
        return languages[name]

    def generate(self, waveform: FloatArray, language: int | None = None) -> list[int]:
        """(n_samples,) -> token ids, without the prompt and eos; `language` as `language_id`."""
        ids: list[int] = []
        for logits in self.steps(waveform, language):
            token = int(logits.argmax())
            if token == self.config.eos:
                break
            ids.append(token)
        return ids

    def steps(self, waveform: FloatArray, language: int | None = None) -> Iterator[FloatArray]:
        """The logits (n_vocab,) of each step of the greedy decode, until eos or the limit.

        They are the decoder's own memory: what is to outlast the step must be copied. A token
        that is forbidden has -inf.

        Raises:
            InputError: when the utterance is longer than the network takes.
        """
        if len(waveform) < self.config.min_samples:
            return
        limit = self.config.limit(len(waveform), self._features.sample_rate)
        step = self._start(waveform, self.config.n_prompt + limit)
        logits = step(self.config.bos)
        for token in self._prompt(logits, language):
            logits = step(token)
        written: list[int] = []
        for _ in range(limit):
            for rule in self._rules:
                rule(logits, written)
            token = int(logits.argmax())
            yield logits
            if token == self.config.eos:
                return
            written.append(token)
            if len(written) < limit:
                step(token)

    def _start(self, waveform: FloatArray, n_positions: int) -> Callable[[int], FloatArray]:
        """Encode, and make room for so many tokens; what comes back takes one and gives logits."""
        features = self._features(waveform)
        name, shape = self._encoder.inputs[0]
        if len(features) > (shape[1] or len(features)):
            raise InputError(
                f"expected an utterance of at most {shape[1]} frames, got {len(features)}; "
                "cut it at a pause"
            )
        encoded = self._encoder.run({name: features[None]})
        cross = dict(zip(self._cross, encoded, strict=True))
        token, n_past = np.zeros((1, 1), dtype=np.int64), np.zeros(1, dtype=np.int64)
        logits = np.empty((1, 1, self._width), dtype=np.float32)
        row: FloatArray = logits[0, 0]
        cache = {
            name: np.zeros((1, shape[1] or 0, n_positions, shape[3] or 0), dtype=np.float32)
            for name, shape in self._cache_shapes.items()
        }
        run = self._decoder.bind(
            {"token": token, "n_past": n_past, **cache, **cross},
            {"logits": logits, **{_present(name): array for name, array in cache.items()}},
        )

        def step(next_token: int) -> FloatArray:
            token[0, 0] = next_token
            run()
            n_past[0] += 1
            return row

        return step

    def _prompt(self, logits: FloatArray, language: int | None) -> Iterator[int]:
        """The tokens between bos, whose logits these are, and the text."""
        config = self.config
        if config.languages:
            ids = np.array([*config.languages.values()])
            yield int(ids[logits[ids].argmax()]) if language is None else language
        if config.tasks:
            yield config.tasks[TASK]
        if config.no_timestamps is not None:
            yield config.no_timestamps


def _rules(config: Seq2SeqConfig) -> Iterator[rules.LogitRule]:
    if config.suppress:
        yield rules.never(config.suppress)
    if config.begin_suppress:
        yield rules.never_first(config.begin_suppress)
    if config.timestamp_begin is not None:
        yield rules.never_from(config.timestamp_begin)


def _present(past: str) -> str:
    return _PRESENT + past.removeprefix(_PAST)
