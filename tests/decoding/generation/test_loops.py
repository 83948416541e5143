"""The guard against loops, on texts that people say and on repetitions that are made up."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet import tokenizers
from earlet.decoding.generation.loops import AT_THE_LIMIT, MAX_PERIOD, ON_THE_WAY, stuck

MODELS = Path(__file__).parents[3] / "models"

# As people say them; the last three are refrains of public domain.
SAID = [
    "no no no",
    "No, no, no, no, no, no, no, no.",
    "ha ha ha ha ha ha ha ha ha ha",
    "one one one one five one one one one",
    "eight eight eight eight eight eight eight eight",
    "very very very very very very good",
    "It is what it is, and what it is it is.",
    "Holy, holy, holy, Lord God Almighty! Holy, holy, holy, Lord God Almighty!",
    "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, life is "
    "but a dream. Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, "
    "merrily, life is but a dream.",
    "London Bridge is falling down, falling down, falling down. London Bridge is falling down, my "
    "fair lady.",
]


@pytest.fixture(scope="module")
def tokenizer() -> tokenizers.Tokenizer:
    text = (MODELS / "moonshine-tiny-en" / "tokenizer.json").read_text(encoding="utf-8")
    return tokenizers.from_json(text, "tokenizer.json")


def prefixes(tokens: list[int]) -> Iterator[list[int]]:
    return (tokens[:n] for n in range(len(tokens) + 1))


@pytest.mark.parametrize("text", SAID)
def test_what_people_repeat_is_no_loop(text: str, tokenizer: tokenizers.Tokenizer) -> None:
    assert {stuck(written) for written in prefixes(tokenizer.ids(text))} == {None}


def test_read_speech_is_no_loop_wherever_it_is_cut(
    shared_data: Path, tokenizer: tokenizers.Tokenizer
) -> None:
    table = shared_data / "speech" / "librispeech-test-other" / "transcripts.tsv"
    texts = [line.split("\t")[-1] for line in table.read_text("utf-8").lower().splitlines()]
    assert len(texts) == 40
    for text in texts:
        for written in prefixes(tokenizer.ids(text)):
            assert stuck(written) is stuck(written, full=True) is None


@given(
    before=st.lists(st.integers(100, 200), max_size=40),
    period=st.integers(1, MAX_PERIOD),
    further=st.integers(0, 40),
    full=st.booleans(),
)
def test_a_loop_is_cut_to_its_first_round(
    before: list[int], period: int, further: int, full: bool
) -> None:
    tokens, rounds = AT_THE_LIMIT if full else ON_THE_WAY
    n_repeated = max(tokens, rounds * period)
    loop = [i % period for i in range(period + n_repeated + further)]
    assert stuck([*before, *loop], full=full) == len(before) + period
    assert stuck([*before, *loop[: period + n_repeated - 1]], full=full) is None
    assert stuck([*before, *loop, 300], full=full) is None


def test_a_text_without_an_end_is_cut_early_enough() -> None:
    """Moonshine's limit for 30 s is 203 tokens, and Whisper's 224."""
    written = [*range(10), *([10, 11, 12, 13, 14, 15] * 40)]
    assert next(n for n, text in enumerate(prefixes(written)) if stuck(text) is not None) < 80
