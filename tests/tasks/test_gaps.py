"""Sources that lose sound: what is heard after a gap has nothing to do with what was before it."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest

import earlet
from earlet.arrays import FloatArray
from earlet.results import Deaf, Event, Gap, shifted

RATE = 16_000
CUT = round(10.1 * RATE)  # within a sentence
LOST = 7_777


class Lossy:
    """A source that falls silent, and says so."""

    backlog_s = 0.0

    def __init__(self, before: FloatArray, after: FloatArray) -> None:
        self._before, self._after = before, after

    def heard(self) -> Iterator[FloatArray | Deaf | Gap]:
        yield self._before
        yield np.empty(0, dtype=np.float32)
        yield Deaf(CUT / RATE, "unplugged")
        yield np.empty(0, dtype=np.float32)
        yield Gap(CUT / RATE, LOST, RATE, "unplugged")
        yield from np.array_split(self._after, 7)

    def __iter__(self) -> Iterator[FloatArray]:
        return (item for item in self.heard() if isinstance(item, np.ndarray))


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("audio-classification", {}),
        ("voice-activity-detection", {}),
        ("automatic-speech-recognition", {}),
        ("automatic-speech-recognition", {"partials": True}),
    ],
)
def test_a_stream_begins_anew_after_a_gap_and_its_time_goes_on(
    waveform: FloatArray, task: str, options: dict[str, bool]
) -> None:
    pipeline = earlet.pipeline(task)  # type: ignore[call-overload]
    listen: Callable[..., Iterator[Event]] = partial(pipeline.listen, **options)
    before, after = waveform[:CUT], waveform[CUT:]
    expected = list(listen([before]))
    expected += [shifted(event, (CUT + LOST) / RATE) for event in listen([after])]
    assert len(expected) > 5
    assert list(listen(Lossy(before, after))) == expected


def test_what_is_wrong_in_a_stream_is_refused_after_a_gap_too(waveform: FloatArray) -> None:
    spotter = earlet.pipeline("audio-classification")
    source = Lossy(waveform[:CUT], np.full(RATE, np.nan, dtype=np.float32))
    with pytest.raises(earlet.InputError, match="the stream: sample 0 is nan"):
        list(spotter.listen(source))
