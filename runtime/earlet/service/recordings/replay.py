"""A recording, heard again: the same to the bit, or what would have been otherwise.

    recording -> listening as it was configured, in the state in which it was -> its samples
              -> a recording of that -> compared

Another processor or another engine may add in another order: then scores differ in the last bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np

from earlet import schema
from earlet.config import ANY_LABEL, ListenConfig
from earlet.errors import ConfigError, InputError
from earlet.results import Detection, Rejection
from earlet.service.recordings.file import (
    DECISIVE,
    Facts,
    RecordedEvent,
    Recording,
    Scores,
    decisive,
)
from earlet.service.recordings.stretch import Stretch, hashes, joined
from earlet.tasks.listening import Listening

SAME_S = 0.5  # between two events that are one decision: no word is as short, with its pause
OF_LABELS = ("threshold", "refractory_ms")  # keys that each label has


def replay(recording: Recording, listening: Listening) -> Recording:
    """What is heard in a recording now; it goes on where that began if it can (`keeps_state`).

    Raises:
        InputError: when the recording's state is none of this earlet, or its rate another.
    """
    facts = recording.facts
    if listening.sample_rate != facts.sample_rate:
        raise InputError(
            f"has {facts.sample_rate} samples a second, and {listening.description} hears "
            f"{listening.sample_rate}"
        )
    listening.flush()  # of what it heard before
    if keeps_state(facts, listening):
        try:
            listening.restore(recording.snapshot)
        except (LookupError, TypeError, ValueError, AttributeError):
            raise InputError(
                f"its state is one of earlet {facts.earlet}, and unknown to this one"
            ) from None
    else:
        listening.skip(facts.start)
    stretch = Stretch(listening)
    starts = [control.at - facts.start for control in recording.controls]
    cuts = pairwise([*starts, len(recording.samples)])
    for control, (start, end) in zip(recording.controls, cuts, strict=True):
        if listening.stride != control.stride:
            listening.stride = control.stride
        stretch.push(recording.samples[start:end])
    if facts.is_end:
        stretch.flush()
    return joined([stretch], listening, is_end=facts.is_end)


def keeps_state(facts: Facts, listening: Listening) -> bool:
    """Whether listening goes on from the state in which a recording begins.

    Thresholds and refractory times only judge what was heard. With all else, what was heard is
    another thing, and begins anew: as if silence had gone before.
    """
    old, new = facts.config, listening.config
    same = all(getattr(old, key) == getattr(new, key) for key in DECISIVE if key != "labels")
    return same and hashes(listening) == facts.bundles


def other_bundles(facts: Facts, listening: Listening) -> list[str]:
    """The names of bundles that are not those of the recording; with other settings, some may have
    come or gone."""
    before, after = facts.bundles, hashes(listening)
    names = before.keys() & after.keys()
    if facts.config == listening.config:
        names = before.keys() | after.keys()
    return sorted(name for name in names if before.get(name) != after.get(name))


def changed(config: ListenConfig, settings: Sequence[str]) -> ListenConfig:
    """A configuration with other values: "threshold.go=0.6", "smoothing=3", "confirm=off".

    Keys are those of config.yaml; `threshold` and `refractory_ms` are followed by the label, or
    stand for all labels.

    Raises:
        ConfigError: for a key that is unknown, or decides nothing, and a value that is wrong.
    """
    document = decisive(config)
    for setting in settings:
        key, equals, text = setting.rpartition("=")
        if not equals:
            raise ConfigError(f"--set {setting}: expected KEY=VALUE, such as threshold.go=0.6")
        value = _value(text, f"--set {setting}")
        name, _, rest = key.partition(".")
        if key.endswith("."):
            raise ConfigError(f"--set {setting}: expected something behind the last point")
        if name in OF_LABELS:
            _set_of_labels(document, name, rest, value)
        elif name not in DECISIVE:
            known = (*OF_LABELS, *DECISIVE)
            raise ConfigError(f"--set {setting}: unknown key{schema.nearest(name, known)}")
        else:
            _set(document, name, rest, value)
    return schema.read(ListenConfig, document, "--set", ConfigError)


@dataclass(frozen=True)
class Comparison:
    """What is the same in two recordings of the same samples."""

    same_events: bool
    same_scores: bool  # all of them, to the bit
    difference: float | None  # the largest of two scores; None where they are of other moments

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return self.same_events and self.same_scores


def compare(one: Recording, other: Recording) -> Comparison:
    """How two recordings of the same samples differ."""
    arrays = [
        (getattr(one.scores, field.name), getattr(other.scores, field.name))
        for field in fields(Scores)
    ]
    return Comparison(
        same_events=one.events == other.events,
        same_scores=all(a.tobytes() == b.tobytes() for a, b in arrays),
        difference=_difference(one.scores, other.scores),
    )


def _difference(one: Scores, other: Scores) -> float | None:
    """The largest of two scores; None where they are of other labels, or of other moments."""
    first, second = (np.stack([s.posteriors, s.smoothed]) for s in (one, other))
    unknown = np.isnan(first)
    if first.shape != second.shape or not np.array_equal(unknown, np.isnan(second)):
        return None
    return float(np.abs(first - second)[~unknown].max(initial=0))


def same_decision(one: RecordedEvent, other: RecordedEvent) -> bool:
    """Whether two events are the same decision about the same sound, be it with other scores."""
    if type(one) is not type(other):
        return False
    if not (isinstance(one, Detection | Rejection) and isinstance(other, Detection | Rejection)):
        return one == other
    return one.label == other.label and abs(one.end_s - other.end_s) <= SAME_S


def _value(text: str, where: str) -> object:
    """What stands behind a key in YAML."""
    mapping = schema.load_yaml(f"value: {text}", where, ConfigError)
    if len(mapping) > 1:
        raise ConfigError(f"{where}: expected one value, got several keys")
    return mapping["value"]


def _set_of_labels(document: dict[str, Any], key: str, label: str, value: object) -> None:
    """One label's threshold or refractory time, or that of all."""
    labels = document["labels"]
    for name in [label] if label else [ANY_LABEL, *labels]:
        labels[name] = {**labels.get(name, labels.get(ANY_LABEL, {})), key: value}


def _set(document: dict[str, Any], name: str, rest: str, value: object) -> None:
    """A key at any depth; a section that is not there, or is a word, is begun."""
    *path, last = [name, *rest.split(".")] if rest else [name]
    section = document
    for part in path:
        if not isinstance(section.get(part), dict):
            section[part] = {}
        section = section[part]
    section[last] = value
