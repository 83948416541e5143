"""What `earlet listen` listens with: the stages that a configuration asks for, put together.

    config -> a spotter, with gate and second stage   -> Detection, Rejection
           -> typed commands                          -> Detection, Rejection
           -> a spotter, and what follows a word      -> both, or Chunk, Partial
           -> a recogniser                            -> Chunk, Partial
           -> voice activity                          -> Segment

Samples in, events out: no threads, no files once it is made, no clock.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from earlet.arrays import FloatArray, Snapshot
from earlet.bundle import Bundle
from earlet.config import ANY_LABEL, ListenConfig, WakeConfig
from earlet.errors import ConfigError, InputError
from earlet.results import Event, shifted
from earlet.schema import nearest
from earlet.streaming.cascade import MAX_STRIDE, Spotter, TraceRow, Work
from earlet.streaming.commands import CommandStream
from earlet.streaming.spotter import SpotterConfig
from earlet.streaming.wake import WakeStream
from earlet.tasks import Listener, Pipelines, listens
from earlet.tasks.audio_classification import AudioClassification
from earlet.tasks.spotting import confirmation, spotter, voices
from earlet.tasks.stages import (
    SegmentStage,
    SpeechStage,
    command_stream,
    command_threshold,
    recogniser,
)
from earlet.tasks.voice_activity import VoiceActivityDetection

if TYPE_CHECKING:
    from earlet.tasks.speech_recognition import SpeechRecognition

SPOTTER = "commands-en"  # where no bundle is named
UNSAID = ListenConfig()


class Stage(Protocol):
    """What listens: samples in, events out, time from sample 0."""

    @property
    def is_hearing(self) -> bool:
        """Whether something is heard that may become an event."""

    def push(self, samples: FloatArray, /) -> Iterable[Event]:
        """Take any number of samples; return what they complete, in order."""

    def flush(self) -> Iterable[Event]:
        """What the end of the stream completes; then it begins again."""

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""

    def restore(self, snapshot: Snapshot, /) -> None:
        """Go on from there."""


class Listening:
    """A stream with gaps in, events out, the same for any chunking.

    A gap ends all that was heard before it; time moves on by what was lost.
    """

    def __init__(
        self,
        config: ListenConfig,
        *,
        partials: bool = False,
        pipelines: Pipelines | None = None,
    ) -> None:
        """Open the bundles that the configuration needs, and no others.

        Args:
            config: what to listen for.
            partials: what is being said comes while somebody speaks.
            pipelines: of several streams in one thread, which share them; None: its own.

        Raises:
            BundleError: a bundle is missing or damaged.
            ConfigError: keys that cannot go together, or a label that nobody knows.
        """
        self.work = Work()
        self.spotter_config: SpotterConfig | None = None  # in force, where there is a spotter
        self.scored: tuple[str, ...] = ()  # the labels of a trace's columns
        self.config = config
        self.bundles: list[Bundle] = []  # that are open
        self._partials = partials
        self._pipelines = Pipelines() if pipelines is None else pipelines
        self._spotter: Spotter | None = None
        self._speech: SpeechStage | None = None
        self._trace: Callable[[TraceRow], None] | None = None
        self._start = 0  # samples of the stream, lost ones too, before the stage's first
        self._n_samples = 0  # since then
        task = self._open()
        self.sample_rate = task.sample_rate  # Hz, of what is pushed
        self.description = task.bundle.manifest.name  # one line for a log
        self.labels: tuple[str, ...] = ()  # that can be detected
        try:
            self._stage = self._staged(task)
        except InputError as problem:
            raise ConfigError(str(problem)) from None
        _check_labels(config, self.labels)

    def push(self, samples: FloatArray, *, late: bool = False) -> list[Event]:
        """Take any number of samples; return what they complete, in order.

        `late`: more sound is waiting already, so that there is no time for partial results.
        """
        if self._speech is not None:
            self._speech.late = late or not self._partials
        events = self._timed(self._stage.push(samples))
        self._n_samples += len(samples)
        return events

    def flush(self) -> list[Event]:
        """What the end of the stream completes; then it begins again, at time 0."""
        events = self._timed(self._stage.flush())
        self._start = self._n_samples = 0
        return events

    def skip(self, n_samples: int) -> list[Event]:
        """So many samples were lost: what was completed by those before them."""
        events = self._timed(self._stage.flush())
        self._start += self._n_samples + n_samples
        self._n_samples = 0
        return events

    def snapshot(self) -> Snapshot:
        """All that `restore` needs, but `stride` and `trace`."""
        stage = self._stage.snapshot()
        return {"start": self._start, "n_samples": self._n_samples, "stage": stage}

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there; the configuration must be the same."""
        self._start = snapshot["start"]
        self._n_samples = snapshot["n_samples"]
        self._stage.restore(snapshot["stage"])

    @property
    def is_hearing(self) -> bool:
        """Whether something is heard that may become an event; else there is no hurry."""
        return self._stage.is_hearing

    @property
    def n_samples(self) -> int:
        """Of the stream so far, lost ones too."""
        return self._start + self._n_samples

    @property
    def thresholds(self) -> dict[str, float]:
        """In force, of each label that can be detected."""
        spotted = {} if self.spotter_config is None else self.spotter_config.thresholds
        typed = {name: command_threshold(self.config, name) for name in self.config.commands}
        return {**spotted, **typed}

    @property
    def stride(self) -> int:
        """Hops from one look of the spotter to the next, 1 to MAX_STRIDE; 1 without a spotter."""
        return 1 if self._spotter is None else self._spotter.stride

    @stride.setter
    def stride(self, hops: int) -> None:
        if self._spotter is None or not 1 <= hops <= MAX_STRIDE:
            raise InputError(f"stride: expected 1 to {MAX_STRIDE}, of a spotter; got {hops}")
        self._spotter.stride = hops

    @property
    def trace(self) -> Callable[[TraceRow], None] | None:
        """Is told what the spotter made of every hop, before `push` returns."""
        return self._trace

    @trace.setter
    def trace(self, told: Callable[[TraceRow], None] | None) -> None:
        self._trace = told
        if self._spotter is not None:
            self._spotter.trace = None if told is None else self._tell

    def _tell(self, row: TraceRow) -> None:
        if self._trace is not None:
            start = self._start
            self._trace(row._replace(at=row.at + start, deaf_until=row.deaf_until + start))

    def _timed(self, events: Iterable[Event]) -> list[Event]:
        """Of the stage, in the time of the stream."""
        return [shifted(event, self._start / self.sample_rate) for event in events]

    def _open(self) -> Listener:
        config = self.config
        typed = config.recogniser if config.commands and not config.wake else SPOTTER
        name = config.bundle or typed
        task = self._pipelines(name, config.threads)
        if not listens(task):
            raise ConfigError(f"bundle: {name} is for {task.bundle.manifest.task}, not for sound")
        self.bundles.append(task.bundle)
        return task

    def _staged(self, task: Listener) -> Stage:
        config = self.config
        if isinstance(task, AudioClassification):
            return self._spotting(task)
        for key in ("gate", "confirm", "wake", "smoothing", "budget"):
            self._refuse(key, f"is for a spotter such as {SPOTTER}")
        if isinstance(task, VoiceActivityDetection):
            for key in ("commands", "slots", "recogniser", "language", "labels", "speech"):
                self._refuse(key, "voice activity hears no words")
            self._refuse_partials()
            return SegmentStage(task, self.work)
        if config.bundle is not None:
            self._refuse("recogniser", "bundle names the recogniser already")
        if config.commands:
            self._refuse("speech", "where commands are typed, nothing else is written down")
            self._refuse_partials()
            return self._commands(task)
        for key in ("slots", "labels"):
            self._refuse(key, "there are no commands")
        return self._transcription(task)

    def _spotting(self, task: AudioClassification) -> Stage:
        config = self.config
        if (wake := config.wake) is None or wake.then == "speech":
            for key in ("commands", "slots"):
                self._refuse(key, "needs a recogniser, or wake.then: commands")
        if wake is None or wake.then == "commands":
            self._refuse("speech", "nothing is written down; it needs wake.then: speech")
            self._refuse_partials()
        if wake is None:
            self._refuse("recogniser", "nothing is recognised; confirm.bundle is the second stage")
            self._refuse("language", "a spotter knows its labels, and no language")
        confirmed = confirmation(task, config, self._pipelines)
        if confirmed is not None:
            self._opened("confirmed by", confirmed.recogniser)
        second = None if confirmed is None else confirmed.stage
        vad = voices(task, config)
        if vad is not None:
            self.bundles.append(vad.bundle)
        self._spotter = spotter(task, config, vad=vad, second=second, work=self.work)
        window = None if second is None else second.window
        self.spotter_config = replace(self._spotter.config, confirm=window)
        self.labels = self.scored = tuple(self._spotter.trigger.labels)
        return self._spotter if wake is None else self._waking(self._spotter, wake)

    def _waking(self, spotter: Spotter, wake: WakeConfig) -> WakeStream:
        config = self.config
        for label in wake.labels:
            if label not in self.labels:
                raise ConfigError(f"wake.labels: unknown {label!r}{nearest(label, self.labels)}")
        follower = recogniser(config.recogniser, self.sample_rate, config.threads, self._pipelines)
        self._opened(f"then {wake.then} by", follower)
        then = self._commands if wake.then == "commands" else self._transcription
        return WakeStream(spotter, then(follower), wake.labels, wake.within_s)

    def _opened(self, what_for: str, task: "SpeechRecognition") -> None:
        self.description += f", {what_for} {task.bundle.manifest.name}"
        if task.bundle not in self.bundles:
            self.bundles.append(task.bundle)

    def _commands(self, task: "SpeechRecognition") -> CommandStream:
        self.labels = (*dict.fromkeys((*self.labels, *self.config.commands)),)
        self.bundles.append(task.vad.bundle)
        return command_stream(task, self.config, self.work)

    def _transcription(self, task: "SpeechRecognition") -> SpeechStage:
        self.bundles.append(task.vad.bundle)
        self._speech = SpeechStage(task, self.config.language, self.work)
        return self._speech

    def _refuse(self, key: str, because: str) -> None:
        """A key that cannot apply must not be there."""
        if getattr(self.config, key) != getattr(UNSAID, key):
            raise ConfigError(f"{key}: {because}")

    def _refuse_partials(self) -> None:
        if self._partials:
            raise ConfigError("partials: nothing is written down that could be shown in part")


def _check_labels(config: ListenConfig, known: tuple[str, ...]) -> None:
    for label in config.labels:
        if label not in (ANY_LABEL, *known):
            raise ConfigError(f"labels: unknown {label!r}{nearest(label, known)}")
