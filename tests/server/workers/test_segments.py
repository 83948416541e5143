"""Log-probabilities of what stands in a text, whatever its tokens hold."""

from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earlet.decoding.recogniser import Recogniser, Segment
from earlet.server.workers.segments import logprobs


class Pieces:
    """Of a recogniser, what its tokens stand for: bytes, which are decoded as one text."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def text(self, tokens: tuple[int, ...]) -> str:
        return b"".join(self._pieces[token] for token in tokens).decode("utf-8", "replace").strip()

    def told(self, *sure: float) -> list[tuple[str, float]]:
        tokens = (*range(len(self._pieces)),)
        segment = Segment(
            text=self.text(tokens), tokens=tokens, start_s=0.0, end_s=1.0, logprobs=sure
        )
        found = logprobs(cast(Recogniser, cast(Any, self)), segment)
        assert all(bytes(entry["bytes"]).decode() == entry["token"] for entry in found)
        return [(entry["token"], entry["logprob"]) for entry in found]


def test_each_token_has_its_own_and_the_end_has_none() -> None:
    told = Pieces(b" I", b" knew", b".").told(-1.0, -2.0, -4.0, -8.0)
    assert told == [("I", -1.0), (" knew", -2.0), (".", -4.0)]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"caf", b"\xc3", b"\xa9", b"s"], [("caf", -1.0), ("é", -6.0), ("s", -8.0)]),
        ([b"a", b" ", b"b", b" "], [("a", -1.0), (" b", -6.0)]),  # spaces at the end are no text
        ([b" ", b"", b"a", b"\xf0\x9f\xa6\x9e"], [("a", -7.0), ("🦞", -8.0)]),
    ],
)
def test_tokens_that_are_no_text_by_themselves_go_with_the_next(
    pieces: list[bytes], expected: list[tuple[str, float]]
) -> None:
    assert Pieces(*pieces).told(-1.0, -2.0, -4.0, -8.0) == expected


@given(st.text(min_size=1), st.lists(st.integers(0, 200)))
def test_together_they_are_the_text(text: str, cuts: list[int]) -> None:
    data = text.encode()
    borders = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[a:b] for a, b in pairwise(borders)]
    told = Pieces(*pieces).told(*[-1.0] * len(pieces))
    assert "".join(token for token, _ in told) == text.strip()
