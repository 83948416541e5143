"""Sentences that say why: read off recordings whose every number is known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from earlet.results import Chunk, Detection, Rejection, Segment
from earlet.service.recordings.explanation import explain, headline
from earlet.service.recordings.file import RecordedEvent, Recording, Rules

Make = Callable[..., Recording]
START_S = 10.0  # of the recording, in its stream


def recorded(
    make: Make, *events: RecordedEvent, about: int = 0, rules: Rules | None = None
) -> Recording:
    recording = make(start=int(START_S * 16_000))
    rules = rules or recording.facts.rules
    facts = replace(recording.facts, rules=rules, about=about)
    return replace(recording, facts=facts, events=events)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (
            Detection("go", 0.9141, 11.2, 12.0),
            '"go" fired at 2.00 s: it reached 0.91, over its threshold of 0.70',
        ),
        (
            Detection("left", 0.98511, 11.2, 12.0),
            '"left" fired at 2.00 s: it reached 0.9851, over its threshold of 0.9850',
        ),
        (
            Detection("go", 0.9141, 11.2, 12.0, confirmation=-3.251),
            '"go" fired at 2.00 s: it reached 0.91, over its threshold of 0.70, and the second '
            "stage gave -3.25 where -9.50 is enough",
        ),
        (
            Rejection("go", 0.63, 11.2, 12.0, "below threshold"),
            '"go" did not fire at 2.00 s: it reached 0.63 of the 0.70 that it needs',
        ),
        (
            Rejection("go", 0.75, 11.2, 12.0, "not confirmed", confirmation=-11.2),
            '"go" did not fire at 2.00 s: it reached 0.75, over its threshold of 0.70, but the '
            "second stage gave -11.20 where -9.50 is needed",
        ),
        (
            Rejection("", 0.0, 11.2, 12.0, "not a command"),
            "a command did not fire at 2.00 s: what was said is near to none",
        ),
        (Chunk("Turn it on.", (11.2, 12.0)), "speech from 1.20 to 2.00 s, heard: 'Turn it on.'"),
        (Segment(11.2, 12.0), "speech from 1.20 to 2.00 s"),
    ],
)
def test_an_event_says_why(make_recording: Make, event: RecordedEvent, sentence: str) -> None:
    (explained,) = explain(recorded(make_recording, event))
    assert explained.sentence == sentence
    assert explained.end_s == pytest.approx(2.0)


def test_the_refractory_time_names_what_began_it_and_when_it_ends(make_recording: Make) -> None:
    recording = recorded(
        make_recording,
        Detection("left", 0.99, 9.8, 10.6),
        Rejection("go", 0.88, 10.48, 11.28, "refractory"),
    )
    # A second stage confirms "left" after "go" was over its threshold.
    recording.scores.deaf_until[35:] = int(11.6 * 16_000)
    assert explain(recording)[1].sentence == (
        '"go" did not fire at 1.28 s: it reached 0.88 within the refractory time of "left" at '
        "0.60 s, which lasts until 1.60 s"
    )


def test_a_refractory_time_from_before_the_recording(make_recording: Make) -> None:
    recording = recorded(make_recording, Rejection("go", 0.88, 10.5, 11.29, "refractory"))
    (explained,) = explain(recording)
    assert explained.sentence.endswith("within the refractory time of what was heard before")


def test_a_typed_command_that_was_not_accepted_says_what_was_heard(make_recording: Make) -> None:
    rules = Rules(labels=(), thresholds={"lights on": 0.5})
    recording = make_recording(n_labels=0)
    recording = replace(
        recording,
        facts=replace(recording.facts, rules=rules),
        events=(Rejection("lights on", 0.31, 10.5, 11.5, "below threshold"),),
    )
    heard: list[int] = []

    def transcribe(waveform: object) -> str:
        assert isinstance(waveform, np.ndarray)
        np.testing.assert_array_equal(waveform, recording.samples[8_000:24_000])
        heard.append(len(waveform))
        return "Light song."

    (explained,) = explain(recording, transcribe)
    assert explained.sentence == (
        '"lights on" did not fire at 1.50 s: it reached 0.31 of the 0.50 that it needs; '
        "heard: 'Light song.'"
    )
    assert heard == [16_000]


def test_what_was_said_as_an_alternative_is_told(make_recording: Make) -> None:
    event = Detection("go", 0.9, 10.5, 11.5, text="go on", slots={"x": "on"})
    (explained,) = explain(recorded(make_recording, event))
    assert explained.sentence.endswith("over its threshold of 0.70; said as 'go on'")


def test_without_events_the_nearest_moment_is_named(make_recording: Make) -> None:
    recording = recorded(make_recording)
    recording.scores.smoothed[:] = 0.01
    recording.scores.smoothed[:3] = np.nan  # not looked at
    recording.scores.smoothed[20, 1] = 0.4  # of 0.985
    recording.scores.smoothed[30, 0] = 0.3  # of 0.7: nearer
    (explained,) = explain(recording)
    assert explained.sentence == (
        'nothing fired: the nearest was "go" at 1.24 s, with 0.30 of the 0.70 that it needs'
    )


@pytest.mark.parametrize("n_labels", [0, 2])
def test_without_scores_nothing_was_near(make_recording: Make, n_labels: int) -> None:
    recording = replace(make_recording(n_labels=n_labels), events=())
    recording.scores.smoothed[:] = np.nan
    (explained,) = explain(recording)
    assert explained.sentence == "nothing fired: nothing was near to it"


def test_a_recording_is_about_what_fired_of_what_it_was_kept_for(make_recording: Make) -> None:
    before, gone = Detection("go", 0.9, 9.7, 10.5), Detection("go", 0.9, 8.7, 9.5)
    near, fired = Rejection("go", 0.5, 10.7, 11.5, "below threshold"), Detection("left", 1, 11, 12)
    recording = recorded(make_recording, gone, before, near, fired, about=2)
    explained = explain(recording)
    assert [one.event for one in explained] == [before, near, fired]
    assert headline(recording, explained).event == fired
    recording = recorded(make_recording, gone, before, near, about=2)
    assert headline(recording, explain(recording)).event == near
