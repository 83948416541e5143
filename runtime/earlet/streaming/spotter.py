"""Spotting commands in a stream: the parts that `cascade.py` puts together.

    samples -> PosteriorStream: label posteriors at the end of any hop that is asked for
            -> Trigger: smoothing, thresholds, refractory time -> Detection
            -> NearMisses: what all but fired -> Rejection

Samples are cut into hops before anything else happens to them, and every hop goes through arrays
of the same shapes: so the posteriors, and with them the events, are bit for bit the same for any
chunking of the stream. Time is counted in samples.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from earlet.arrays import FloatArray, Snapshot
from earlet.decoding.classify import softmax
from earlet.errors import InputError
from earlet.features import Features
from earlet.results import Detection
from earlet.streaming.blocks import Reblocker

Network = Callable[[FloatArray], FloatArray]  # (n_frames, n_features) -> logits (n_labels,)
MAX_LENGTH = 10_000  # of a window in frames, a hop in ms; beyond it a manifest is mistaken
EPSILON = 1e-7  # posteriors are kept this far from 0 and 1 where their logit is taken


@dataclass(frozen=True, kw_only=True)
class ConfirmWindow:
    """How a second stage decides about what the spotter believes to have heard."""

    threshold: float  # posterior of every label: lower than alone
    score: float  # the least that confirms: a difference of log-probabilities
    before_ms: int  # of sound before the end of the event that is looked at
    after_ms: int  # and after it: so long the event is delayed

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"threshold: expected above 0 and below 1, got {self.threshold:g}")
        for name in ("before_ms", "after_ms"):
            if not 0 <= getattr(self, name) <= MAX_LENGTH:
                raise InputError(f"{name}: expected 0 to {MAX_LENGTH}, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class SpotterConfig:
    """How a stream becomes events; the bundle's `streaming` section."""

    window_frames: int  # what the network sees at once
    hop_ms: int  # from one look to the next
    smoothing: int  # posteriors averaged
    refractory_ms: int  # silence of the detector after an event
    event_ms: int  # how far before its detection a command is said to start
    thresholds: Mapping[str, float]  # posterior, for each label that can fire; 1 never does
    confirm: ConfirmWindow | None = None  # where a second stage can be asked

    def __post_init__(self) -> None:
        for name in ("window_frames", "hop_ms", "smoothing"):
            if not 1 <= getattr(self, name) <= MAX_LENGTH:
                raise InputError(f"{name}: expected 1 to {MAX_LENGTH}, got {getattr(self, name)}")
        for name in ("refractory_ms", "event_ms"):
            if getattr(self, name) < 0:
                raise InputError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if not self.thresholds:
            raise InputError("thresholds: expected one or more labels that can fire, got none")
        for label, threshold in self.thresholds.items():
            if not 0 < threshold <= 1:
                raise InputError(
                    f"thresholds.{label}: expected above 0 and at most 1, got {threshold:g}"
                )


class PosteriorStream:
    """Samples in, rows of posteriors (n_labels,) out: one a hop, or where it is asked to look.

    Features are made of no hop before a look needs them, and of no more than a window of hops: so
    listening costs next to nothing without looking. What a look gives does not depend on whether
    there were others before. The stream begins as if silence had gone before, so the first row
    comes after the first hop.
    """

    def __init__(self, config: SpotterConfig, features: Features, network: Network) -> None:
        hop, remainder = divmod(config.hop_ms * features.sample_rate, 1000)
        frames, odd = divmod(hop, features.hop_length)
        if remainder or odd or not 0 < frames <= config.window_frames:
            raise InputError(
                f"hop_ms {config.hop_ms} is not a whole number of frames "
                f"({features.hop_length} samples at {features.sample_rate} Hz) within the window"
            )
        self.hop_length = hop  # samples
        self.sample_rate = features.sample_rate  # Hz
        self._frames_per_hop = frames
        self._hops_per_window = -(-config.window_frames // frames)
        self._overlap = features.win_length - features.hop_length  # samples of the frames before
        self._blocks = Reblocker(hop)
        self._features = features
        self._network = network
        self._window_frames = config.window_frames
        self.reset()

    def push(self, samples: FloatArray) -> list[FloatArray]:
        """Take any number of samples; return the posteriors of the hops that they complete."""
        rows = []
        for block in self._blocks.push(samples):
            self.hear(block)
            rows.append(self.look())
        return rows

    def hear(self, hop: FloatArray) -> None:
        """Take the next hop, (hop_length,), without looking at it."""
        self._unseen.append(hop.copy())
        if len(self._unseen) > self._hops_per_window:
            self._pass_over(self._unseen.popleft())
            self._is_broken = True

    def look(self) -> FloatArray:
        """The posteriors at the end of the last hop, (n_labels,)."""
        if self._is_broken:
            self._stream.reset()
            self._stream.push(self._lead)
            self._is_broken = False
        keep = len(self._window) - self._frames_per_hop
        for hop in self._unseen:
            new = self._stream.push(hop)
            self._window[:keep] = self._window[self._frames_per_hop :]
            self._window[keep:] = new
            self._pass_over(hop)
        self._unseen.clear()
        return softmax(self._network(self._window))

    def reset(self) -> None:
        """Begin again, as if silence had gone before."""
        self._blocks.reset()
        self._stream = self._features.stream()
        # Just the samples of a window's frames: each hop completes its own frames from then on.
        lead = (self._window_frames - 1) * self._features.hop_length + self._features.win_length
        self._window = self._stream.push(np.zeros(lead, dtype=np.float32))
        if self._window.shape != (self._window_frames, self._features.n_features):
            raise InputError("a spotter needs frames without padding: fbank or mfcc features")
        self._lead = np.zeros(self._overlap, dtype=np.float32)  # before the hops that are unseen
        self._unseen: deque[FloatArray] = deque()
        self._is_broken = False  # hops were left out: the stream of features is to begin anew

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {
            "blocks": self._blocks.snapshot(),
            "window": self._window.copy(),
            "lead": self._lead.copy(),
            "unseen": [hop.copy() for hop in self._unseen],
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._blocks.restore(snapshot["blocks"])
        self._window = np.array(snapshot["window"], dtype=np.float32)
        self._lead = np.array(snapshot["lead"], dtype=np.float32)
        self._unseen = deque(np.array(hop, dtype=np.float32) for hop in snapshot["unseen"])
        self._is_broken = True

    def _pass_over(self, hop: FloatArray) -> None:
        heard = np.concatenate([self._lead, hop])
        self._lead = heard[len(heard) - self._overlap :]


class Trigger:
    """Posteriors in, at most one event a row out."""

    def __init__(
        self,
        config: SpotterConfig,
        labels: Sequence[str],
        hop_s: float,
        *,
        refractory_ms: Mapping[str, int] | None = None,
        is_final: bool = True,
    ) -> None:
        """`refractory_ms` is that of labels that have one of their own. Where an event is not
        `is_final`, nobody is deaf after it until it is confirmed (`settle`)."""
        for label in config.thresholds:
            if label not in labels:
                raise InputError(f"thresholds: {label!r} is not a label ({', '.join(labels)})")
        self.labels = list(config.thresholds)
        self._columns = np.array([labels.index(label) for label in self.labels], dtype=np.intp)
        self.thresholds = np.array(list(config.thresholds.values()), dtype=np.float32)
        self._threshold_logits = np.where(self.thresholds < 1, _logit(self.thresholds), np.inf)
        self._config = config
        self._hop_s = hop_s
        own = refractory_ms or {}
        times = [own.get(label, config.refractory_ms) for label in self.labels]
        self._refractory = [-(-ms // config.hop_ms) for ms in times]  # hops
        self._is_final = is_final
        self.stride = 1  # hops from one row to the next: the more, the fewer rows are smoothed over
        self.hop = 0  # of the last row, counted from 1
        self.deaf_until = 0  # the last hop of the refractory time
        self.smoothed: FloatArray  # of the last row; nan until there are enough
        # An event that turned out to be none leaves the others be. Its own label is not asked about
        # again before it has fallen below its threshold, or its refractory time is over.
        self._spent_until: npt.NDArray[np.int64]
        self.reset()

    def push(self, posteriors: FloatArray, n_hops: int = 1) -> Detection | None:
        """The posteriors at the end of the next hop, or `n_hops` later; an event if one label is
        over its threshold.

        Where several are, the one that is furthest over, in logits. No event follows another
        within the refractory time, nor comes before the time that is smoothed over was seen.
        """
        self.hop += n_hops
        recent, n_smoothed = self._recent, -(-self._config.smoothing // self.stride)
        recent.append(posteriors[self._columns])
        del recent[:-n_smoothed]
        if len(recent) < n_smoothed:
            self.smoothed = np.full(len(self.labels), np.nan, dtype=np.float32)
            return None
        self.smoothed = sum(recent[1:], start=recent[0]) / np.float32(n_smoothed)
        margins = _logit(self.smoothed) - self._threshold_logits
        self._spent_until[margins < 0] = 0
        margins[self._spent_until >= self.hop] = -np.inf
        best = int(margins.argmax())
        if margins[best] < 0 or self.hop <= self.deaf_until:
            return None
        self._spent_until[best] = self.hop + self._refractory[best]
        if self._is_final:
            self.settle(self.labels[best], self.hop)
        return Detection(self.labels[best], float(self.smoothed[best]), *self.times(self.hop))

    def times(self, hop: int) -> tuple[float, float]:
        """Where a command lies that is heard at the end of a hop: its start and end in seconds."""
        end_s = round(hop * self._hop_s, 6)
        return max(0.0, round(end_s - self._config.event_ms / 1000, 6)), end_s

    def settle(self, label: str, hop: int) -> None:
        """An event of that hop stands: nothing is to be heard for its refractory time."""
        self.deaf_until = max(self.deaf_until, hop + self._refractory[self.labels.index(label)])

    def pause(self) -> None:
        """The rows to come have nothing to do with those so far: there was none in between."""
        self._recent.clear()
        self._spent_until[:] = 0
        self.smoothed = np.full(len(self.labels), np.nan, dtype=np.float32)

    def reset(self) -> None:
        """Begin again at time 0."""
        self.hop = 0
        self.deaf_until = 0
        self._recent: list[FloatArray] = []
        self._spent_until = np.zeros(len(self.labels), dtype=np.int64)
        self.smoothed = np.full(len(self.labels), np.nan, dtype=np.float32)

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return {
            "hop": self.hop,
            "deaf_until": self.deaf_until,
            "recent": [row.copy() for row in self._recent],
            "spent_until": self._spent_until.copy(),
            "smoothed": self.smoothed.copy(),
        }

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self.hop = snapshot["hop"]
        self.deaf_until = snapshot["deaf_until"]
        self._recent = [np.array(row, dtype=np.float32) for row in snapshot["recent"]]
        self._spent_until = np.array(snapshot["spent_until"], dtype=np.int64)
        self.smoothed = np.array(snapshot["smoothed"], dtype=np.float32)


def _logit(p: FloatArray) -> FloatArray:
    p = np.minimum(np.maximum(p, np.float32(EPSILON)), np.float32(1 - EPSILON))
    return np.asarray(np.log(p / (1 - p)), dtype=np.float32)
