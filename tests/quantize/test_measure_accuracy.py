"""Accuracy of two bundles, held to textbook statistics; word errors, to worked examples."""

import difflib
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet_quantize.errors import DataError
from earlet_quantize.measure.accuracy import compare, confusions
from earlet_quantize.measure.results import Confusion
from earlet_quantize.measure.words import normalize, word_error_rate, word_errors

ASR: Final = "automatic-speech-recognition"


def test_accuracy_is_the_share_of_right_labels_and_the_drop_their_difference() -> None:
    right = ["cat", "dog", "cat", "cow"]
    found = compare("image-classification", right, ["cat", "dog", "cat", "cat"], ["cat"] * 4)
    assert (found.metric, found.n, found.n_changed) == ("accuracy", 4, 1)
    assert (found.float_value, found.int8_value, found.drop) == (75.0, 50.0, 25.0)


def test_where_int8_is_better_the_drop_is_negative() -> None:
    found = compare("text-classification", ["a", "b"], ["b", "b"], ["a", "b"])
    assert found.drop == -50.0


def test_a_word_error_rate_counts_words_not_utterances() -> None:
    right = ["one two three four five six seven eight", "nine ten"]
    found = compare(
        ASR, right, right, ["One two, three four five six seven.", "nine eleven twelve"]
    )
    assert (found.metric, found.n, found.n_changed) == ("word error rate", 2, 2)
    # One word left out, one wrong and one too many, of ten.
    assert (found.float_value, found.int8_value, found.drop) == (0.0, 30.0, 30.0)


def test_the_interval_is_that_of_the_paired_differences() -> None:
    n, worse, better = 1000, 60, 30
    right = ["yes"] * n
    float_answers = ["no"] * better + ["yes"] * (n - better)
    int8_answers = ["yes"] * (n - worse) + ["no"] * worse
    found = compare("audio-classification", right, float_answers, int8_answers)
    # Fleiss, "Statistical Methods for Rates and Proportions": difference of paired proportions.
    deviation = 100 * np.sqrt((worse + better) / n - ((worse - better) / n) ** 2) / np.sqrt(n)
    assert found.drop == pytest.approx(3.0)
    assert found.low == pytest.approx(3.0 - 1.96 * deviation, abs=0.1)
    assert found.high == pytest.approx(3.0 + 1.96 * deviation, abs=0.1)


def test_what_is_hard_for_both_does_not_widen_the_interval() -> None:
    right = ["yes"] * 400
    hard = ["no"] * 200 + ["yes"] * 200  # both are wrong on half of all examples
    found = compare("audio-classification", right, hard, ["no"] * 204 + ["yes"] * 196)
    assert found.drop == 1.0
    assert found.high - found.low < 2.1  # unpaired proportions of one half: 13.9


def test_no_difference_in_n_examples_is_certain_up_to_three_of_n() -> None:
    right = ["yes"] * 300
    found = compare("audio-classification", right, right, right)
    assert (found.n_changed, found.drop) == (0, 0.0)
    assert (found.low, found.high) == pytest.approx((-1.0, 1.0), abs=0.01)


def test_no_difference_in_two_examples_says_next_to_nothing() -> None:
    found = compare("audio-classification", ["yes"] * 2, ["yes"] * 2, ["yes"] * 2)
    # Clopper and Pearson, 1934: the one-sided limit of 95 % with 0 of 2 seen is 0.7764.
    assert (found.low, found.high) == pytest.approx((-77.64, 77.64), abs=0.01)


def test_a_drop_of_just_the_limit_is_not_more_than_it() -> None:
    right = ["yes"] * 1000
    answers = [["no"] * wrong + ["yes"] * (1000 - wrong) for wrong in (2, 9)]
    found = compare("audio-classification", right, *answers)
    assert found.drop == 0.7  # 0.9 - 0.2 is 0.7000000000000001


def test_transcripts_without_a_word_are_refused() -> None:
    with pytest.raises(DataError, match="expected transcripts with words"):
        compare(ASR, ["...", ""], ["a", "b"], ["a", "b"])


def test_an_utterance_without_words_counts_what_is_heard_in_it() -> None:
    found = compare(ASR, ["", "two words"], ["", "two words"], ["you", "two words"])
    assert (found.float_value, found.int8_value) == (0.0, 50.0)


def test_confusions_are_counted_the_most_frequent_first() -> None:
    right = ["go", "go", "up", "up", "up"]
    found = confusions("audio-classification", right, right, ["go", "no", "down", "down", "up"])
    assert found == (
        Confusion(label="up", float_label="up", int8_label="down", n=2),
        Confusion(label="go", float_label="go", int8_label="no", n=1),
    )
    assert confusions(ASR, ["a"], ["a"], ["b"]) == ()


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors"),
    [
        ("the cat sat", "the cat sat", 0),
        ("the cat sat", "the bat sat", 1),
        ("the cat sat", "cat sat", 1),
        ("the cat sat", "the big cat sat", 1),
        ("the cat sat on the mat", "cat the sat on mat", 3),
        ("k i t t e n", "s i t t i n g", 3),  # Levenshtein's own example, by letters
        ("", "a b", 2),
        ("a b", "", 2),
    ],
)
def test_word_errors_are_the_least_edits(reference: str, hypothesis: str, errors: int) -> None:
    assert word_errors(reference.split(), hypothesis.split()) == errors


@given(st.lists(st.sampled_from("abc"), max_size=7), st.lists(st.sampled_from("abc"), max_size=7))
def test_no_alignment_that_difflib_finds_has_fewer_errors(one: list[str], two: list[str]) -> None:
    codes = difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes()
    edits = sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in codes if tag != "equal")
    assert abs(len(one) - len(two)) <= word_errors(one, two) <= edits


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, WORLD!", ["hello", "world"]),
        ("don't 'quote' me", ["don't", "quote", "me"]),
        (
            "rock\N{RIGHT SINGLE QUOTATION MARK}n\N{RIGHT SINGLE QUOTATION MARK} roll",
            ["rock'n", "roll"],
        ),
        ("well-known 1,000", ["well", "known", "1", "000"]),
        ("\N{LATIN CAPITAL LETTER E WITH ACUTE}cole", ["\N{LATIN SMALL LETTER E WITH ACUTE}cole"]),
        (" ' -- ", []),
    ],
)
def test_what_counts_as_a_word(text: str, words: list[str]) -> None:
    assert normalize(text) == words


def test_a_rate_is_over_all_words() -> None:
    references = {"a": "one two three", "b": "four"}
    assert word_error_rate(references, {"a": "one two", "b": "five"}) == 50.0
    with pytest.raises(KeyError, match="b"):
        word_error_rate(references, {"a": "one two three"})
