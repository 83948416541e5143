"""Connectionist temporal classification: in each output one token, or the blank for none.

Graves et al., "Connectionist temporal classification: labelling unsegmented sequence data with
recurrent neural networks", 2006.

    waveform (n_samples,) -> features -> network -> log-probabilities (n_outputs, n_vocab)
    path     what stands in each output      [a, a, blank, a, b, b]
    spelled  repeats merged, blanks left out [a 0-2, a 3-4, b 4-6]

The likeliest token of each output is the likeliest path. Many paths spell the same text, and the
likeliest text may be another: `ctc_beam.py` searches for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from earlet.arrays import FloatArray
from earlet.backends import Session
from earlet.decoding.generation.step import log_softmax
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
    """The network."""

    def __init__(self, config: CtcConfig, features: Features, network: Session) -> None:
        """Raises BundleError when the blank is none of the network's tokens."""
        self.config = config
        self._features = features
        self._network = network
        width = network.outputs[0].shape[-1]
        if width is None or config.blank >= width:
            raise BundleError(f"logits: expected more than {config.blank} tokens, got {width}")
        self.n_vocab = width

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._features.sample_rate

    def logprobs(self, waveform: FloatArray) -> FloatArray:
        """(n_samples,) -> log-probabilities (n_outputs, n_vocab); no output of too short a clip."""
        if len(waveform) < self.config.min_samples:
            return np.empty((0, self.n_vocab), dtype=np.float32)
        feeds = {self._network.inputs[0].name: self._features(waveform)[None]}
        (logits,) = self._network.run(feeds)
        return log_softmax(logits[0])


class Spelled(NamedTuple):
    """A token of the text and the outputs of the network in which it stands."""

    token: int
    start: int  # the first
    end: int  # the one after the last


def spell(path: npt.ArrayLike, blank: int) -> list[Spelled]:
    """Merge neighbours that are equal in a path (n_outputs,), then leave out the blanks."""
    tokens = np.asarray(path, dtype=np.int64)
    begins = np.flatnonzero(np.diff(tokens, prepend=-1))
    runs = np.stack([tokens[begins], begins, np.append(begins, len(tokens))[1:]], axis=1)
    return [Spelled(*run) for run in runs[runs[:, 0] != blank].tolist()]


def align(logprobs: FloatArray, tokens: Sequence[int], blank: int) -> list[int]:
    """The likeliest path (n_outputs,) that spells `tokens`, which must fit into so many outputs.

    Viterbi's algorithm over the states of Graves et al., section 4.1: the tokens with a blank
    before, between and after them. From one output to the next a path stays, goes on to the next
    state, or leaves out the blank between two tokens that differ.

    Args:
        logprobs: (n_outputs, n_vocab).
        tokens: the text.
        blank: the token that stands for none.
    """
    if not len(logprobs):
        return []
    states = np.full(2 * len(tokens) + 1, blank)
    states[1::2] = tokens
    may_leap = np.zeros(len(states), dtype=bool)  # from the token before, over the blank
    may_leap[3::2] = states[3::2] != states[1:-2:2]
    score = np.full((3, len(states)), -np.inf)  # by how many states the path went on
    score[0, :2] = logprobs[0, states[:2]]
    steps = np.zeros((len(logprobs), len(states)), dtype=np.int8)
    for i in range(1, len(logprobs)):
        score[1, 1:] = score[0, :-1]
        score[2, 2:] = np.where(may_leap[2:], score[0, :-2], -np.inf)
        steps[i] = score.argmax(axis=0)
        score[0] = score.max(axis=0) + logprobs[i, states]
    at = len(states) - 1
    if tokens and score[0, at - 1] > score[0, at]:
        at -= 1
    path = []
    for step in reversed(steps):
        path.append(int(states[at]))
        at -= int(step[at])
    return path[::-1]
