"""Voice activity: which parts of a stream are speech.

    window -> SpeechProbability: its probability of speech (Silero VAD, recurrent)
            -> Segmenter: hysteresis, minimum speech and silence, longest segment -> spans
            -> UtteranceStream: the samples of each span

Like the spotter, everything runs window by window, so that spans do not depend on how the stream
was cut. Hysteresis, minimum lengths and padding mean what Silero's own `get_speech_timestamps`
means by them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.streaming.blocks import Reblocker

# (waveform (1, context + window), state) -> (probability, next state)
Network = Callable[[FloatArray, FloatArray], tuple[float, FloatArray]]

MAX_SPEECH_S = 600.0  # seconds of sound that an open segment may keep in memory
MAX_SIZE = 1_000_000  # samples or values; beyond it a manifest is mistaken


@dataclass(frozen=True, kw_only=True)
class VadConfig:
    """How probabilities become segments; the `streaming` section of a VAD bundle."""

    window_samples: int  # one probability each
    context_samples: int  # of the window before, seen again by the network
    state_shape: tuple[int, ...]  # of the recurrent state
    threshold: float  # at or above: speech begins
    neg_threshold: float  # below: speech may end
    min_speech_ms: int  # what is shorter is dropped
    min_silence_ms: int  # a shorter pause does not end a segment
    speech_pad_ms: int  # added at both ends
    max_speech_s: float = 30.0  # a longer segment is cut where speech was least likely

    def __post_init__(self) -> None:
        if not 0 < self.neg_threshold <= self.threshold < 1:
            raise InputError(
                "need 0 < neg_threshold <= threshold < 1, got "
                f"{self.neg_threshold:g} and {self.threshold:g}"
            )
        if not 0 <= 2 * self.speech_pad_ms <= self.min_silence_ms:
            raise InputError(
                "need 2 * speech_pad_ms <= min_silence_ms, so that segments do not overlap, got "
                f"{self.speech_pad_ms} and {self.min_silence_ms}"
            )
        if not 1 <= self.max_speech_s <= MAX_SPEECH_S:
            raise InputError(
                f"need max_speech_s of 1 to {MAX_SPEECH_S:g}, got {self.max_speech_s:g}"
            )
        for name in ("min_speech_ms", "min_silence_ms"):
            if not 0 <= getattr(self, name) <= MAX_SPEECH_S * 1000:
                raise InputError(
                    f"need {name} of 0 to {MAX_SPEECH_S * 1000:g}, got {getattr(self, name)}"
                )
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


class Span(NamedTuple):
    """Where speech is: the first sample, and the one after the last."""

    start: int
    end: int


class SpeechProbability:
    """One window of samples in, its probability of speech out."""

    def __init__(self, config: VadConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._context = np.zeros(config.context_samples, dtype=np.float32)
        self._state = np.zeros(config.state_shape, dtype=np.float32)

    def push(self, window: FloatArray) -> float:
        """The next (window_samples,); a shorter last one is filled up with silence."""
        missing = self._config.window_samples - len(window)
        waveform = np.concatenate([self._context, window, np.zeros(missing, dtype=np.float32)])
        probability, self._state = self._network(waveform[None], self._state)
        self._context[:] = waveform[len(waveform) - self._config.context_samples :]
        return probability

    def reset(self) -> None:
        """Begin again, as if silence had gone before."""
        self._context[:] = 0
        self._state = np.zeros_like(self._state)


@dataclass
class _Open:
    """A segment that has begun: windows are counted from the start of the stream."""

    start: int  # its first window
    silence_since: int | None = None  # the window at which its present pause began
    probabilities: list[float] = field(default_factory=list)  # one a window, from `start`
    continues: bool = False  # it is what a cut has left over, and kept however short


class Segmenter:
    """Probabilities in, spans of speech out, as soon as their end is certain."""

    def __init__(self, config: VadConfig, sample_rate: int) -> None:
        self._config = config
        self._window = config.window_samples
        samples_per_ms = sample_rate / 1000
        self._pad = int(config.speech_pad_ms * samples_per_ms)
        self._min_speech = config.min_speech_ms * samples_per_ms  # samples
        self._min_silence = config.min_silence_ms * samples_per_ms
        self._open: _Open | None = None
        # Both paddings count, so that a segment with them is still no longer than allowed.
        self._max_windows = int((config.max_speech_s * sample_rate - 2 * self._pad) // self._window)
        self.reset()

    def push(self, probability: float) -> Span | None:
        """The next window's probability; the segment that it ends, if it ends one."""
        at = self._n_windows
        self._n_windows += 1
        if self._open is None:
            if probability < self._config.threshold:
                return None
            self._open = _Open(start=at)
        segment = self._open
        segment.probabilities.append(probability)
        if probability >= self._config.threshold:
            segment.silence_since = None
        elif probability < self._config.neg_threshold and segment.silence_since is None:
            segment.silence_since = at
        since = segment.silence_since
        if since is not None and (at + 1 - since) * self._window >= self._min_silence:
            return self._close(segment, since)
        if len(segment.probabilities) >= self._max_windows:
            return self._cut(segment)
        return None

    def flush(self) -> Span | None:
        """The segment that the end of the stream ends, if one is open."""
        if self._open is None:
            return None
        end = self._open.silence_since
        return self._close(self._open, self._n_windows if end is None else end)

    @property
    def earliest(self) -> int:
        """No span still to come begins before this sample."""
        first = self._n_windows if self._open is None else self._open.start
        return max(self._floor, first * self._window - self._pad)

    def reset(self) -> None:
        """Begin again at sample 0."""
        self._n_windows = 0
        self._open = None
        self._floor = 0  # where the last cut segment ended: the next may not reach before it

    def _close(self, segment: _Open, end: int) -> Span | None:
        self._open = None
        if (end - segment.start) * self._window < self._min_speech and not segment.continues:
            return None
        return self._span(segment, end * self._window + self._pad)

    def _cut(self, segment: _Open) -> Span:
        """End a segment that is too long at the least likely speech of its second half."""
        half = len(segment.probabilities) // 2
        quietest = half + int(np.argmin(segment.probabilities[half:]))
        at = segment.start + quietest
        since = None if segment.silence_since is None else max(at, segment.silence_since)
        self._open = _Open(at, since, segment.probabilities[quietest:], continues=True)
        return self._span(segment, at * self._window)

    def _span(self, segment: _Open, end: int) -> Span:
        span = Span(max(self._floor, segment.start * self._window - self._pad), end)
        self._floor = end
        return span


class Utterance(NamedTuple):
    """A span of speech with its samples, (end - start,)."""

    span: Span
    waveform: FloatArray


class UtteranceStream:
    """Samples in, utterances out: what a recogniser is given of a stream.

    Keeps the samples of the open segment only, which is at most max_speech_s long.
    """

    def __init__(self, config: VadConfig, sample_rate: int, network: Network) -> None:
        self._probability = SpeechProbability(config, network)
        self._segmenter = Segmenter(config, sample_rate)
        self._blocks = Reblocker(config.window_samples)
        self.reset()

    def push(self, samples: FloatArray) -> list[Utterance]:
        """Take any number of samples; return the utterances that they complete, in order."""
        utterances = []
        for window in self._blocks.push(samples):
            span = self._look(window)
            if span is not None:
                utterances.append(self._take(span))
            self._forget()
        return utterances

    def flush(self) -> list[Utterance]:
        """The utterances that the end of the stream completes; then it begins again."""
        rest = self._blocks.flush()
        spans = [self._look(rest)] if len(rest) else []
        spans.append(self._segmenter.flush())
        utterances = [self._take(span) for span in spans if span is not None]
        self.reset()
        return utterances

    def reset(self) -> None:
        """Forget all that was heard; time begins at sample 0 again."""
        self._blocks.reset()
        self._probability.reset()
        self._segmenter.reset()
        self._kept: list[FloatArray] = []
        self._kept_from = 0  # the sample that the first kept block begins with
        self._n_samples = 0

    def _look(self, window: FloatArray) -> Span | None:
        self._kept.append(window.copy())
        self._n_samples += len(window)
        return self._segmenter.push(self._probability.push(window))

    def _forget(self) -> None:
        earliest = self._segmenter.earliest
        while self._kept and self._kept_from + len(self._kept[0]) <= earliest:
            self._kept_from += len(self._kept.pop(0))

    def _take(self, span: Span) -> Utterance:
        span = Span(span.start, min(span.end, self._n_samples))
        waveform = np.concatenate(self._kept)
        return Utterance(span, waveform[span.start - self._kept_from : span.end - self._kept_from])
