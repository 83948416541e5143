"""Pictures of recordings: PNG that can be looked at, whatever was recorded."""

import io
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from earlet.errors import BackendError
from earlet.results import Detection, Rejection
from earlet.service.recordings.explanation import explain
from earlet.service.recordings.file import Recording, Rules
from earlet.service.recordings.picture import COLOURS, FAINT, GREY, draw

Make = Callable[..., Recording]


def drawn(recording: Recording) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(height, width, 3)"""
    picture = Image.open(io.BytesIO(draw(recording, explain(recording), "A title.")))
    assert picture.format == "PNG"
    return np.asarray(picture.convert("RGB"))


def share(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], colour: str) -> float:
    """Of the pixels that have a colour, within what antialiasing does to it."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return float((np.abs(pixels.astype(int) - wanted).max(axis=-1) <= 12).mean())


def test_it_is_light_and_colours_the_labels_of_events_alone(make_recording: Make) -> None:
    recording = make_recording()
    recording.scores.is_open[:] = True
    two = drawn(recording)
    assert two.shape == (768, 1200, 3)
    assert (two.min(axis=-1) > 240).mean() > 0.6
    assert all(share(two, colour) > 0.002 for colour in COLOURS[:2])
    assert all(share(two, colour) < 0.0005 for colour in COLOURS[2:])
    one = drawn(replace(recording, events=recording.events[:1]))
    assert share(one, COLOURS[0]) > 0.002
    assert share(one, COLOURS[1]) < 0.0005
    assert share(one, FAINT) > share(two, FAINT)


def test_a_score_is_where_its_axis_says(make_recording: Make) -> None:
    """On a logit scale 0.5 lies in the middle between 0.01 and 0.99, and both thresholds show."""
    recording = make_recording()
    recording = replace(recording, events=(Detection("go", 0.9, 10.2, 11.0),))
    heights = []
    for score in (0.01, 0.5, 0.99):
        recording.scores.smoothed[:] = recording.scores.posteriors[:] = score
        recording.scores.smoothed[:, 1] = recording.scores.posteriors[:, 1] = 1e-6
        column = drawn(recording)[400:, 300].astype(int)  # within the axes of scores, before 1 s
        blue = np.abs(column - [0x24, 0x63, 0xA8]).max(axis=-1) <= 12
        rows = np.flatnonzero(blue)
        heights.append(rows.max() if score < 0.7 else rows.min())
    low, middle, high = heights
    assert low > middle > high
    assert abs((low - middle) - (middle - high)) <= 4


@pytest.mark.parametrize("gate", [True, False])
def test_the_gate_shows_where_it_was_closed(make_recording: Make, gate: bool) -> None:
    recording = make_recording()
    recording.scores.is_open[:] = gate
    bottom = drawn(recording)[600:]
    assert (share(bottom, GREY) > 0.02) != gate


def test_the_refractory_time_is_shaded(make_recording: Make) -> None:
    recording = make_recording()
    before = share(drawn(recording), "#eaebed")
    recording.scores.deaf_until[10:] = recording.facts.start + 30_000
    assert share(drawn(recording), "#eaebed") > before + 0.1


@pytest.mark.parametrize("n_samples", [0, 399, 16_000])
@pytest.mark.parametrize("n_labels", [0, 2])
def test_any_recording_can_be_drawn(make_recording: Make, n_samples: int, n_labels: int) -> None:
    recording = make_recording(n_labels=n_labels)
    recording = replace(recording, samples=recording.samples[:n_samples])
    assert drawn(recording).shape == (768 if n_labels else 384, 1200, 3)


def test_many_events_and_extreme_scores_can_be_drawn(make_recording: Make) -> None:
    recording = make_recording()
    recording.scores.smoothed[::2], recording.scores.smoothed[1::2] = 0, 1
    events = tuple(
        Rejection("go", score, 10 + at / 20, 10.4 + at / 20, "not confirmed", confirmation=-1e4)
        for at, score in enumerate(np.linspace(0, 1, 30).tolist())
    )
    drawn(replace(recording, events=events))


@pytest.mark.parametrize("label", ["$x^{$ 音楽", "_a\nb\0c", "x" * 200])
def test_a_label_may_be_any_text(make_recording: Make, label: str) -> None:
    recording = make_recording()
    rules = Rules(labels=("go", label), thresholds={"go": 0.5, label: 0.5}, smoothing=2)
    facts = replace(recording.facts, rules=rules)
    recording = replace(recording, facts=facts, events=(Detection(label, 0.75, 10.6, 11.4),))
    picture = draw(recording, explain(recording), explain(recording)[0].sentence)
    assert picture.startswith(b"\x89PNG")


def test_without_matplotlib_it_says_what_to_install(
    make_recording: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BackendError, match=r"pip install 'earlet\[plots\]'"):
        draw(make_recording(), explain(make_recording()), "A title.")
