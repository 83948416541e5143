"""Connectionist temporal classification: the likeliest token of each frame, repeats merged.

Graves et al., "Connectionist temporal classification: labelling unsegmented sequence data with
recurrent neural networks", 2006.

    waveform (n_samples,) -> features -> network -> logits (1, n_outputs, n_vocab)
    argmax [a, a, blank, a, b, b] -> [a, a, b]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from earlet.arrays import FloatArray
from earlet.backends import Session
from earlet.decoding.search import logprob
from earlet.errors import BundleError, InputError
from earlet.features import Features


@dataclass(frozen=True, kw_only=True)
class CtcConfig:
    """Ids and limits; the bundle's `decoding` section."""

    blank: int  # the token that stands for none
    min_samples: int  # shorter audio has no frame, and no text

    def __post_init__(self) -> None:
        if self.blank < 0 or self.min_samples < 1:
            raise InputError(
                f"need blank >= 0 and min_samples >= 1, got {self.blank} and {self.min_samples}"
            )


class Ctc:
    """Greedy decoding."""

    def __init__(self, config: CtcConfig, features: Features, network: Session) -> None:
        """Raises BundleError when the blank is none of the network's tokens."""
        self.config = config
        self._features = features
        self._network = network
        width = network.outputs[0].shape[-1]
        if width is None or config.blank >= width:
            raise BundleError(f"logits: expected more than {config.blank} tokens, got {width}")
        self.n_vocab = width

    def generate(self, waveform: FloatArray) -> list[int]:
        """(n_samples,) -> token ids."""
        best = [int(logits.argmax()) for logits in self.steps(waveform)]
        return collapse(best, self.config.blank)

    def logprobs(self, waveform: FloatArray) -> list[float]:
        """Of the best token of each output frame."""
        return [logprob(logits, int(logits.argmax())) for logits in self.steps(waveform)]

    def steps(self, waveform: FloatArray) -> Iterator[FloatArray]:
        """The logits (n_vocab,) of each output frame."""
        if len(waveform) < self.config.min_samples:
            return
        feeds = {self._network.inputs[0].name: self._features(waveform)[None]}
        (logits,) = self._network.run(feeds)
        yield from np.asarray(logits[0], dtype=np.float32)


def collapse(path: Sequence[int], blank: int) -> list[int]:
    """Merge neighbours that are equal, then leave out the blanks."""
    pairs = zip(path, [blank, *path], strict=False)
    return [token for token, before in pairs if token not in (before, blank)]
