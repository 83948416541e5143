"""Recordings heard with other settings: decisions turn exactly where the scores say."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from earlet.arrays import FloatArray
from earlet.config import ConfirmConfig, LabelConfig, ListenConfig
from earlet.errors import ConfigError, InputError
from earlet.results import Chunk, Detection, Rejection, Segment
from earlet.service.recordings.explanation import explain
from earlet.service.recordings.file import RecordedEvent, Recording
from earlet.service.recordings.replay import (
    changed,
    compare,
    keeps_state,
    other_bundles,
    replay,
    same_decision,
)
from earlet.service.recordings.stretch import Stretch, joined
from earlet.tasks.listening import Listening

ROOT = Path(__file__).parents[3]
RATE = 16_000


@pytest.fixture(scope="module")
def commands() -> FloatArray:
    """21 s with eight commands."""
    waveform, _ = soundfile.read(ROOT / "tests" / "recordings" / "commands.flac", dtype="float32")
    return np.asarray(waveform)


@pytest.fixture(scope="module")
def recording(commands: FloatArray) -> Recording:
    """Two seconds with one command, after some of noise."""
    listening = Listening(ListenConfig())
    listening.push(np.random.default_rng(0).normal(0, 0.01, 3 * RATE).astype(np.float32))
    stretch = Stretch(listening)
    stretch.push(commands[: 2 * RATE])
    assert np.isfinite(stretch.rows[-1].posteriors).all()  # it looks: the gate is open
    stretch.flush()
    return joined([stretch], listening, is_end=True)


def test_the_same_settings_are_the_same_to_the_bit(recording: Recording) -> None:
    again = replay(recording, Listening(recording.facts.config))
    comparison = compare(recording, again)
    assert (comparison.is_same, comparison.difference) == (True, 0.0)
    assert recording.events
    assert again.facts.bundles == recording.facts.bundles


def test_a_threshold_turns_the_decision_where_the_scores_say(recording: Recording) -> None:
    """For any threshold, it fires at the first hop whose smoothed score reaches it, or never."""
    (event,) = recording.events
    assert isinstance(event, Detection)
    scores = recording.scores.smoothed[:, recording.facts.rules.labels.index(event.label)]
    highest = float(np.nanmax(scores))
    for threshold in (0.2, 0.9, event.score - 1e-5, event.score + 1e-5, highest + 1e-5):
        if threshold >= 1:
            continue
        settings = ["threshold=1", f"threshold.{event.label}={threshold}"]
        again = replay(recording, Listening(changed(recording.facts.config, settings)))
        fired = [found.end_s for found in again.events if isinstance(found, Detection)]
        reached = np.flatnonzero(scores >= threshold)
        expected = [float(recording.scores.at[reached[0]] / RATE)] if len(reached) else []
        assert fired == pytest.approx(expected)
        np.testing.assert_array_equal(again.scores.smoothed, recording.scores.smoothed)


def test_smoothing_averages_so_many_of_the_posteriors(recording: Recording) -> None:
    again = replay(recording, Listening(changed(recording.facts.config, ["smoothing=4"])))
    window = np.lib.stride_tricks.sliding_window_view(again.scores.posteriors, 4, axis=0)
    np.testing.assert_allclose(again.scores.smoothed[3:], window.mean(axis=-1), rtol=1e-5)
    # It began anew: from when the window is full, posteriors are those that they were.
    np.testing.assert_array_equal(again.scores.posteriors[40:], recording.scores.posteriors[40:])


def test_a_threshold_of_one_silences_all(recording: Recording) -> None:
    again = replay(recording, Listening(changed(recording.facts.config, ["threshold=1"])))
    assert [event for event in again.events if isinstance(event, Detection)] == []


def test_other_scores_are_measured(recording: Recording) -> None:
    posteriors = recording.scores.posteriors.copy()
    posteriors[-1, 2] += np.float32(0.125)
    other = replace(recording, scores=replace(recording.scores, posteriors=posteriors))
    comparison = compare(recording, other)
    assert (comparison.same_events, comparison.same_scores) == (True, False)
    assert comparison.difference == pytest.approx(0.125)


def test_scores_of_other_moments_cannot_be_measured(recording: Recording) -> None:
    posteriors = recording.scores.posteriors.copy()
    posteriors[-1] = np.nan
    other = replace(recording, scores=replace(recording.scores, posteriors=posteriors))
    assert compare(recording, other).difference is None


def test_a_state_of_another_earlet_is_refused(recording: Recording) -> None:
    strange = replace(recording, snapshot={"start": 0, "n_samples": 0, "stage": {"hop": 3}})
    with pytest.raises(InputError, match=r"its state is one of earlet .*, and unknown to this one"):
        replay(strange, Listening(recording.facts.config))


def test_a_recording_of_another_rate_is_refused(recording: Recording) -> None:
    facts = replace(recording.facts, sample_rate=8_000)
    with pytest.raises(InputError, match=r"has 8000 samples a second, and commands-en.* 16000"):
        replay(replace(recording, facts=facts), Listening(facts.config))


def test_another_network_is_named_and_begins_anew(
    recording: Recording, altered: Callable[..., Path]
) -> None:
    """One that sees more at once, and could not go on from the state of the one that was."""
    bundle = ROOT / "models" / "commands-en"
    document = yaml.safe_load((bundle / "bundle.yaml").read_text())
    streaming = document["streaming"] | {"hop_ms": 2 * document["streaming"]["hop_ms"]}
    folder = altered(bundle, {}, streaming=streaming)
    listening = Listening(replace(recording.facts.config, bundle=str(folder)))
    # As if it had been called the same.
    facts = replace(recording.facts, config=listening.config)
    assert other_bundles(facts, listening) == ["commands-en"]
    assert not keeps_state(facts, listening)
    again = replay(replace(recording, facts=facts), listening)
    assert 2 * len(again.scores.at) == len(recording.scores.at)


BASE = ListenConfig(
    labels={"go": LabelConfig(threshold=0.7), "*": LabelConfig(refractory_ms=500)},
    confirm=ConfirmConfig(score=-9),
)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], BASE),
        (
            ["threshold.left=0.5"],
            replace(
                BASE, labels={**BASE.labels, "left": LabelConfig(threshold=0.5, refractory_ms=500)}
            ),
        ),
        (
            ["threshold=0.5", "refractory_ms.go=0"],
            replace(
                BASE,
                labels={
                    "go": LabelConfig(threshold=0.5, refractory_ms=0),
                    "*": LabelConfig(threshold=0.5, refractory_ms=500),
                },
            ),
        ),
        (["confirm=off"], replace(BASE, confirm="off")),
        (["confirm.score=-7.5"], replace(BASE, confirm=ConfirmConfig(score=-7.5))),
        (["confirm=auto", "confirm.score=2"], replace(BASE, confirm=ConfirmConfig(score=2))),
        (["smoothing=3"], replace(BASE, smoothing=3)),
        (["smoothing=~"], BASE),
        (["gate.vad=true"], replace(BASE, gate=replace(BASE.gate, vad=True))),
        (["threshold.what = it=0.5"], None),
        (["commands=[on, off]"], replace(BASE, commands=("on", "off"))),
    ],
)
def test_settings_change_what_they_name(settings: list[str], expected: ListenConfig | None) -> None:
    config = changed(BASE, settings)
    if expected is None:
        assert config.label("what = it").threshold == 0.5
    else:
        assert config == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("go", "--set go: expected KEY=VALUE"),
        ("=1", "--set =1: unknown key"),
        ("treshold.go=1", "unknown key; did you mean 'threshold'?"),
        ("mqtt.host=x", "unknown key"),
        ("confirm.scor=1", "unknown key 'scor'; did you mean 'score'?"),
        ("threshold.go=2", "expected above 0 and at most 1, got 2"),
        ("threshold.go=high", "expected a number, got 'high'"),
        ("smoothing=[", "--set smoothing=[: line 1"),
        ("smoothing=1\nbundle: x", "--set smoothing=1"),
        ("gate=3", "expected a mapping, got 3"),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(setting: str, expected: str) -> None:
    with pytest.raises(ConfigError) as problem:
        changed(replace(BASE, labels={}), [setting])
    assert expected in str(problem.value)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("threshold.go=0.1", True),
        ("refractory_ms=9", True),
        ("smoothing=5", False),
        ("gate.energy=false", False),
        ("bundle=commands-en", False),
    ],
)
def test_only_thresholds_and_refractory_times_go_on_from_the_state(
    recording: Recording, setting: str, expected: bool
) -> None:
    config = changed(recording.facts.config, [setting])
    assert keeps_state(recording.facts, Listening(config)) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Detection("go", 0.9, 1.0, 1.8), Detection("go", 0.8, 1.1, 1.9), True),
        (Detection("go", 0.9, 1.0, 1.8), Detection("go", 0.9, 2.0, 2.8), False),
        (Detection("go", 0.9, 1.0, 1.8), Detection("left", 0.9, 1.0, 1.8), False),
        (Detection("go", 0.9, 1, 2), Rejection("go", 0.9, 1, 2, "below threshold"), False),
        (Chunk("Go.", (1.0, 2.0)), Chunk("Go.", (1.0, 2.0)), True),
        (Chunk("Go.", (1.0, 2.0)), Chunk("No.", (1.0, 2.0)), False),
        (Segment(1.0, 2.0), Segment(1.0, 2.1), False),
    ],
)
def test_which_events_are_one_decision(
    one: RecordedEvent, other: RecordedEvent, expected: bool
) -> None:
    assert same_decision(one, other) == expected


def test_what_the_second_stage_said_is_replayed_and_can_be_otherwise(
    altered: Callable[..., Path], commands: FloatArray
) -> None:
    bundle = ROOT / "models" / "commands-en"
    streaming = yaml.safe_load((bundle / "bundle.yaml").read_text())["streaming"]
    window = {"threshold": 0.5, "score": -50.0, "before_ms": 1000, "after_ms": 400}
    folder = altered(bundle, {}, streaming=streaming | {"confirm": window})
    listening = Listening(ListenConfig(bundle=str(folder)))
    stretch = Stretch(listening)
    stretch.push(commands[: 2 * RATE])
    stretch.flush()
    recording = joined([stretch], listening, is_end=True)
    (event,) = recording.events
    assert isinstance(event, Detection)
    assert event.confirmation is not None
    assert recording.facts.bundles.keys() == {"commands-en", "moonshine-tiny-en"}
    assert compare(recording, replay(recording, listening)).is_same
    assert f"the second stage gave {event.confirmation:.2f} where -50.00" in (
        explain(recording)[0].sentence
    )

    needed = event.confirmation + 0.25
    config = changed(recording.facts.config, [f"confirm.score={needed}"])
    (refused,) = replay(recording, Listening(config)).events
    assert refused == Rejection(
        *(event.label, event.score, event.start_s, event.end_s),
        reason="not confirmed",
        confirmation=event.confirmation,
    )
    alone = Listening(changed(recording.facts.config, ["confirm=off"]))
    assert other_bundles(recording.facts, alone) == []
    off = replay(recording, alone)
    assert [found.confirmation for found in off.events if isinstance(found, Detection)] == [None]
