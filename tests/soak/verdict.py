"""Is anything growing, and is every hour heard as if it were the only one?"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np

from tests.soak.runs import Event, Reading, Run

SETTLED = 0.25  # of a run: caches are filled, pools have their size
MAX_SLOPE_MB = 0.1  # an hour of sound: 2.4 MB a day
LEAST_EVENTS = 30  # an hour of sound: with fewer there is little to be compared


def slope(readings: Sequence[Reading]) -> float:
    """Growth of the memory in MB an hour of sound, by least squares, once it has settled."""
    settled = readings[int(len(readings) * SETTLED) :]
    hours = np.array([one.hours for one in settled])
    rss_mb = np.array([one.rss_mb for one in settled])
    return float(np.polyfit(hours, rss_mb, 1)[0])


def growth(readings: Sequence[Reading]) -> Iterator[str]:
    """What there is more of at the end than there was at the beginning."""
    if (per_hour := slope(readings)) > MAX_SLOPE_MB:
        yield f"memory grows by {per_hour:.3f} MB an hour; {MAX_SLOPE_MB} are allowed"
    yield from leaks(readings)


def leaks(readings: Sequence[Reading]) -> Iterator[str]:
    """The same without the memory, which takes hours to tell."""
    settled = readings[int(len(readings) * SETTLED) :]
    half = len(settled) // 2
    for name in ("n_descriptors", "n_threads"):
        # The fewest: an action that runs just now has some of its own.
        before, after = (
            min(getattr(one, name) for one in part) for part in (settled[:half], settled[half:])
        )
        if after > before:
            yield f"{name}: {before} in the first half, {after} in the second"


def differences(
    heard: Sequence[Sequence[Event]], by_itself: Sequence[Sequence[Event]], what: str
) -> Iterator[str]:
    """In which hours something else was heard than in that hour by itself, and what first."""
    for hour, (events, expected) in enumerate(zip(heard, by_itself, strict=True)):
        for event, other in zip_longest(events, expected):
            if event != other:
                yield f"{what}, hour {hour}: {event}, and by itself {other}"
                break


def too_few(run: Run, hour_s: float) -> Iterator[str]:
    """Hours in which hardly anything was heard: then it shows nothing that they are equal."""
    for hour, events in enumerate(run.events):
        if len(events) < LEAST_EVENTS * hour_s / 3600:
            yield f"hour {hour}: only {len(events)} events"
