"""Where somebody begins to speak and where they have ended, from probabilities of speech.

    probability of each window -> Endpointer: hysteresis, three rules -> Endpoint

A segment begins where speech is likely, and one of three rules ends it, as in Kaldi
(`online2/online-endpoint.h`) and sherpa-onnx:

    silence         min_silence_ms of it, after min_speech_ms of speech
    long silence    max_silence_ms without certain speech, after anything; what is too short to be
                    speech is dropped only now, so that "No." is kept for what comes after a pause
    length          max_speech_s: cut where speech was least likely

Hysteresis and padding mean what Silero's own `get_speech_timestamps` means by them. So does
min_speech_ms, but that pauses do not count.
"""

from dataclasses import asdict, dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from earlet.arrays import Snapshot
from earlet.errors import InputError

MAX_SPEECH_S = 600.0  # seconds of sound that an open segment may keep in memory
# Seconds around certain speech that belong to it: quiet beginnings and ends of words. With it,
# borders are 0.2 s from where the sound gets loud and 0.25 s from where the files of LibriSpeech
# begin and end, medians in quiet and in noise (tests/tasks/test_speech_recognition.py).
MARGIN_S = 0.2
ROUND_DIGITS = 3  # of times in seconds: a millisecond is finer than any network

Ending = Literal["silence", "long silence", "length", "end of stream"]


@dataclass(frozen=True, kw_only=True)
class EndpointConfig:
    """How probabilities become segments."""

    threshold: float  # at or above: speech begins
    neg_threshold: float  # below: speech may end
    min_speech_ms: int  # what is shorter is dropped
    min_silence_ms: int  # a shorter pause does not end a segment
    speech_pad_ms: int  # added at both ends
    max_speech_s: float = 30.0  # a longer segment is cut where speech was least likely
    max_silence_ms: int | None = None  # None: what is short is dropped after min_silence_ms

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
        longest_ms = self.max_silence_ms
        if longest_ms is not None and not self.min_silence_ms <= longest_ms <= MAX_SPEECH_S * 1000:
            raise InputError(
                f"need max_silence_ms of min_silence_ms, {self.min_silence_ms}, to "
                f"{MAX_SPEECH_S * 1000:g}, got {longest_ms}"
            )


class Span(NamedTuple):
    """A stretch of a stream: its first sample, and the one after the last."""

    start: int
    end: int


def borders(speech: Span, within: Span, sample_rate: int) -> tuple[float, float]:
    """Where speech begins and ends for people to read, in seconds: with a margin, if it is there.

    Args:
        speech: what is certainly speech.
        within: the sound that was heard around it.
        sample_rate: Hz.
    """
    margin = round(MARGIN_S * sample_rate)
    start, end = max(within.start, speech.start - margin), min(within.end, speech.end + margin)
    return round(start / sample_rate, ROUND_DIGITS), round(end / sample_rate, ROUND_DIGITS)


class Endpoint(NamedTuple):
    """A segment that has ended, and by which rule."""

    span: Span  # with the padding: what a recogniser is to hear
    speech: Span  # where the speech itself is
    ending: Ending


class Ongoing(NamedTuple):
    """What is known of a segment that goes on."""

    start: int  # the first sample of the padding before it
    heard: int  # the sample after the last that was heard
    speech: Span  # where the speech itself is, up to the present pause
    is_certain: bool  # it has speech enough not to be dropped
    earliest_cut: int  # the rule of length will not end it before this sample


@dataclass
class _Segment:
    """One that is open: windows are counted from the start of the stream."""

    start: int  # its first window
    silence_since: int | None = None  # the window at which its present pause began
    certain_until: int = 0  # the window after the last that was certainly speech
    n_speech: int = 0  # its windows, pauses left out
    probabilities: list[float] = field(default_factory=list)  # one a window, from `start`
    continues: bool = False  # it is what a cut has left over, and kept however short


class Endpointer:
    """Probabilities in, segments of speech out, as soon as their end is certain."""

    def __init__(self, config: EndpointConfig, window_samples: int, sample_rate: int) -> None:
        """A probability is that of a window of `window_samples`.

        Raises:
            InputError: when max_speech_s has no room for the padding and two windows.
        """
        self._config = config
        self._window = window_samples
        samples_per_ms = sample_rate / 1000
        self._pad = int(config.speech_pad_ms * samples_per_ms)
        self._min_speech = config.min_speech_ms * samples_per_ms  # samples
        self._min_silence = config.min_silence_ms * samples_per_ms
        self._segment: _Segment | None = None
        longest_ms = config.max_silence_ms
        self._max_silence = None if longest_ms is None else longest_ms * samples_per_ms
        # Both paddings count, so that a segment with them is still no longer than allowed.
        self._max_windows = int((config.max_speech_s * sample_rate - 2 * self._pad) // self._window)
        if self._max_windows < 2:  # a cut needs a half to look for its place in
            raise InputError(
                f"need max_speech_s with room for {config.speech_pad_ms} ms of padding at both "
                f"ends and two windows of {window_samples} samples, got {config.max_speech_s:g}"
            )
        self.reset()

    def push(self, probability: float) -> Endpoint | None:
        """The next window's probability; the segment that it ends, if it ends one."""
        at = self._n_windows
        self._n_windows += 1
        if self._segment is None:
            if probability < self._config.threshold:
                return None
            self._segment = _Segment(start=at)
        segment = self._segment
        segment.probabilities.append(probability)
        if probability >= self._config.threshold:
            segment.silence_since = None
            segment.certain_until = at + 1
        elif probability < self._config.neg_threshold and segment.silence_since is None:
            segment.silence_since = at
        segment.n_speech += segment.silence_since is None
        if ending := self._ending(segment):
            return self._close(segment, ending)
        if len(segment.probabilities) >= self._max_windows:
            return self._cut(segment)
        return None

    def flush(self) -> Endpoint | None:
        """The segment that the end of the stream ends, if one is open."""
        if self._segment is None:
            return None
        return self._close(self._segment, "end of stream")

    @property
    def ongoing(self) -> Ongoing | None:
        """The segment that is open."""
        segment = self._segment
        if segment is None:
            return None
        start, since = segment.start * self._window, segment.silence_since
        heard = self._n_windows * self._window
        return Ongoing(
            start=max(self._floor, start - self._pad),
            heard=heard,
            speech=Span(start, heard if since is None else since * self._window),
            is_certain=self._is_certain(segment),
            earliest_cut=start + self._max_windows // 2 * self._window,
        )

    @property
    def earliest(self) -> int:
        """No segment still to come, nor its padding, begins before this sample."""
        first = self._n_windows if self._segment is None else self._segment.start
        return max(self._floor, first * self._window - self._pad)

    def reset(self) -> None:
        """Begin again at sample 0."""
        self._n_windows = 0
        self._segment = None
        self._floor = 0  # where the last segment ended: the next may not reach before it

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        segment = None if self._segment is None else asdict(self._segment)
        return {"segment": segment, "n_windows": self._n_windows, "floor": self._floor}

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        segment = snapshot["segment"]
        self._segment = None
        if segment is not None:
            self._segment = _Segment(**{**segment, "probabilities": [*segment["probabilities"]]})
        self._n_windows = snapshot["n_windows"]
        self._floor = snapshot["floor"]

    def _ending(self, segment: _Segment) -> Ending | None:
        """Which of the two rules of silence ends the segment now."""
        since = segment.silence_since
        pause = 0 if since is None else (self._n_windows - since) * self._window
        doubt = (self._n_windows - segment.certain_until) * self._window
        waits = self._max_silence is not None and not self._is_certain(segment)
        if since is not None and pause >= self._min_silence and not waits:
            return "silence"
        if self._max_silence is not None and doubt >= self._max_silence:
            return "long silence"
        return None

    def _is_certain(self, segment: _Segment) -> bool:
        return segment.continues or segment.n_speech * self._window >= self._min_speech

    def _close(self, segment: _Segment, ending: Ending) -> Endpoint | None:
        self._segment = None
        if not self._is_certain(segment):
            return None
        since = segment.silence_since
        end = self._n_windows if since is None else since
        return self._endpoint(segment, end, self._pad, ending)

    def _cut(self, segment: _Segment) -> Endpoint:
        """End a segment that is too long at the least likely speech of its second half."""
        half = self._max_windows // 2
        quietest = half + int(np.argmin(segment.probabilities[half:]))
        at = segment.start + quietest
        since = segment.silence_since
        self._segment = None
        if since is None or since > at:  # else it was cut in its last pause, and no speech is left
            self._segment = _Segment(
                start=at,
                silence_since=since,
                certain_until=max(at, segment.certain_until),
                probabilities=segment.probabilities[quietest:],
                continues=True,
            )
        return self._endpoint(segment, at, 0, "length")

    def _endpoint(self, segment: _Segment, end: int, padding: int, ending: Ending) -> Endpoint:
        speech = Span(segment.start * self._window, end * self._window)
        span = Span(max(self._floor, speech.start - self._pad), speech.end + padding)
        self._floor = span.end
        return Endpoint(span, speech, ending)
