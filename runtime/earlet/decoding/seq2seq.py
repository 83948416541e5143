"""Encoder-decoder networks: encode once, then one token a step with the keys and values cached.

Graphs, as `models/README.md` specifies them (i counts the decoder's layers):

    encoder: waveform (1, n_samples)            -> cross.i.key, cross.i.value
    decoder: token (1, 1), past.i.*, cross.i.*  -> logits (1, 1, n_vocab), present.i.*

The first step is fed an empty past, and each step's `present` is the next one's `past`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import Session
from earlet.errors import BundleError, InputError

_PAST, _PRESENT = "past.", "present."


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig:
    """Ids and limits; the bundle's `decoding` section."""

    bos: int  # the token that begins
    eos: int  # the token that ends
    max_tokens_per_second: float  # of audio: who speaks faster is a decoder in a loop
    extra_tokens: int  # on top of these, for very short audio
    min_samples: int  # shorter audio has no encoder frame, and no text

    def __post_init__(self) -> None:
        if self.max_tokens_per_second <= 0 or self.extra_tokens < 0 or self.min_samples < 1:
            raise InputError(
                "need max_tokens_per_second > 0, extra_tokens >= 0 and min_samples >= 1, got "
                f"{self.max_tokens_per_second:g}, {self.extra_tokens} and {self.min_samples}"
            )

    def max_tokens(self, n_samples: int, sample_rate: int) -> int:
        """The most tokens that so much audio is given."""
        return int(n_samples / sample_rate * self.max_tokens_per_second) + self.extra_tokens


class Seq2Seq:
    """Greedy decoding."""

    def __init__(
        self, encoder: Session, decoder: Session, config: Seq2SeqConfig, sample_rate: int
    ) -> None:
        """Raises BundleError when the graphs are not those of the specification."""
        self.config = config
        self._encoder, self._decoder = encoder, decoder
        self._sample_rate = sample_rate
        self._cross = [spec.name for spec in encoder.outputs]
        # The decoder's outputs, under the names that feed them back.
        self._next = [spec.name.replace(_PRESENT, _PAST) for spec in decoder.outputs]
        self._empty: dict[str, AnyArray] = {}
        for spec in decoder.inputs:
            if spec.name.startswith(_PAST):
                if len(spec.shape) != 4:
                    raise BundleError(f"{spec.name}: expected 4 dimensions, got {len(spec.shape)}")
                shape = [1 if size is None else size for size in spec.shape]
                shape[2] = 0  # (1, n_heads, n_past, head_size)
                self._empty[spec.name] = np.zeros(shape, dtype=np.float32)
        takes = {spec.name for spec in decoder.inputs}
        given = {"token", *self._cross, *self._empty}
        if takes != given or set(self._next) != {"logits", *self._empty}:
            odd = ", ".join(sorted((takes ^ given) | ({*self._next} ^ {"logits", *self._empty})))
            raise BundleError(f"encoder and decoder do not fit together: {odd}")

    @property
    def n_vocab(self) -> int | None:
        """The width of the logits, where the graph tells."""
        return self._decoder.outputs[self._next.index("logits")].shape[-1]

    def generate(self, waveform: FloatArray) -> list[int]:
        """(n_samples,) -> token ids, without bos and eos."""
        ids: list[int] = []
        for logits in self.steps(waveform):
            token = int(logits.argmax())
            if token == self.config.eos:
                break
            ids.append(token)
        return ids

    def steps(self, waveform: FloatArray) -> Iterator[FloatArray]:
        """The logits (n_vocab,) of each step of the greedy decode, until eos or the limit."""
        if len(waveform) < self.config.min_samples:
            return
        limit = self.config.max_tokens(len(waveform), self._sample_rate)
        feeds: dict[str, AnyArray] = dict(self._empty)
        feeds.update(zip(self._cross, self._encoder.run({"waveform": waveform[None]}), strict=True))
        token = np.array([[self.config.bos]], dtype=np.int64)
        feeds["token"] = token
        for _ in range(limit):
            feeds.update(zip(self._next, self._decoder.run(feeds), strict=True))
            logits = feeds.pop("logits")
            token[0, 0] = logits.argmax()
            yield logits.reshape(-1)
            if token[0, 0] == self.config.eos:
                return
