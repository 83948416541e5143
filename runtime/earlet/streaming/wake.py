"""After a command that wakes, what is said next: a typed command, or any text.

    samples -> Spotter -> Detection of a label that wakes
            -> from the end of that word on: what follows (`commands.py`, `partials.py`)

While that is listened to, the spotter sleeps: words of a sentence are no commands.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np

from earlet.arrays import FloatArray, Snapshot
from earlet.results import Chunk, Detection, Event, Partial, shifted
from earlet.streaming.blocks import Reblocker, Recent
from earlet.streaming.cascade import Spotter
from earlet.streaming.endpointer import MARGIN_S

RECENT_S = 2.0  # seconds of sound that are kept: a second stage may wake as late as that
# Who speaks on without a pause has begun before the spotter fires. What follows begins at the
# quietest moment of the LAG_S before it: at a threshold of 0.65, commands-en 1.1.0 fires 0.05 to
# 0.33 s after the end of a word in nine of ten cases, 0.19 s in the median.
LAG_S = 0.3
TAIL_S = 0.15  # seconds after the fire: speech that is over by then was that word
FRAME_S = 0.02  # of sound whose loudness is compared, and
SMOOTHED = 3  # so many of them averaged, so that no zero crossing counts as quiet


class Follower(Protocol):
    """What is listened with once somebody is awake."""

    @property
    def is_hearing(self) -> bool:
        """Whether somebody speaks."""

    def push(self, samples: FloatArray, /) -> Sequence[Event]:
        """Take any number of samples; return what they complete, in order."""

    def flush(self) -> Sequence[Event]:
        """What the end of the stream completes; then it begins again."""

    def reset(self) -> None:
        """Forget all that was heard; time begins at sample 0 again."""

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""

    def restore(self, snapshot: Snapshot, /) -> None:
        """Go on from there."""


class WakeStream:
    """Samples in; detections, and what is said after those that wake, out."""

    def __init__(
        self, spotter: Spotter, follower: Follower, labels: Collection[str], within_s: float
    ) -> None:
        """After one of `labels`, the next utterance is heard if it begins `within_s`."""
        self._spotter = spotter
        self._follower = follower
        self._labels = labels
        self._rate = spotter.sample_rate
        self._within = round(within_s * self._rate)
        self._blocks = Reblocker(spotter.hop_length)
        n_hops = -(-round(RECENT_S * self._rate) // spotter.hop_length)
        self._recent = Recent(n_hops * spotter.hop_length)
        self._n_samples = 0
        self._woken_at: int | None = None  # the sample at which the word was heard
        self._follows_from = 0  # the sample that is the follower's first

    @property
    def is_hearing(self) -> bool:
        """Whether the spotter hears something, or it is waited for what follows."""
        return self._woken_at is not None or self._spotter.is_hearing

    def push(self, samples: FloatArray) -> list[Event]:
        """Take any number of samples; return what they complete, in order."""
        return [event for hop in self._blocks.push(samples) for event in self._hear(hop)]

    def flush(self) -> list[Event]:
        """What the end of the stream completes; then it begins again."""
        events: list[Event] = [*self._spotter.flush()]
        if self._woken_at is not None:
            events += self._answers(self._follower.flush(), self._woken_at)
        self.reset()
        return events

    def reset(self) -> None:
        """Forget all that was heard; time begins at sample 0 again."""
        self._spotter.reset()
        self._follower.reset()
        self._blocks.reset()
        self._recent.reset()
        self._n_samples = 0
        self._woken_at = None
        self._follows_from = 0

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {
            "spotter": self._spotter.snapshot(),
            "follower": self._follower.snapshot(),
            "blocks": self._blocks.snapshot(),
            "recent": self._recent.snapshot(),
            "n_samples": self._n_samples,
            "woken_at": self._woken_at,
            "follows_from": self._follows_from,
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._spotter.restore(snapshot["spotter"])
        self._follower.restore(snapshot["follower"])
        self._blocks.restore(snapshot["blocks"])
        self._recent.restore(snapshot["recent"])
        self._n_samples = snapshot["n_samples"]
        self._woken_at = snapshot["woken_at"]
        self._follows_from = snapshot["follows_from"]

    def _hear(self, hop: FloatArray) -> list[Event]:
        self._recent.push(hop)
        self._n_samples += len(hop)
        woken_at = self._woken_at
        events: list[Event] = [*self._spotter.hear(hop, look=woken_at is None)]
        if woken_at is not None:
            return events + self._follow(hop, woken_at)
        for event in events:
            if isinstance(event, Detection) and event.label in self._labels:
                return events + self._wake(round(event.end_s * self._rate))
        return events

    def _wake(self, at: int) -> list[Event]:
        """A word was heard that wakes; what was said since may be an answer already."""
        n_since = self._n_samples - at
        n_looked_at = min(n_since + round(LAG_S * self._rate), self._recent.n_samples)
        sound = self._recent.last(n_looked_at)
        before = sound[: max(0, n_looked_at - n_since)]
        begin = _quietest(before, round(FRAME_S * self._rate))
        self._woken_at = at
        self._follows_from = self._n_samples - n_looked_at + begin
        return self._follow(sound[begin:], at)

    def _follow(self, samples: FloatArray, woken_at: int) -> list[Event]:
        events = self._answers(self._follower.push(samples), woken_at)
        is_answered = any(not isinstance(event, Partial) for event in events)
        is_over = self._n_samples - woken_at > self._within and not self._follower.is_hearing
        if is_answered or is_over:
            self._woken_at = None
            self._follower.reset()
        return events

    def _answers(self, events: Sequence[Event], woken_at: int) -> list[Event]:
        """Without what is the end of the word that woke."""
        moved = [shifted(event, self._follows_from / self._rate) for event in events]
        tail_s = woken_at / self._rate + TAIL_S + MARGIN_S  # which the times of events have on top
        return [event for event in moved if _end_s(event) > tail_s]


def _end_s(event: Event) -> float:
    return event.timestamp[1] if isinstance(event, Chunk | Partial) else event.end_s


def _quietest(sound: FloatArray, n_frame: int) -> int:
    """The sample with which the quietest part of (n_samples,) begins."""
    n_frames = len(sound) // n_frame
    if n_frames < SMOOTHED:
        return 0
    frames = sound[: n_frames * n_frame].reshape(n_frames, n_frame)
    power = np.convolve(np.square(frames).sum(axis=1), np.ones(SMOOTHED), mode="valid")
    return int(power.argmin()) * n_frame
