"""Configurations that nothing can listen with, and what is said about them."""

import pytest

from earlet.config import Append, ConfirmConfig, GateConfig, LabelConfig, ListenConfig, WakeConfig
from earlet.errors import ConfigError
from earlet.tasks.listening import Listening

LABELS = {"*": LabelConfig(threshold=0.5)}
ACTION = (Append(append="log"),)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ListenConfig(labels={"stopp": LabelConfig()}), "labels: unknown 'stopp'"),
        (ListenConfig(labels={"leftt": LabelConfig()}), "did you mean 'left'"),
        (ListenConfig(bundle="efficientnet-lite0"), "is for image-classification, not for sound"),
        (ListenConfig(bundle="yamnet"), "classifies clips"),
        (ListenConfig(bundle="commands-en", commands=("lights on",)), "commands: needs"),
        (ListenConfig(slots={"room": ("hall",)}), "slots: needs"),
        (ListenConfig(speech=ACTION), "speech: nothing is written down"),
        (ListenConfig(recogniser="other"), "recogniser: nothing is recognised"),
        (ListenConfig(language="en"), "language: a spotter knows its labels"),
        (ListenConfig(bundle="vad", language="en"), "language: voice activity hears no words"),
        (ListenConfig(bundle="moonshine-tiny-en", language="de"), "language: "),
        (ListenConfig(commands=("go",), language="de"), "language: "),
        (ListenConfig(bundle="vad", gate=GateConfig(vad=True)), "gate: is for a spotter"),
        (ListenConfig(bundle="vad", confirm=ConfirmConfig()), "confirm: is for a spotter"),
        (ListenConfig(bundle="vad", smoothing=2), "smoothing: is for a spotter"),
        (ListenConfig(bundle="vad", budget=0.1), "budget: is for a spotter"),
        (ListenConfig(bundle="vad", commands=("go",)), "commands: voice activity hears no words"),
        (ListenConfig(bundle="vad", labels=LABELS), "labels: voice activity hears no words"),
        (ListenConfig(bundle="moonshine-tiny-en", labels=LABELS), "labels: there are no commands"),
        (ListenConfig(commands=("go",), speech=ACTION), "speech: where commands are typed"),
        (ListenConfig(commands=("go",), labels={"goo": LabelConfig()}), "did you mean 'go'"),
        (ListenConfig(commands=("{room}",)), "room"),
        (ListenConfig(wake=WakeConfig(labels=("gone",))), "wake.labels: unknown 'gone'"),
        (ListenConfig(wake=WakeConfig(labels=("go",)), recogniser="vad"), "expected a recogniser"),
        (ListenConfig(smoothing=20_000), "smoothing: expected 1 to 10000"),
    ],
)
def test_what_cannot_go_together_is_refused(config: ListenConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Listening(config)


@pytest.mark.parametrize(
    "config",
    [
        ListenConfig(confirm="off"),
        ListenConfig(commands=("left", "right")),
        ListenConfig(bundle="vad"),
        ListenConfig(
            commands=("left",), confirm="off", wake=WakeConfig(labels=("go",), then="commands")
        ),
    ],
)
def test_partial_results_of_what_is_not_written_down_are_refused(config: ListenConfig) -> None:
    with pytest.raises(ConfigError, match="partials: nothing is written down"):
        Listening(config, partials=True)
