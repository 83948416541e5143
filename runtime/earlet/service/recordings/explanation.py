"""Why something fired or did not, in a sentence: read off a recording.

    "go" fired at 2.88 s: it reached 0.91, over its threshold of 0.80
    "go" did not fire at 2.88 s: it reached 0.63 of the 0.80 that it needs

Times are those of the recording, in seconds from its first sample.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from earlet.arrays import FloatArray
from earlet.results import Chunk, Detection, Rejection, Segment
from earlet.service.recordings.file import RecordedEvent, Recording

Transcribe = Callable[[FloatArray], str]
MOST_DIGITS = 6  # of two scores that are compared; float32 has no more


@dataclass(frozen=True)
class Explained:
    """A moment of a recording, and why it is an event or none."""

    event: RecordedEvent | None  # None: the moment that was nearest to one
    label: str
    start_s: float
    end_s: float  # when it was decided
    sentence: str

    @property
    def fired(self) -> bool:
        """Whether it was told to whoever listens."""
        return isinstance(self.event, Detection | Chunk | Segment)


def explain(recording: Recording, transcribe: Transcribe | None = None) -> list[Explained]:
    """One for each event, in order; where there is none, one for what was nearest to one.

    What was told within the recording and decided before it is left out.

    Args:
        recording: what was heard.
        transcribe: makes the text of an utterance, for those that are no typed command.
    """
    explained = [_explained(event, recording, transcribe) for event in recording.events]
    return [one for one in explained if one.end_s > 0] or [_nearest(recording)]


def headline(recording: Recording, explained: Sequence[Explained]) -> Explained:
    """What a recording is about: what fired first, or else the first that did not, of those for
    which it was kept."""
    events = recording.events[recording.facts.about :]
    about = [one for one in explained if one.event in events] or explained
    return next((one for one in about if one.fired), about[0])


def _explained(
    event: RecordedEvent, recording: Recording, transcribe: Transcribe | None
) -> Explained:
    shift_s = recording.facts.start / recording.facts.sample_rate
    times = event.timestamp if isinstance(event, Chunk) else (event.start_s, event.end_s)
    start_s, end_s = (max(0.0, time - shift_s) for time in times)
    match event:
        case Detection():
            label, sentence = event.label, f"fired at {end_s:.2f} s: {_fired(event, recording)}"
        case Rejection():
            label = event.label
            sentence = f"did not fire at {end_s:.2f} s: {_rejected(event, recording)}"
            if label not in recording.facts.rules.labels and transcribe is not None:  # it was typed
                sentence += f"; heard: {transcribe(_between(recording, start_s, end_s))!r}"
        case Chunk():
            label, sentence = "", f"from {start_s:.2f} to {end_s:.2f} s, heard: {event.text!r}"
        case Segment():
            label, sentence = "", f"from {start_s:.2f} to {end_s:.2f} s"
    name = f'"{label}"' if label else "a command" if isinstance(event, Rejection) else "speech"
    return Explained(event, label, start_s, end_s, f"{name} {sentence}")


def _fired(event: Detection, recording: Recording) -> str:
    score, needed = _apart(event.score, recording.facts.rules.thresholds[event.label])
    reason = f"it reached {score}, over its threshold of {needed}"
    least = recording.facts.rules.confirmation
    if event.confirmation is not None and least is not None:
        given, needed = _apart(event.confirmation, least)
        reason += f", and the second stage gave {given} where {needed} is enough"
    if event.text is not None:
        reason += f"; said as {event.text!r}"
    return reason


def _rejected(event: Rejection, recording: Recording) -> str:
    if event.reason == "refractory":
        return _refractory(event, recording)
    if not event.label:
        return "what was said is near to none"
    score, needed = _apart(event.score, recording.facts.rules.thresholds[event.label])
    least = recording.facts.rules.confirmation
    if event.confirmation is None or least is None:
        return f"it reached {score} of the {needed} that it needs"
    given, enough = _apart(event.confirmation, least)
    return (
        f"it reached {score}, over its threshold of {needed}, but the second stage gave {given} "
        f"where {enough} is needed"
    )


def _refractory(event: Rejection, recording: Recording) -> str:
    """Over its threshold, but too soon after another."""
    rate, start = recording.facts.sample_rate, recording.facts.start
    before = [
        other
        for other in recording.events
        if isinstance(other, Detection) and other.end_s <= event.end_s
    ]
    after = "what was heard before"
    if before:
        after = f'"{before[-1].label}" at {before[-1].end_s - start / rate:.2f} s'
    reason = f"it reached {event.score:.2f} within the refractory time of {after}"
    # A second stage decides later: at the hop itself, nobody may have known of that time.
    untils = recording.scores.deaf_until[recording.scores.deaf_until >= round(event.end_s * rate)]
    if len(untils):
        reason += f", which lasts until {(int(untils.min()) - start) / rate:.2f} s"
    return reason


def _nearest(recording: Recording) -> Explained:
    """Where nothing happened at all: the label that came nearest to its threshold, and when."""
    rules = recording.facts.rules
    thresholds = np.array([rules.thresholds[label] for label in rules.labels], dtype=np.float32)
    smoothed = recording.scores.smoothed
    can_fire = np.isfinite(smoothed) & (thresholds < 1)  # a threshold of 1 never does
    if not can_fire.any():
        return Explained(None, "", 0.0, 0.0, "nothing fired: nothing was near to it")
    nearness = np.where(can_fire, smoothed / thresholds, -np.inf)
    row, column = np.unravel_index(int(nearness.argmax()), nearness.shape)
    label = rules.labels[column]
    at = int(recording.scores.at[row]) - recording.facts.start
    at_s = at / recording.facts.sample_rate
    score, needed = _apart(float(smoothed[row, column]), float(thresholds[column]))
    sentence = (
        f'nothing fired: the nearest was "{label}" at {at_s:.2f} s, '
        f"with {score} of the {needed} that it needs"
    )
    return Explained(None, label, at_s, at_s, sentence)


def _between(recording: Recording, start_s: float, end_s: float) -> FloatArray:
    rate = recording.facts.sample_rate
    return recording.samples[int(start_s * rate) : round(end_s * rate)]


def _apart(reached: float, needed: float) -> tuple[str, str]:
    """Two numbers in as few digits as show what is needed, and tell them apart: two at least."""
    for digits in range(2, MOST_DIGITS + 1):
        pair = f"{reached:.{digits}f}", f"{needed:.{digits}f}"
        if abs(float(pair[1]) - needed) < 10**-MOST_DIGITS and (pair[0] != pair[1]):
            break
    return pair
