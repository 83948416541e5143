"""The three rules that end an utterance, with probabilities made by hand."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet.errors import InputError
from earlet.streaming.endpointer import Endpoint, EndpointConfig, Endpointer

WINDOW, RATE = 512, 16_000  # 32 ms
CONFIG = EndpointConfig(
    threshold=0.5,
    neg_threshold=0.35,
    min_speech_ms=64,  # 2 windows
    min_silence_ms=96,  # 3 windows
    speech_pad_ms=32,  # 1 window
    max_speech_s=2.0,
)
PATIENT = replace(CONFIG, max_silence_ms=320)  # 10 windows


def endpoints(probabilities: Sequence[float], config: EndpointConfig = CONFIG) -> list[Endpoint]:
    endpointer = Endpointer(config, WINDOW, RATE)
    found = [endpointer.push(p) for p in probabilities] + [endpointer.flush()]
    return [endpoint for endpoint in found if endpoint is not None]


def spans(
    probabilities: Sequence[float], config: EndpointConfig = CONFIG
) -> list[tuple[float, float]]:
    """With their padding, in windows."""
    found = [endpoint.span for endpoint in endpoints(probabilities, config)]
    return [(start / WINDOW, end / WINDOW) for start, end in found]


def test_a_segment_is_padded_at_both_ends_and_says_where_the_speech_is() -> None:
    (endpoint,) = endpoints([0] * 5 + [1] * 4 + [0] * 5)
    assert endpoint == ((4 * WINDOW, 10 * WINDOW), (5 * WINDOW, 9 * WINDOW), "silence")


def test_padding_does_not_reach_before_the_stream() -> None:
    assert spans([1] * 4 + [0] * 5) == [(0, 5)]


def test_a_short_pause_does_not_end_a_segment() -> None:
    assert spans([0, 0] + [1] * 3 + [0] * 2 + [1] * 3 + [0] * 4) == [(1, 11)]


def test_hysteresis_holds_a_segment_between_the_thresholds_and_begins_none() -> None:
    assert spans([0, 0] + [1] * 2 + [0.4] * 6 + [0] * 4) == [(1, 11)]
    assert spans([0.4] * 20) == []


def test_a_pause_goes_on_through_doubt_until_speech_is_certain() -> None:
    assert spans([0, 0] + [1] * 3 + [0, 0.4, 0.4] + [1] * 3 + [0] * 3) == [(1, 6), (7, 12)]


def test_short_speech_is_dropped() -> None:
    assert spans([0, 0, 1, 0, 0, 0, 0]) == []
    assert spans([1, 0, 0, 0, 0]) == []  # at the very start, too
    assert spans([1] * 4 + [0] * 4 + [1] + [0] * 4) == [(0, 5)]


def test_a_pause_is_no_speech() -> None:
    config = replace(CONFIG, min_speech_ms=128)  # 4 windows
    assert spans([1] * 2 + [0] * 2 + [1] + [0] * 4, config) == []
    assert spans([1] * 2 + [0] * 2 + [1] * 2 + [0] * 4, config) == [(0, 7)]


def test_the_end_of_the_stream_ends_a_segment() -> None:
    assert spans([0, 0] + [1] * 5) == [(1, 8)]
    assert spans([0, 0] + [1] * 5 + [0, 0]) == [(1, 8)]
    assert [e.ending for e in endpoints([0, 0] + [1] * 5)] == ["end of stream"]


def test_a_short_beginning_is_kept_for_what_follows_a_pause() -> None:
    said = [0] * 2 + [1] + [0] * 9 + [1] * 4 + [0] * 3
    assert spans(said) == [(11, 17)]
    assert spans(said, PATIENT) == [(1, 17)]
    assert endpoints(said, PATIENT)[0].ending == "silence"  # the long one is for beginnings


def test_a_short_beginning_is_dropped_after_a_long_silence() -> None:
    said = [0] * 2 + [1] + [0] * 10 + [1] * 4 + [0] * 3
    assert spans(said, PATIENT) == [(12, 18)]
    assert spans([1] + [0] * 5, PATIENT) == []  # by the end of the stream, too


def test_an_utterance_that_is_not_short_need_not_wait_for_the_long_silence() -> None:
    endpointer = Endpointer(PATIENT, WINDOW, RATE)
    told = [endpointer.push(p) is not None for p in [1, 1, 0, 0, 0]]
    assert told == [False] * 4 + [True]


def test_doubt_without_end_ends_as_a_long_silence() -> None:
    (endpoint,) = endpoints([0, 0] + [1] * 3 + [0.4] * 30, PATIENT)
    assert endpoint.ending == "long silence"
    assert endpoint.speech == (2 * WINDOW, 15 * WINDOW)  # in doubt, nothing is thrown away


def test_a_long_segment_is_cut_at_its_least_likely_speech_and_nothing_is_lost() -> None:
    # 2 s are 62.5 windows; less the padding, 60 fit.
    speech = [0.9] * 150
    speech[45] = 0.6
    said = [0.0] * 2 + speech + [0.0] * 4
    found = spans(said)
    assert found[0] == (1, 47)  # from the padded start to window 2 + 45
    assert all(end - start <= 62.5 for start, end in found)
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]
    assert found[-1][1] == 2 + 150 + 1
    # Where all is as likely, in the middle.
    assert spans([0.9] * 60)[0] == (0, 30)
    assert [e.ending for e in endpoints(said)] == ["length"] * (len(found) - 1) + ["silence"]


def test_what_a_cut_leaves_over_is_kept_however_short() -> None:
    speech = [0.9] * 59 + [0.5] + [0.0] * 4  # cut when full, at its very last window
    assert spans(speech) == [(0, 59), (59, 61)]
    assert spans(speech, PATIENT) == [(0, 59), (59, 61)]


@pytest.mark.parametrize("config", [CONFIG, PATIENT])
def test_a_cut_in_the_last_pause_leaves_nothing_over(config: EndpointConfig) -> None:
    speech = [0.9] * 57 + [0.2, 0.1, 0.2]  # cut when full, in the midst of its pause
    assert spans([*speech, *[0.0] * 20], config) == [(0, 58)]
    # What comes next begins anew, with padding that reaches back to the cut at most.
    assert spans([*speech, *[0.9] * 4, *[0.0] * 20], config) == [(0, 58), (59, 65)]
    assert spans([*speech[1:-1], 0.9, 0.2, 0.9, 0.9, *[0.0] * 20], config) == [(0, 57), (57, 63)]


def test_what_goes_on_is_told() -> None:
    endpointer = Endpointer(PATIENT, WINDOW, RATE)
    endpointer.push(0)
    endpointer.push(0)
    assert endpointer.ongoing is None
    endpointer.push(1)
    begun = endpointer.ongoing
    assert begun is not None
    assert (begun.start, begun.speech) == (WINDOW, (2 * WINDOW, 3 * WINDOW))
    assert not begun.is_certain
    for probability in (1, 0):
        endpointer.push(probability)
    later = endpointer.ongoing
    assert later is not None
    assert later.is_certain
    assert later.speech == (2 * WINDOW, 4 * WINDOW)
    assert later.heard == 5 * WINDOW


@given(st.lists(st.floats(0, 1), max_size=300), st.sampled_from([CONFIG, PATIENT]))
def test_spans_are_in_order_apart_and_within_the_limits(
    probabilities: list[float], config: EndpointConfig
) -> None:
    found = endpoints(probabilities, config)
    for before, after in pairwise(found):
        assert before.span.end <= after.span.start
    for span, speech, _ in found:
        assert 0 <= span.start <= speech.start < speech.end <= span.end
        assert span.end <= (len(probabilities) + 1) * WINDOW
        assert span.end - span.start <= config.max_speech_s * RATE


@given(st.lists(st.floats(0.3, 1), max_size=300))
def test_a_certain_segment_is_never_dropped_nor_cut_before_the_promised_sample(
    probabilities: list[float],
) -> None:
    endpointer = Endpointer(PATIENT, WINDOW, RATE)
    earliest_cut: int | None = None  # of a segment that is certain
    probabilities = [*probabilities, *[0.9] * 70]  # too long at the last
    n_cut = 0
    for probability in probabilities:
        endpoint = endpointer.push(probability)
        if endpoint is not None and endpoint.ending == "length" and earliest_cut is not None:
            assert endpoint.span.end >= earliest_cut
            n_cut += 1
        ongoing = endpointer.ongoing
        if earliest_cut is not None and ongoing is None:
            assert endpoint is not None
        earliest_cut = ongoing.earliest_cut if ongoing and ongoing.is_certain else None
    assert n_cut >= 1


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 0.3},
        {"neg_threshold": 0.0},
        {"speech_pad_ms": 60},
        {"max_speech_s": 0.5},
        {"min_speech_ms": -1},
        {"max_silence_ms": 95},
        {"max_silence_ms": 600_001},
    ],
)
def test_impossible_configurations_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="need"):
        EndpointConfig(**{**vars(CONFIG), **change})


@pytest.mark.parametrize(
    ("change", "window"),
    [({"min_silence_ms": 1_000, "speech_pad_ms": 500, "max_speech_s": 1.0}, WINDOW), ({}, RATE)],
)
def test_a_longest_speech_without_room_for_a_cut_is_refused(
    change: dict[str, Any], window: int
) -> None:
    with pytest.raises(InputError, match="need max_speech_s with room for "):
        Endpointer(replace(CONFIG, **change), window, RATE)
