"""What all but fired, and why it did not: for those who ask why nothing happened.

A stretch of looks in which a label is near its threshold is told once, when it is over, by its best
moment: unless something fired within it, whose beginning or end it was.
"""

from dataclasses import asdict, dataclass

import numpy as np

from earlet.arrays import Snapshot
from earlet.results import Rejection, RejectionReason
from earlet.streaming.spotter import Trigger

NEAR = 0.5  # share of its threshold from which a label is near it
LONGEST_S = 1.0  # of a stretch: it is told then, and another begins
APART_S = 1.0  # from one that is told to the next, at least: noise must not fill a log


@dataclass
class _Stretch:
    """One that goes on."""

    since: int  # its first hop
    hop: int  # of its best moment
    label: str  # that was nearest then
    score: float
    nearness: float
    is_answered: bool  # something fired


class NearMisses:
    """Watches a `Trigger`."""

    def __init__(self, trigger: Trigger, hop_s: float) -> None:
        self._trigger = trigger
        self._longest = round(LONGEST_S / hop_s)  # hops
        self._apart = round(APART_S / hop_s)
        # A label whose threshold is 1 never fires, and so is never near.
        can_fire = trigger.thresholds < 1
        self._per_threshold = np.where(can_fire, 1 / trigger.thresholds, 0).astype(np.float32)
        self.nearness = np.nan  # of the last row: the nearest label's share of its threshold
        self._stretch: _Stretch | None = None
        self._told = -self._apart  # the hop of the last that was told

    def push(self, *, fired: bool) -> Rejection | None:
        """The trigger has got its next row, and fired or not; what is over by now."""
        trigger, stretch = self._trigger, self._stretch
        nearness = trigger.smoothed * self._per_threshold
        best = int(nearness.argmax())
        self.nearness = float(nearness[best])
        if not self.nearness >= NEAR:  # or there is no smoothed row yet
            return self.flush()
        over = None
        # What goes on after an event belongs to it, however long.
        if stretch and not stretch.is_answered and trigger.hop - stretch.since >= self._longest:
            over, stretch = self.flush(), None
        stretch = stretch or _Stretch(trigger.hop, 0, "", 0.0, 0.0, is_answered=False)
        stretch.is_answered = stretch.is_answered or fired
        if self.nearness > stretch.nearness:
            stretch.hop, stretch.nearness = trigger.hop, self.nearness
            stretch.label, stretch.score = trigger.labels[best], float(trigger.smoothed[best])
        self._stretch = stretch
        return over

    def flush(self) -> Rejection | None:
        """What is over because nothing follows."""
        stretch, self._stretch = self._stretch, None
        if stretch is None or stretch.is_answered or stretch.hop < self._told + self._apart:
            return None
        is_deaf = stretch.hop <= self._trigger.deaf_until
        if is_deaf and stretch.nearness < 1:
            return None  # it would not have fired, deaf or not
        self._told = stretch.hop
        reason: RejectionReason = "refractory" if is_deaf else "below threshold"
        return Rejection(stretch.label, stretch.score, *self._trigger.times(stretch.hop), reason)

    def reset(self) -> None:
        """Begin again at time 0."""
        self.nearness = np.nan
        self._stretch = None
        self._told = -self._apart

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {"stretch": self._stretch and asdict(self._stretch), "told": self._told}

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        stretch = snapshot["stretch"]
        self._stretch = stretch and _Stretch(**stretch)
        self._told = snapshot["told"]
