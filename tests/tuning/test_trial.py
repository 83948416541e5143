"""Many detectors at once: each hears what it would hear alone."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet.arrays import FloatArray
from earlet.audio.source import open_source
from earlet.config import ConfirmConfig, LabelConfig, ListenConfig
from earlet.results import Detection
from earlet.streaming.cascade import SecondStage
from earlet.streaming.spotter import ConfirmWindow
from earlet.tasks import load, open_bundle
from earlet.tasks.audio_classification import AudioClassification
from earlet.tasks.listening import Listening
from earlet.tuning.outcome import answers
from earlet.tuning.play import labelled, play_commands, play_others
from earlet.tuning.trial import Setting, Trials, with_setting

SETTINGS = [Setting(1, 0.2), Setting(2, 0.9), Setting(3, 0.2)]
OFF = ListenConfig(confirm="off", labels={"go": LabelConfig(refractory_ms=3000)})


@pytest.fixture(scope="module")
def task() -> AudioClassification:
    task = open_bundle(load("commands-en"))
    assert isinstance(task, AudioClassification)
    return task


def quiet(_: float) -> None:
    """Whoever wants to know how far it is."""


def alone(config: ListenConfig, chunks: list[FloatArray]) -> list[Detection]:
    listening = Listening(config)
    events = [event for chunk in chunks for event in listening.push(chunk)] + listening.flush()
    return [event for event in events if isinstance(event, Detection)]


def test_each_setting_hears_what_it_hears_alone(
    task: AudioClassification, recordings: Path
) -> None:
    labels = [*task.config.thresholds]
    with open_source(str(recordings / "commands.flac")) as source:
        chunks = [chunk for chunk in source.heard() if isinstance(chunk, np.ndarray)]
    trials = Trials(task, OFF, None, labels, SETTINGS)
    for _ in range(2):  # the second time nothing of the first is left
        for chunk in chunks:
            trials.push(chunk)
        trials.flush()
        heard = dict(trials.taken())
        for setting in SETTINGS:
            assert heard[setting] == alone(with_setting(OFF, labels, setting), chunks)
    assert len(heard[Setting(1, 0.2)]) >= 5


def test_the_second_stage_is_asked_once_for_all_settings(
    task: AudioClassification, recordings: Path
) -> None:
    asked: list[tuple[str, bytes]] = []

    def score(label: str, sound: FloatArray) -> float:
        asked.append((label, sound.tobytes()))
        return 0.0 if label == "go" else -20.0

    window = ConfirmWindow(threshold=0.5, score=-8.0, before_ms=1150, after_ms=250)
    trials = Trials(task, OFF, SecondStage(window, score), ["go", "left"], SETTINGS)
    with open_source(str(recordings / "commands.flac")) as source:
        _, heard = play_others(trials, source, None, quiet)
    assert len(asked) == len(set(asked)) > 0
    for setting in SETTINGS:
        assert {event.label for event in heard[setting]} == {"go"}


def test_commands_that_are_heard_are_answered(
    task: AudioClassification, positives: Path, negatives: Path
) -> None:
    found = labelled(positives)
    trials = Trials(task, ListenConfig(confirm="off"), None, [*found], SETTINGS)
    said, heard = play_commands(trials, found, task.sample_rate, quiet)
    assert [command.label for command in said] == sorted(command.label for command in said)
    assert answers(said, heard[Setting(2, 0.9)]) == (0, 0)
    seconds, in_others = play_others(trials, open_source(str(negatives)), None, quiet)
    assert seconds == pytest.approx(sum(_length(path) for path in negatives.iterdir()), abs=0.1)
    assert not in_others[Setting(2, 0.9)]


def test_a_live_source_is_heard_as_long_as_was_asked(
    task: AudioClassification, negatives: Path
) -> None:
    trials = Trials(task, OFF, None, ["go"], SETTINGS)
    seconds, _ = play_others(trials, open_source(str(negatives)), 1.5, quiet)
    assert seconds == 1.5


def test_a_setting_leaves_all_else_as_it_is() -> None:
    labels = {"go": LabelConfig(refractory_ms=5), "*": LabelConfig(refractory_ms=7)}
    config = ListenConfig(labels=labels, confirm=ConfirmConfig())
    tuned = with_setting(config, ["go", "up"], Setting(3, 0.7))
    assert tuned.smoothing == 3
    assert tuned.labels["go"] == LabelConfig(threshold=0.7, refractory_ms=5)
    assert tuned.labels["up"] == LabelConfig(threshold=0.7, refractory_ms=7)
    assert tuned.confirm == config.confirm


def _length(path: Path) -> float:
    return float(soundfile.info(path).duration)
