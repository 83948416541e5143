"""A spotter as a configuration asks for it: thresholds, gate, second stage.

config.labels, bundle -> thresholds and refractory times
config.gate           -> what must be heard before it looks
config.confirm        -> who is asked before it is believed
"""

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from earlet import bundle as bundles
from earlet.config import ConfirmConfig, ListenConfig
from earlet.errors import BundleNotFoundError, ConfigError
from earlet.streaming.cascade import Gate, Posteriors, SecondStage, Spotter, Work
from earlet.streaming.gate import EnergyGate, SpeechGate
from earlet.streaming.spotter import SpotterConfig
from earlet.tasks import Pipelines, pipeline
from earlet.tasks.audio_classification import AudioClassification
from earlet.tasks.stages import counted, recogniser
from earlet.tasks.voice_activity import VoiceActivityDetection

if TYPE_CHECKING:
    from earlet.tasks.speech_recognition import SpeechRecognition

NEVER = 1.0  # the threshold of a label that does not fire


class Confirmation(NamedTuple):
    """The second stage, and who is asked."""

    stage: SecondStage
    recogniser: "SpeechRecognition"


def confirmation(
    task: AudioClassification, config: ListenConfig, pipelines: Pipelines
) -> Confirmation | None:
    """The second stage that a configuration asks for, or that is there anyway.

    Raises:
        BundleError: its bundle is damaged, or was asked for and is not there.
        ConfigError: the spotter or the recogniser is not made for it.
        InputError: for a label that the recogniser cannot write.
    """
    window = task.config.confirm
    if config.confirm == "off":
        return None
    asked = ConfirmConfig() if config.confirm == "auto" else config.confirm
    if window is None:
        if config.confirm == "auto":
            return None
        raise ConfigError(
            f"confirm: {task.bundle.manifest.name} does not say how; its manifest has no "
            "streaming.confirm"
        )
    try:
        bundles.find(asked.bundle)
    except BundleNotFoundError:
        if config.confirm == "auto":
            return None
        raise
    from earlet.tasks.confirmation import Confirmer

    opened = recogniser(asked.bundle, task.sample_rate, config.threads, pipelines)
    confirmer = Confirmer(opened)
    for label in task.config.thresholds:
        confirmer.check(label)
    if asked.score is not None:
        window = replace(window, score=asked.score)
    return Confirmation(SecondStage(window, confirmer.score), opened)


def voices(task: AudioClassification, config: ListenConfig) -> VoiceActivityDetection | None:
    """What the gate hears voices with, where a configuration asks for it.

    Raises:
        ConfigError: it hears another rate.
    """
    if not config.gate.vad:
        return None
    vad = pipeline("voice-activity-detection", threads=config.threads)
    if vad.sample_rate != task.sample_rate:
        raise ConfigError(
            f"gate.vad: hears {vad.sample_rate} Hz, and the spotter {task.sample_rate} Hz"
        )
    return vad


def spotter(
    task: AudioClassification,
    config: ListenConfig,
    *,
    vad: VoiceActivityDetection | None,
    second: SecondStage | None,
    work: Work,
    posteriors: Posteriors | None = None,
) -> Spotter:
    """The detector, with what `voices` and `confirmation` gave.

    `config.labels` goes before what the bundle says.

    Raises:
        InputError: for a smoothing that cannot be.
    """
    own = {label: config.label(label) for label in task.config.thresholds}
    thresholds = _usual_thresholds(task.config, second)
    thresholds |= {label: x.threshold for label, x in own.items() if x.threshold is not None}
    refractory = {label: x.refractory_ms for label, x in own.items() if x.refractory_ms is not None}
    return task.spotter(
        thresholds,
        smoothing=config.smoothing,
        refractory_ms=refractory,
        gate=_gate(task, config, vad, work),
        second=second,
        work=work,
        posteriors=posteriors,
    )


def _gate(
    task: AudioClassification,
    config: ListenConfig,
    vad: VoiceActivityDetection | None,
    work: Work,
) -> Gate | None:
    """What must be heard before the spotter looks."""
    rate = task.sample_rate
    hop_length = task.config.hop_ms * rate // 1000
    energy = EnergyGate(hop_length, rate) if config.gate.energy else None
    if vad is None:
        return energy
    return SpeechGate(vad.config, counted(vad.network, work), energy, hop_length, rate)


def _usual_thresholds(config: SpotterConfig, second: SecondStage | None) -> dict[str, float]:
    """Of the bundle: lower ones where a second stage decides; what never fires stays so."""
    if second is None:
        return {**config.thresholds}
    return {
        label: threshold if threshold == NEVER else second.window.threshold
        for label, threshold in config.thresholds.items()
    }
