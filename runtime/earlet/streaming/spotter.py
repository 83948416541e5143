"""Spotting commands in a stream, as a chain of three small state machines.

    samples -> PosteriorStream: one row of label posteriors each hop
            -> Trigger: smoothing, thresholds, refractory time -> Detection

Samples are cut into hops before anything else happens to them, and every hop goes through arrays
of the same shapes: so the posteriors, and with them the events, are bit for bit the same for any
chunking of the stream. Time is counted in samples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding.classify import softmax
from earlet.errors import InputError
from earlet.features import Features
from earlet.results import Detection
from earlet.streaming.blocks import Reblocker

Network = Callable[[FloatArray], FloatArray]  # (n_frames, n_features) -> logits (n_labels,)
MAX_LENGTH = 10_000  # of a window in frames, a hop in ms; beyond it a manifest is mistaken
EPSILON = 1e-7  # posteriors are kept this far from 0 and 1 where their logit is taken


@dataclass(frozen=True, kw_only=True)
class SpotterConfig:
    """How a stream becomes events; the bundle's `streaming` section."""

    window_frames: int  # what the network sees at once
    hop_ms: int  # from one look to the next
    smoothing: int  # posteriors averaged
    refractory_ms: int  # silence of the detector after an event
    event_ms: int  # how far before its detection a command is said to start
    thresholds: Mapping[str, float]  # posterior, for each label that can fire; 1 never does

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
    """Samples in, one row of posteriors (n_labels,) a hop out.

    The stream begins as if silence had gone before, so the first row comes after the first hop.
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
        self._frames_per_hop = frames
        self._blocks = Reblocker(hop)
        self._features = features
        self._network = network
        self._window_frames = config.window_frames
        self.reset()

    def push(self, samples: FloatArray) -> list[FloatArray]:
        """Take any number of samples; return the posteriors of the hops that they complete."""
        return [self._look(block) for block in self._blocks.push(samples)]

    def reset(self) -> None:
        """Begin again, as if silence had gone before."""
        self._blocks.reset()
        self._stream = self._features.stream()
        # Just the samples of a window's frames: each hop completes its own frames from then on.
        lead = (self._window_frames - 1) * self._features.hop_length + self._features.win_length
        self._window = self._stream.push(np.zeros(lead, dtype=np.float32))
        if self._window.shape != (self._window_frames, self._features.n_features):
            raise InputError("a spotter needs frames without padding: fbank or mfcc features")

    def _look(self, block: FloatArray) -> FloatArray:
        new = self._stream.push(block)
        keep = len(self._window) - self._frames_per_hop
        self._window[:keep] = self._window[self._frames_per_hop :]
        self._window[keep:] = new
        return softmax(self._network(self._window))


class Trigger:
    """Posteriors in, at most one event a row out."""

    def __init__(self, config: SpotterConfig, labels: Sequence[str], hop_s: float) -> None:
        for label in config.thresholds:
            if label not in labels:
                raise InputError(f"thresholds: {label!r} is not a label ({', '.join(labels)})")
        self._labels = list(config.thresholds)
        self._columns = np.array([labels.index(label) for label in self._labels], dtype=np.intp)
        thresholds = np.array(list(config.thresholds.values()), dtype=np.float32)
        self._threshold_logits = np.where(thresholds < 1, _logit(thresholds), np.inf)
        self._config = config
        self._hop_s = hop_s
        self._refractory_hops = -(-config.refractory_ms // config.hop_ms)
        self._hop = 0
        self._deaf_until = 0  # the last hop of the refractory time
        self._recent: list[FloatArray] = []

    def push(self, posteriors: FloatArray) -> Detection | None:
        """The posteriors of the next hop; an event if one label is over its threshold.

        Where several are, the one that is furthest over, in logits. No event follows another
        within the refractory time, nor comes before `smoothing` rows were seen.
        """
        self._hop += 1
        self._recent.append(posteriors[self._columns])
        if len(self._recent) < self._config.smoothing:
            return None
        smoothed = sum(self._recent[1:], start=self._recent[0]) / np.float32(len(self._recent))
        del self._recent[0]
        margins = _logit(smoothed) - self._threshold_logits
        best = int(margins.argmax())
        if margins[best] < 0 or self._hop <= self._deaf_until:
            return None
        self._deaf_until = self._hop + self._refractory_hops
        end_s = round(self._hop * self._hop_s, 6)
        start_s = max(0.0, round(end_s - self._config.event_ms / 1000, 6))
        return Detection(self._labels[best], float(smoothed[best]), start_s, end_s)

    def reset(self) -> None:
        """Begin again at time 0."""
        self._hop = 0
        self._deaf_until = 0
        self._recent.clear()


class Spotter:
    """Samples in, detected commands out."""

    def __init__(
        self,
        config: SpotterConfig,
        labels: Sequence[str],
        features: Features,
        network: Network,
    ) -> None:
        self._posteriors = PosteriorStream(config, features, network)
        self._trigger = Trigger(config, labels, self._posteriors.hop_length / features.sample_rate)

    def push(self, samples: FloatArray) -> list[Detection]:
        """Take any number of samples; return the commands that they complete, in order."""
        events = (self._trigger.push(row) for row in self._posteriors.push(samples))
        return [event for event in events if event is not None]

    def reset(self) -> None:
        """Forget all that was heard; time begins at 0 again."""
        self._posteriors.reset()
        self._trigger.reset()


def _logit(p: FloatArray) -> FloatArray:
    p = np.minimum(np.maximum(p, np.float32(EPSILON)), np.float32(1 - EPSILON))
    return np.asarray(np.log(p / (1 - p)), dtype=np.float32)
