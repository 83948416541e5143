"""Voice activity: which parts of a stream are speech.

    windows -> SpeechProbability: the probability of speech of each (Silero VAD, recurrent)
            -> Endpointer (`endpointer.py`): where speech begins and ends
            -> UtteranceStream: the samples of each span

The windows that are there go through the network at once, at a quarter of the time that they take
one by one. It gives each the same probability to the bit (`tests/tasks/test_voice_activity.py`), so
that spans do not depend on how the stream was cut.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from earlet.arrays import FloatArray, Snapshot
from earlet.errors import InputError
from earlet.streaming.blocks import Reblocker
from earlet.streaming.endpointer import Ending, Endpoint, EndpointConfig, Endpointer, Ongoing, Span

# The next windows of a stream: (waveform (n_windows, context + window), state)
#     -> (probability of each, (n_windows,), next state)
Network = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]

MAX_SIZE = 1_000_000  # samples or values; beyond it a manifest is mistaken
# Windows without speech after which the recurrent state begins again, 2 s of Silero's. In steady
# noise it drifts until no voice stands out: of lone words at 10 dB, 15 to 70 % are found then, and
# 96 to 99 % with this (`benchmarks/accuracy/typed.py`). Any number from 0.5 s to 2 s does as well.
MAX_QUIET_WINDOWS = 62
MAX_AT_ONCE = MAX_QUIET_WINDOWS  # windows of one run: more are hardly faster, and are all kept


@dataclass(frozen=True, kw_only=True)
class VadConfig(EndpointConfig):
    """The network, and how its probabilities become segments; a VAD bundle's `streaming`."""

    window_samples: int  # one probability each
    context_samples: int  # of the window before, seen again by the network
    state_shape: tuple[int, ...]  # of the recurrent state

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (1 <= self.window_samples <= MAX_SIZE and 0 <= self.context_samples <= MAX_SIZE):
            raise InputError(
                f"need window_samples of 1 to {MAX_SIZE} and context_samples of 0 to {MAX_SIZE}, "
                f"got {self.window_samples} and {self.context_samples}"
            )
        if min(self.state_shape, default=0) < 1 or math.prod(self.state_shape) > MAX_SIZE:
            raise InputError(
                f"state_shape: expected sizes of 1 or more, at most {MAX_SIZE} values in all, got "
                f"{list(self.state_shape)}"
            )


class SpeechProbability:
    """Windows of samples in, the probability of speech of each out."""

    def __init__(self, config: VadConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._context = np.zeros(config.context_samples, dtype=np.float32)
        self._state = np.zeros(config.state_shape, dtype=np.float32)
        self._n_quiet = 0  # windows since the last with speech, or since the state began

    def push(self, samples: FloatArray) -> FloatArray:
        """The probability of each of the next windows, (n_windows,).

        Args:
            samples: windows one after the other, (n_samples,); a shorter one at the end is filled
                up with silence.
        """
        size = self._config.window_samples
        parts = []
        while len(samples):
            # So many that the state can only begin again after the last of them.
            part = samples[: (MAX_QUIET_WINDOWS - self._n_quiet) * size]
            samples = samples[len(part) :]
            parts.append(self._hear(part))
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)

    def _hear(self, samples: FloatArray) -> FloatArray:
        size, n_context = self._config.window_samples, self._config.context_samples
        n_windows = -(-len(samples) // size)
        missing = np.zeros(n_windows * size - len(samples), dtype=np.float32)
        heard = np.concatenate([self._context, samples, missing])
        # Windows overlap by the context.
        shape, strides = (n_windows, n_context + size), (size * heard.itemsize, heard.itemsize)
        waveform = np.ndarray(shape, heard.dtype, heard, strides=strides)
        probabilities, self._state = self._network(np.ascontiguousarray(waveform), self._state)
        self._context[:] = heard[len(heard) - n_context :]
        for probability in probabilities.tolist():
            self._n_quiet = self._n_quiet + 1 if probability < self._config.neg_threshold else 0
        if self._n_quiet == MAX_QUIET_WINDOWS:
            self._begin()
        return probabilities

    def reset(self) -> None:
        """Begin again, as if silence had gone before."""
        self._context[:] = 0
        self._begin()

    def _begin(self) -> None:
        self._state = np.zeros_like(self._state)
        self._n_quiet = 0

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {
            "context": self._context.copy(),
            "state": self._state.copy(),
            "n_quiet": self._n_quiet,
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._context[:] = snapshot["context"]
        self._state = np.array(snapshot["state"], dtype=np.float32)
        self._n_quiet = int(snapshot["n_quiet"])


class Utterance(NamedTuple):
    """Speech that has ended, with the padding around it."""

    span: Span  # of the samples
    waveform: FloatArray  # (span.end - span.start,)
    speech: Span  # where in the stream the speech itself is
    ending: Ending


class UtteranceStream:
    """Samples in, utterances out: what a recogniser is given of a stream.

    Keeps the samples of the open segment, which is at most max_speech_s long, and of the windows
    that went through the network with its first.
    """

    def __init__(self, config: VadConfig, sample_rate: int, network: Network) -> None:
        self.sample_rate = sample_rate  # Hz
        self._window_samples = config.window_samples
        self._probability = SpeechProbability(config, network)
        self._endpointer = Endpointer(config, config.window_samples, sample_rate)
        self._blocks = Reblocker(config.window_samples)
        self.reset()

    def push(self, samples: FloatArray) -> list[Utterance]:
        """Take any number of samples; return the utterances that they complete, in order."""
        windows = self._blocks.push(samples)
        utterances = []
        for start in range(0, len(windows), MAX_AT_ONCE):
            utterances += self._hear(windows[start : start + MAX_AT_ONCE].ravel())
        return utterances

    def flush(self) -> list[Utterance]:
        """The utterances that the end of the stream completes; then it begins again."""
        utterances = self._hear(self._blocks.flush())
        last = self._endpointer.flush()
        if last is not None:
            utterances.append(self._take(last))
        self.reset()
        return utterances

    @property
    def ongoing(self) -> Ongoing | None:
        """The utterance that is open."""
        return self._endpointer.ongoing

    @property
    def earliest(self) -> int:
        """No utterance still to come, nor its padding, begins before this sample."""
        return self._endpointer.earliest

    def heard(self, span: Span) -> FloatArray:
        """The samples of a part of the open utterance, (n_samples,)."""
        waveform = np.concatenate(self._kept)
        return waveform[span.start - self._kept_from : span.end - self._kept_from]

    def reset(self) -> None:
        """Forget all that was heard; time begins at sample 0 again."""
        self._blocks.reset()
        self._probability.reset()
        self._endpointer.reset()
        self._kept: list[FloatArray] = []
        self._kept_from = 0  # the sample that the first kept block begins with
        self._n_samples = 0

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {
            "blocks": self._blocks.snapshot(),
            "probability": self._probability.snapshot(),
            "endpointer": self._endpointer.snapshot(),
            "kept": [block.copy() for block in self._kept],
            "kept_from": self._kept_from,
            "n_samples": self._n_samples,
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._blocks.restore(snapshot["blocks"])
        self._probability.restore(snapshot["probability"])
        self._endpointer.restore(snapshot["endpointer"])
        self._kept = [np.array(block, dtype=np.float32) for block in snapshot["kept"]]
        self._kept_from = snapshot["kept_from"]
        self._n_samples = snapshot["n_samples"]

    def _hear(self, samples: FloatArray) -> list[Utterance]:
        """The next windows, the last of them perhaps cut short by the end of the stream."""
        self._kept.append(samples.copy())
        utterances = []
        begin, size = self._n_samples, self._window_samples
        for i, probability in enumerate(self._probability.push(samples).tolist(), 1):
            self._n_samples = begin + min(i * size, len(samples))
            endpoint = self._endpointer.push(probability)
            if endpoint is not None:
                utterances.append(self._take(endpoint))
        earliest = self._endpointer.earliest
        while self._kept and self._kept_from + len(self._kept[0]) <= earliest:
            self._kept_from += len(self._kept.pop(0))
        return utterances

    def _take(self, endpoint: Endpoint) -> Utterance:
        span, speech = (
            Span(start, min(end, self._n_samples))
            for start, end in (endpoint.span, endpoint.speech)
        )
        return Utterance(span, self.heard(span), speech, endpoint.ending)
