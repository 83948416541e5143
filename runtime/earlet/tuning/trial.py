"""Many thresholds at once, each by a detector of its own, in one pass through the sound.

    hop -> one PosteriorStream -> a `Spotter` for each pair of threshold and smoothing
                               -> what it detects: answers, or false alarms

The detectors are those that listen: gate, smoothing, refractory time, second stage. They only share
what is the same for all of them, the network's answers and those of the second stage.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import NamedTuple

from earlet.arrays import FloatArray, Snapshot
from earlet.config import ListenConfig
from earlet.results import Detection
from earlet.streaming.blocks import Reblocker
from earlet.streaming.cascade import SecondStage, Spotter, Work
from earlet.streaming.spotter import PosteriorStream
from earlet.tasks.audio_classification import AudioClassification
from earlet.tasks.spotting import spotter, voices

MAX_SCORES = 1000  # of the second stage that are kept: those of one moment are asked for together


class Setting(NamedTuple):
    """What is tuned."""

    smoothing: int
    threshold: float  # of all labels that are tuned


@dataclass
class Trial:
    """One setting, listening."""

    setting: Setting
    spotter: Spotter
    detections: list[Detection] = field(default_factory=list)

    def hear(self, hop: FloatArray) -> None:
        """Take the next hop."""
        self._keep(self.spotter.hear(hop))

    def flush(self) -> None:
        """The end of the stream; the next begins at time 0."""
        self._keep(self.spotter.flush())

    def _keep(self, events: Iterable[object]) -> None:
        self.detections += [event for event in events if isinstance(event, Detection)]


class Trials:
    """All settings, listening to the same."""

    def __init__(
        self,
        task: AudioClassification,
        config: ListenConfig,
        second: SecondStage | None,
        labels: Sequence[str],
        settings: Iterable[Setting],
    ) -> None:
        """`labels` are those whose threshold is tried; all else is as the configuration says.

        Raises:
            InputError: for a setting that cannot be.
        """
        shared = _SharedPosteriors(task.posterior_stream())
        if second is not None:
            second = second._replace(score=_Remembered(second))
        vad = voices(task, config)
        self.all = [
            Trial(
                setting,
                spotter(
                    task,
                    with_setting(config, labels, setting),
                    vad=vad,
                    second=second,
                    work=Work(),
                    posteriors=shared.view(),
                ),
            )
            for setting in settings
        ]
        self._blocks = Reblocker(shared.hop_length)
        self._sample_rate = task.sample_rate
        self._n_samples = 0

    @property
    def seconds(self) -> float:
        """Of sound since the last `flush`."""
        return self._n_samples / self._sample_rate

    def push(self, samples: FloatArray) -> None:
        """Take any number of samples."""
        self._n_samples += len(samples)
        for hop in self._blocks.push(samples):
            for trial in self.all:
                trial.hear(hop)

    def flush(self) -> None:
        """The end of the stream; the next begins at time 0."""
        for trial in self.all:
            trial.flush()
        self._blocks.reset()
        self._n_samples = 0

    def taken(self) -> Iterator[tuple[Setting, list[Detection]]]:
        """What each setting has detected since it was last asked."""
        for trial in self.all:
            yield trial.setting, trial.detections
            trial.detections = []


def with_setting(config: ListenConfig, labels: Sequence[str], setting: Setting) -> ListenConfig:
    """The configuration with this setting in force."""
    tuned = {label: replace(config.label(label), threshold=setting.threshold) for label in labels}
    return replace(config, smoothing=setting.smoothing, labels={**config.labels, **tuned})


class _SharedPosteriors:
    """One stream of posteriors, for detectors that hear the same hops one after the other."""

    def __init__(self, stream: PosteriorStream) -> None:
        self._stream = stream
        self.hop_length, self.sample_rate = stream.hop_length, stream.sample_rate
        self._n_hops = 0
        self._row: FloatArray | None = None  # at the end of the last of them

    def view(self) -> "_View":
        return _View(self)

    def hear(self, hop: FloatArray, n_hops: int) -> None:
        if n_hops > self._n_hops:  # nobody before has heard it
            self._stream.hear(hop)
            self._n_hops, self._row = n_hops, None

    def look(self) -> FloatArray:
        if self._row is None:
            self._row = self._stream.look()
        return self._row

    def reset(self) -> None:
        if self._n_hops:
            self._stream.reset()
            self._n_hops, self._row = 0, None


class _View:
    """The stream as one of the detectors sees it."""

    def __init__(self, shared: _SharedPosteriors) -> None:
        self._shared = shared
        self._n_hops = 0
        self.hop_length, self.sample_rate = shared.hop_length, shared.sample_rate

    def hear(self, hop: FloatArray) -> None:
        self._n_hops += 1
        self._shared.hear(hop, self._n_hops)

    def look(self) -> FloatArray:
        return self._shared.look()

    def reset(self) -> None:
        self._n_hops = 0
        self._shared.reset()

    def snapshot(self) -> Snapshot:
        raise NotImplementedError("a trial is never interrupted")

    def restore(self, snapshot: Snapshot) -> None:
        raise NotImplementedError("a trial is never interrupted")


class _Remembered:
    """The second stage, asked but once about the same sound, which is known by its digest."""

    def __init__(self, second: SecondStage) -> None:
        self._score = second.score
        self._known: dict[tuple[str, bytes], float] = {}

    def __call__(self, label: str, sound: FloatArray) -> float:
        asked = label, sha256(sound.tobytes()).digest()
        if asked not in self._known:
            if len(self._known) == MAX_SCORES:
                self._known.clear()
            self._known[asked] = self._score(label, sound)
        return self._known[asked]
