"""Clips cut into windows; the samples count up, so that a window tells where it is from."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.streaming.windows import WindowConfig, Windows

RATE = 1_000  # Hz: a sample is a millisecond
LONGEST = 500


def ramp(n_samples: int) -> FloatArray:
    return np.arange(n_samples, dtype=np.float32)


def starts(n_samples: int, window_s: float, hop_s: float | None = None) -> list[int]:
    """Where the windows of a clip begin, after a check that they hold what was there."""
    windows = Windows(WindowConfig(window_s=window_s, hop_s=hop_s), RATE, LONGEST)
    clip, found = ramp(n_samples), []
    for window in windows.cut([clip]):
        begin = int(window[0])
        np.testing.assert_array_equal(window, clip[begin : begin + windows.length])
        found.append(begin)
    return found


def test_a_clip_no_longer_than_a_window_is_one() -> None:
    assert [starts(n, 0.1) for n in (1, 99, 100)] == [[0], [0], [0]]


def test_windows_follow_each_other_to_the_very_end() -> None:
    assert starts(300, 0.1) == [0, 100, 200]


def test_the_last_window_is_moved_back_to_end_with_the_clip() -> None:
    assert starts(101, 0.1) == [0, 1]
    assert starts(250, 0.1) == [0, 100, 150]


def test_windows_may_overlap() -> None:
    assert starts(300, 0.1, 0.05) == [0, 50, 100, 150, 200]
    assert starts(310, 0.1, 0.05) == [0, 50, 100, 150, 200, 210]


@given(
    length=st.integers(1, 60),
    overlap=st.integers(0, 59),
    sizes=st.lists(st.integers(0, 90), min_size=1, max_size=8),
)
def test_windows_are_those_of_the_whole_clip_for_any_chunking(
    length: int, overlap: int, sizes: list[int]
) -> None:
    hop = max(1, length - overlap)
    clip = ramp(sum(sizes) + 1)
    config = WindowConfig(window_s=length / RATE, hop_s=hop / RATE)
    begins = [*range(0, len(clip) - length + 1, hop)]
    if not begins or begins[-1] + length < len(clip):
        begins.append(max(0, len(clip) - length))
    cut = Windows(config, RATE, LONGEST).cut(np.split(clip, np.cumsum(sizes)))
    for window, begin in zip(cut, begins, strict=True):
        np.testing.assert_array_equal(window, clip[begin : begin + length])


def test_a_window_comes_before_the_sound_after_it_is_read() -> None:
    read = []

    def chunks() -> Iterator[FloatArray]:
        for i in range(1_000_000):  # 16 hours, of which no more is read than it takes
            read.append(i)
            yield ramp(60)

    cut = Windows(WindowConfig(window_s=0.1), RATE, LONGEST).cut(chunks())
    assert [(len(next(cut)), len(read)) for _ in range(4)] == [
        (100, 2),
        (100, 4),
        (100, 5),
        (100, 7),
    ]


def test_without_a_length_a_window_is_what_the_features_take_in() -> None:
    windows = Windows(WindowConfig(), RATE, LONGEST)
    assert (windows.length, windows.hop) == (LONGEST, LONGEST)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (WindowConfig(window_s=0.6), "window_s above 0 and at most 0.5, .* got 0.6"),
        (WindowConfig(window_s=0), "window_s above 0 and at most 0.5, .* got 0"),
        (WindowConfig(window_s=-1), "window_s above 0 and at most 0.5, .* got -1"),
        (WindowConfig(window_s=1e-9), "window_s above 0"),
        (WindowConfig(window_s=1e308), r"window_s above 0 and at most 0.5, .* got 1e\+308"),
        (WindowConfig(window_s=0.2, hop_s=0.3), "hop_s above 0 and at most window_s, got 0.3"),
        (WindowConfig(window_s=0.2, hop_s=0), "hop_s above 0 and at most window_s, got 0"),
        (WindowConfig(hop_s=1e308), r"hop_s above 0 and at most window_s, got 1e\+308"),
        (WindowConfig(min_samples=0), "min_samples of 1 to 500, a window, got 0"),
        (WindowConfig(min_samples=501), "min_samples of 1 to 500, a window, got 501"),
    ],
)
def test_windows_that_would_leave_out_sound_are_refused(
    config: WindowConfig, expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        Windows(config, RATE, LONGEST)


@pytest.mark.parametrize(("n_samples", "least"), [(0, 1), (39, 40)])
def test_a_clip_that_is_too_short_is_refused(n_samples: int, least: int) -> None:
    windows = Windows(WindowConfig(min_samples=least), RATE, LONGEST)
    with pytest.raises(InputError, match=f"clip: {n_samples} samples, and .* at least {least} "):
        list(windows.cut([ramp(n_samples)]))
