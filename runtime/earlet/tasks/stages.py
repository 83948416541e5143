"""Recognisers and voice activity as stages of listening: events of one kind from each.

samples -> utterances (voice activity) -> typed commands -> Detection, Rejection
                                       -> text           -> Chunk, Partial
                                       -> as they are    -> Segment
"""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from earlet.arrays import FloatArray, Snapshot
from earlet.config import ListenConfig
from earlet.decoding.recogniser import TranscriptionOptions
from earlet.errors import ConfigError
from earlet.results import Event, Match, Partial, Segment
from earlet.streaming.cascade import Work
from earlet.streaming.commands import CommandStream
from earlet.streaming.near_misses import NEAR
from earlet.streaming.partials import Final
from earlet.streaming.vad import Network, UtteranceStream, VadConfig
from earlet.tasks import Pipelines
from earlet.tasks.voice_activity import VoiceActivityDetection, segment

if TYPE_CHECKING:
    from earlet.tasks.speech_recognition import SpeechRecognition

# A command is said in one breath: a shorter pause is one to think. The padding is that which
# `Matcher` leaves around speech.
MIN_SILENCE_MS = 500
MAX_COMMAND_S = 10.0  # what goes on for longer is no command


class SegmentStage:
    """Where somebody speaks."""

    def __init__(self, task: VoiceActivityDetection, work: Work) -> None:
        self._utterances = utterance_stream(task, task.config, work)

    @property
    def is_hearing(self) -> bool:
        """Whether somebody speaks."""
        return self._utterances.ongoing is not None

    def push(self, samples: FloatArray) -> list[Segment]:
        """Take any number of samples; return what they complete, in order."""
        rate = self._utterances.sample_rate
        return [segment(utterance, rate) for utterance in self._utterances.push(samples)]

    def flush(self) -> list[Segment]:
        """What the end of the stream completes; then it begins again."""
        rate = self._utterances.sample_rate
        return [segment(utterance, rate) for utterance in self._utterances.flush()]

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return self._utterances.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._utterances.restore(snapshot)


class SpeechStage:
    """What is said, utterance by utterance, and in part if there is time."""

    def __init__(self, task: "SpeechRecognition", language: str | None, work: Work) -> None:
        """Raises InputError for a language that the network does not know."""
        self._task = task
        self._work = work
        self._live = task.live(
            TranscriptionOptions(language=language),
            utterance_stream(task.vad, task.vad_config, work),
        )
        self.late = False  # there is no time for partial results

    @property
    def is_hearing(self) -> bool:
        """Whether an utterance is open."""
        return self._live.is_hearing

    def push(self, samples: FloatArray) -> list[Event]:
        """Take any number of samples; return what they give rise to, in order."""
        return self._told(self._live.push(samples, late=self.late))

    def flush(self) -> list[Event]:
        """What the end of the stream gives rise to; then it begins again."""
        return self._told(self._live.flush())

    def reset(self) -> None:
        """Forget all that was heard; time begins at sample 0 again."""
        self._live.reset()

    def snapshot(self) -> Snapshot:
        """All that `restore` needs."""
        return self._live.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from there."""
        self._live.restore(snapshot)

    def _told(self, events: list[Partial | Final]) -> list[Event]:
        self._work.utterances += sum(isinstance(event, Final) for event in events)
        return [self._task.heard(event) for event in events]


def command_threshold(config: ListenConfig, command: str) -> float:
    """The least confidence in a typed command."""
    from earlet.decoding.phrases.matching import THRESHOLD

    own = config.label(command).threshold
    return THRESHOLD if own is None else own


def command_stream(task: "SpeechRecognition", config: ListenConfig, work: Work) -> CommandStream:
    """The typed commands of a configuration.

    Raises:
        InputError: for a command that cannot be scored, naming it.
    """
    from earlet.tasks.matching import MIN_SPEECH_MS, SPEECH_PAD_S

    def threshold(command: str) -> float:
        return command_threshold(config, command)

    def refractory_ms(command: str) -> int:
        return config.label(command).refractory_ms or 0

    near = NEAR * min(map(threshold, config.commands))

    matched = partial(
        task.match.utterance,
        candidates=config.commands,
        slots=config.slots,
        language=config.language,
        threshold=near,
    )

    def match(waveform: FloatArray) -> Match | None:
        work.utterances += 1
        return matched(waveform)

    matched(np.zeros(0, dtype=np.float32))  # silence: no more than whether all can be scored
    vad_config = replace(
        task.vad.config,
        min_speech_ms=MIN_SPEECH_MS,
        min_silence_ms=MIN_SILENCE_MS,
        speech_pad_ms=round(SPEECH_PAD_S * 1000),
        max_speech_s=MAX_COMMAND_S,
    )
    utterances = utterance_stream(task.vad, vad_config, work)
    return CommandStream(utterances, match, threshold, refractory_ms)


def recogniser(
    name: str, sample_rate: int, threads: int, pipelines: Pipelines
) -> "SpeechRecognition":
    """The recogniser that goes with a spotter.

    Raises:
        BundleError: no such bundle, or a damaged one.
        ConfigError: it is for something else, or hears another rate.
    """
    from earlet.tasks.speech_recognition import SpeechRecognition

    task = pipelines(name, threads)
    if not isinstance(task, SpeechRecognition):
        raise ConfigError(f"{name}: is for {task.bundle.manifest.task}; expected a recogniser")
    if task.sample_rate != sample_rate:
        raise ConfigError(f"{name}: hears {task.sample_rate} Hz, and the spotter {sample_rate} Hz")
    return task


def utterance_stream(
    task: VoiceActivityDetection, config: VadConfig, work: Work
) -> UtteranceStream:
    """What cuts a stream into utterances; the windows are counted."""
    return UtteranceStream(config, task.sample_rate, counted(task.network, work))


def counted(network: Network, work: Work) -> Network:
    """The network of voice activity; its windows are counted."""

    def run(waveform: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
        work.windows += len(waveform)
        return network(waveform, state)

    return run
