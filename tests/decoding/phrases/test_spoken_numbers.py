"""Numbers in words, taken back to digits by the normaliser that Whisper is scored with."""

import pytest
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from earlet.decoding.phrases.spoken_numbers import MAX_NUMBER, readings

NORMALIZE = EnglishTextNormalizer({})


@pytest.mark.parametrize("number", [*range(130), 200, 342, 999, 1_000, 1_005, 60_017, MAX_NUMBER])
def test_every_reading_says_the_number(number: int) -> None:
    for words in readings(number):
        # "one" it leaves as it is, where it stands alone.
        assert NORMALIZE(" ".join(words)).replace("one", "1") == str(number)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (5, [("5",), ("five",)]),
        (40, [("40",), ("forty",)]),
        (42, [("42",), ("forty-two",), ("forty", "two")]),
        (115, [("115",), ("one", "hundred", "fifteen"), ("one", "hundred", "and", "fifteen")]),
    ],
)
def test_no_usual_reading_is_missing(number: int, expected: list[tuple[str, ...]]) -> None:
    assert readings(number) == expected
