"""Results compare, cannot be changed, and turn into the JSON that Hugging Face's tasks give."""

import dataclasses
import json

import pytest

from earlet.results import Chunk, Classification, Detection, Match, Partial, Segment, Transcript


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Classification("go", 0.5), '{"label": "go", "score": 0.5}'),
        (Chunk("hello", (0.5, 1.25)), '{"text": "hello", "timestamp": [0.5, 1.25]}'),
        (
            Partial("hello you", "hello", (0.5, 1.25)),
            '{"partial": "hello you", "stable": "hello", "timestamp": [0.5, 1.25]}',
        ),
        (Transcript("hello"), '{"text": "hello"}'),
        (Transcript("", ()), '{"text": "", "chunks": []}'),
        (
            Transcript("a b", (Chunk("a", (0.0, 1.0)), Chunk("b", (1.5, 2.0)))),
            '{"text": "a b", "chunks": [{"text": "a", "timestamp": [0.0, 1.0]}, '
            '{"text": "b", "timestamp": [1.5, 2.0]}]}',
        ),
        (
            Match("go {n}", {"n": "5"}, "go 5", 0.75),
            '{"template": "go {n}", "slots": {"n": "5"}, "text": "go 5", "confidence": 0.75}',
        ),
        (Segment(0.5, 1.5), '{"start_s": 0.5, "end_s": 1.5}'),
        (
            Detection("go", 0.5, 0.25, 1.0),
            '{"label": "go", "score": 0.5, "start_s": 0.25, "end_s": 1.0}',
        ),
    ],
)
def test_a_result_is_this_json(
    result: Classification | Chunk | Partial | Transcript | Match | Segment | Detection,
    expected: str,
) -> None:
    assert json.dumps(result.to_json()) == expected


def test_results_of_the_tasks_have_the_keys_of_transformers_results() -> None:
    assert Classification("go", 0.5)["label"] == "go"
    transcript = Transcript("a b", (Chunk("a", (0.0, 1.0)), Chunk("b", (1.5, 2.0))))
    assert transcript["text"] == "a b"
    start_s, end_s = transcript["chunks"][1]["timestamp"]
    assert (start_s, end_s) == (1.5, 2.0)
    with pytest.raises(KeyError):
        Transcript("a b")["chunks"]
    with pytest.raises(TypeError):
        list(Classification("go", 0.5))  # type: ignore[call-overload]


def test_results_of_the_same_values_are_equal_and_hash_alike() -> None:
    one, other = (Transcript("a", (Chunk("a", (0.0, 1.0)),)) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Transcript("a")


def test_a_result_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Segment(0.0, 1.0).start_s = 0.5  # type: ignore[misc]


def test_a_result_prints_as_what_would_make_it() -> None:
    assert repr(Classification("go", 0.5)) == "Classification(label='go', score=0.5)"
