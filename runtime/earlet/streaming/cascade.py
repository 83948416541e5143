"""The spotter with what saves it work, and what keeps it from being wrong.

    samples -> hops -> Gate (`gate.py`): is there anything to look at?
            -> PosteriorStream, Trigger, NearMisses (`spotter.py`, `near_misses.py`)
            -> the second stage, where there is one: was it really said? -> Detection, Rejection

Each stage sleeps until the one before wakes it. Nothing that sleeps has missed anything: samples
are kept, and looked at when it wakes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple, Protocol

import numpy as np

from earlet.arrays import FloatArray, Snapshot
from earlet.results import Detection, Rejection, RejectionReason
from earlet.streaming.blocks import Reblocker, Recent
from earlet.streaming.near_misses import NearMisses
from earlet.streaming.spotter import ConfirmWindow, SpotterConfig, Trigger

FAR = 0.05  # share of its threshold below which a label is far from being heard
MAX_STRIDE = 4  # hops from one look to the next: beyond it words fall between


class Gate(Protocol):
    """Tells whether a spotter is to look."""

    def push(self, hop: FloatArray, /) -> bool:
        """Take the next hop, (hop_length,)."""

    def reset(self) -> None:
        """Begin again, as if silence had gone before."""

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""

    def restore(self, snapshot: Snapshot, /) -> None:
        """Go on from there."""


class Posteriors(Protocol):
    """Hops in, a row of posteriors out where it is asked for: a `PosteriorStream`."""

    hop_length: int  # samples
    sample_rate: int  # Hz

    def hear(self, hop: FloatArray, /) -> None:
        """Take the next hop, (hop_length,)."""

    def look(self) -> FloatArray:
        """The posteriors at its end, (n_labels,)."""

    def reset(self) -> None:
        """Begin again, as if silence had gone before."""

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""

    def restore(self, snapshot: Snapshot, /) -> None:
        """Go on from there."""


class SecondStage(NamedTuple):
    """Who is asked about what the spotter believes to have heard."""

    window: ConfirmWindow
    score: Callable[[str, FloatArray], float]  # (label, the sound around it) -> its score


@dataclass
class Work:
    """What was done so far: where the time goes."""

    hops: int = 0  # that a spotter was given
    looks: int = 0  # at how many of them it looked
    windows: int = 0  # of voice activity
    confirmations: int = 0  # second stage
    utterances: int = 0  # that a recogniser was given


class TraceRow(NamedTuple):
    """What a spotter made of a hop."""

    at: int  # the sample after the hop
    posteriors: FloatArray  # (n_labels,) of those that can fire; nan where it did not look
    smoothed: FloatArray  # what is compared with the thresholds; nan until there are enough
    is_open: bool  # the gate
    deaf_until: int  # the sample until which nothing is an event


@dataclass(frozen=True)
class _Asked:
    """An event that waits for the sound after it, and then for the second stage."""

    label: str
    score: float
    start_s: float
    end_s: float
    hop: int  # at the end of which it fired

    def rejected(self, because: RejectionReason, confirmation: float | None = None) -> Rejection:
        return Rejection(self.label, self.score, self.start_s, self.end_s, because, confirmation)


class Spotter:
    """Samples in, detected commands out, and what all but was one."""

    def __init__(
        self,
        config: SpotterConfig,
        labels: Sequence[str],
        posteriors: Posteriors,
        *,
        gate: Gate | None = None,
        second: SecondStage | None = None,
        refractory_ms: Mapping[str, int] | None = None,
        work: Work | None = None,
    ) -> None:
        """
        Args:
            config: whose thresholds are those in force, with a second stage or without.
            labels: of the columns of `posteriors`.
            posteriors: of the hops that it is given.
            gate: None looks at every hop.
            second: None believes what the spotter hears.
            refractory_ms: of labels that have one of their own.
            work: what was done is added to it.

        Raises:
            InputError: for the threshold of an unknown label.
        """
        self.config = config
        self._posteriors = posteriors
        self.sample_rate = posteriors.sample_rate
        self.hop_length = posteriors.hop_length
        hop_s = self.hop_length / self.sample_rate
        self.trigger = Trigger(
            config, labels, hop_s, refractory_ms=refractory_ms, is_final=second is None
        )
        self._columns = [labels.index(label) for label in self.trigger.labels]
        self._near = NearMisses(self.trigger, hop_s)
        self._blocks = Reblocker(self.hop_length)
        self._gate = gate
        self._second = second
        if second is not None:
            self._before = second.window.before_ms * self.sample_rate // 1000
            after = second.window.after_ms * self.sample_rate // 1000
            # In hops. One at least, for the stage is asked when the next hop comes.
            self._wait = max(1, -(-after // self.hop_length))
            self._after = after
            self._recent = Recent(self._before + self._wait * self.hop_length)
        self.work = Work() if work is None else work
        self.trace: Callable[[TraceRow], None] | None = None
        self._hop = 0
        self._is_awake = True
        self._asked: list[_Asked] = []

    @property
    def stride(self) -> int:
        """Hops from one look to the next, 1 to MAX_STRIDE."""
        return self.trigger.stride

    @stride.setter
    def stride(self, hops: int) -> None:
        self.trigger.stride = hops

    @property
    def is_hearing(self) -> bool:
        """Whether something is heard that may become an event: the gate is open and a label near,
        or the second stage is waited for."""
        # Not "at least FAR": before the first row nothing is known, and nearness is nan.
        is_near = self._is_awake and not self._near.nearness < FAR
        return is_near or bool(self._asked)

    def push(self, samples: FloatArray) -> list[Detection | Rejection]:
        """Take any number of samples; return what they complete, in order."""
        return [event for hop in self._blocks.push(samples) for event in self.hear(hop)]

    def hear(self, hop: FloatArray, *, look: bool = True) -> list[Detection | Rejection]:
        """Take the next hop, (hop_length,); what it completes. Without `look` nothing new fires."""
        self._hop += 1
        self.work.hops += 1
        self._posteriors.hear(hop)
        events: list[Detection | Rejection] = []
        if self._second is not None:
            self._recent.push(hop)
            while self._asked and self._hop - self._asked[0].hop >= self._wait:
                events += self._decide(self._second)
        is_open = self._gate is None or self._gate.push(hop)
        if not (is_open and look):
            events += self._sleep()
            self._tell(None, is_open=is_open)
        elif not self._is_awake or self._hop - self.trigger.hop >= self.trigger.stride:
            self._is_awake = True
            events += self._look()
        else:
            self._tell(None, is_open=True)
        return events

    def flush(self) -> list[Detection | Rejection]:
        """What the end of the stream completes; then it begins again."""
        events = self._sleep()
        while self._second is not None and self._asked:
            events += self._decide(self._second)
        self.reset()
        return events

    def reset(self) -> None:
        """Forget all that was heard; time begins at 0 again."""
        self._blocks.reset()
        self._posteriors.reset()
        self.trigger.reset()
        self._near.reset()
        if self._gate is not None:
            self._gate.reset()
        if self._second is not None:
            self._recent.reset()
        self._hop = 0
        self._is_awake = True
        self._asked = []

    def snapshot(self) -> Snapshot:
        """All that `restore` needs, but the stride."""
        return {
            "blocks": self._blocks.snapshot(),
            "posteriors": self._posteriors.snapshot(),
            "trigger": self.trigger.snapshot(),
            "near": self._near.snapshot(),
            "gate": None if self._gate is None else self._gate.snapshot(),
            "recent": None if self._second is None else self._recent.snapshot(),
            "hop": self._hop,
            "is_awake": self._is_awake,
            "asked": [asdict(asked) for asked in self._asked],
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._blocks.restore(snapshot["blocks"])
        self._posteriors.restore(snapshot["posteriors"])
        self.trigger.restore(snapshot["trigger"])
        self._near.restore(snapshot["near"])
        if self._gate is not None:
            self._gate.restore(snapshot["gate"])
        if self._second is not None:
            self._recent.restore(snapshot["recent"])
        self._hop = snapshot["hop"]
        self._is_awake = snapshot["is_awake"]
        self._asked = [_Asked(**asked) for asked in snapshot["asked"]]

    def _look(self) -> list[Detection | Rejection]:
        self.work.looks += 1
        posteriors = self._posteriors.look()
        fired = self.trigger.push(posteriors, self._hop - self.trigger.hop)
        events: list[Detection | Rejection] = []
        if near := self._near.push(fired=fired is not None):
            events.append(near)
        if fired is not None and self._second is not None:
            asked = (fired.label, fired.score, fired.start_s, fired.end_s)
            self._asked.append(_Asked(*asked, hop=self._hop))
        elif fired is not None:
            events.append(fired)
        self._tell(posteriors, is_open=True)
        return events

    def _sleep(self) -> list[Detection | Rejection]:
        if not self._is_awake:
            return []
        self._is_awake = False
        near = self._near.flush()
        self.trigger.pause()
        return [] if near is None else [near]

    def _decide(self, second: SecondStage) -> list[Detection | Rejection]:
        """Whether the event that waits longest is one. Where it is, others that wait are none."""
        asked = self._asked.pop(0)
        since = (self._hop - asked.hop) * self.hop_length
        sound = self._recent.last(self._before + since)[: self._before + self._after]
        self.work.confirmations += 1
        confirmation = second.score(asked.label, sound)
        if confirmation < second.window.score:
            return [asked.rejected("not confirmed", confirmation)]
        self.trigger.settle(asked.label, asked.hop)
        late = [other for other in self._asked if other.hop <= self.trigger.deaf_until]
        self._asked = [other for other in self._asked if other.hop > self.trigger.deaf_until]
        heard = Detection(asked.label, asked.score, asked.start_s, asked.end_s, confirmation)
        return [heard, *(other.rejected("refractory") for other in late)]

    def _tell(self, posteriors: FloatArray | None, *, is_open: bool) -> None:
        if self.trace is None:
            return
        unknown = np.full(len(self._columns), np.nan, dtype=np.float32)
        self.trace(
            TraceRow(
                self._hop * self.hop_length,
                unknown if posteriors is None else posteriors[self._columns],
                unknown if posteriors is None else self.trigger.smoothed,
                is_open,
                self.trigger.deaf_until * self.hop_length,
            )
        )
