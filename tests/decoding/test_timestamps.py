"""Whisper's times: the rule against transformers' processor, the cut followed by hand."""

from pathlib import Path

import numpy as np
import pytest

from earlet.decoding.generation.rules import never
from earlet.decoding.timestamps import Piece, certain, pieces, timestamps

EOS, NO_TIMESTAMPS, BEGIN = 20, 24, 25  # of tests/recipes/whisper_times.py


def test_the_rule_forbids_what_transformers_forbids(golden: Path) -> None:
    with np.load(golden / "whisper_times" / "rule.npz") as stored:
        texts, logits, forbidden = stored["written"], stored["logits"], stored["forbidden"]
    rules = [never((NO_TIMESTAMPS,)), timestamps(BEGIN, EOS)]
    for text, raw, expected in zip(texts, logits, forbidden, strict=True):
        left = raw.astype(np.float32)
        for rule in rules:
            rule(left, text[text >= 0].tolist())
        np.testing.assert_array_equal(np.isneginf(left), expected)
        np.testing.assert_array_equal(left[~expected], raw[~expected])


def test_what_is_stored_of_transformers_meets_every_case(golden: Path) -> None:
    with np.load(golden / "whisper_times" / "rule.npz") as stored:
        texts, forbidden = stored["written"], stored["forbidden"]
    written = [[int(token) for token in text if token >= 0] for text in texts]
    only_times = forbidden[:, :BEGIN].all(axis=1)
    assert sum(not text for text in written) > 10
    assert sum(text[-1:] >= [BEGIN] and text[-2:-1] >= [BEGIN] for text in written) > 10
    assert sum(text[-1:] >= [BEGIN] > text[-2:-1] > [] for text in written) > 10
    words = [only for only, text in zip(only_times, written, strict=True) if text[-1:] < [BEGIN]]
    assert 0.1 < np.mean(words) < 0.9  # where both may follow, times are likelier at times


def test_a_rule_leaves_logits_that_others_have_forbidden() -> None:
    logits = np.full(BEGIN + 80, -np.inf, dtype=np.float32)
    timestamps(BEGIN, EOS)(logits, [BEGIN, 3])
    assert np.isneginf(logits).all()


def time(seconds: float) -> int:
    return BEGIN + round(seconds * 50)


def test_times_in_pairs_part_segments() -> None:
    tokens = [time(0), 1, 2, time(1.5), time(1.5), 3, time(2)]
    found = pieces(tokens, BEGIN, 30.0)
    assert found == [Piece(0, 4, 0.0, 1.5, closed=True), Piece(4, 7, 1.5, 2.0, closed=True)]
    assert certain(found, 30.0) == (found, 30.0)  # nothing is said after a single last time


def test_a_segment_that_the_window_cuts_is_left_to_the_next() -> None:
    found = pieces([time(0.5), 1, time(1.5), time(1.6), 3], BEGIN, 30.0)
    assert found == [Piece(0, 3, 0.5, 1.5, closed=True), Piece(3, 5, 1.6, 30.0, closed=False)]
    assert certain(found, 30.0) == (found[:1], 1.5)


def test_a_pair_at_the_end_says_that_more_follows() -> None:
    found = pieces([time(0), 1, time(1.5), time(1.5)], BEGIN, 30.0)
    assert certain(found, 30.0) == ([Piece(0, 3, 0.0, 1.5, closed=True)], 1.5)


@pytest.mark.parametrize("tokens", [[1, 2], [time(0), 1, 2]])
def test_a_text_without_a_second_time_is_one_segment(tokens: list[int]) -> None:
    found = pieces(tokens, BEGIN, 4.0)
    assert found == [Piece(0, len(tokens), 0.0, 4.0, closed=False)]
    assert certain(found, 4.0) == (found, 4.0)


def test_no_segment_reaches_behind_the_end_of_the_sound() -> None:
    found = pieces([time(0), 1, time(1), time(9), 2, time(12)], BEGIN, 8.0)
    assert [(piece.start_s, piece.end_s) for piece in found] == [(0.0, 1.0), (8.0, 8.0)]


def test_no_tokens_are_no_segments() -> None:
    assert certain(pieces([], BEGIN, 3.0), 3.0) == ([], 3.0)
