"""SentencePiece's character maps, held to the Rust `tokenizers`."""

import base64
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from earlet.errors import BundleError
from earlet.tokenizers.charsmap import Precompiled

Maker = Callable[..., bytes]
REPLACED = {
    "a": "A",
    "\r": "<cr>",
    "\n": "<lf>",
    "é": "E",
    "ne": "NE",
    "\u0301": "'",
    "\u0600": "#",
}

# A sign before or after "a": within one cluster of less than six bytes, it is replaced with it.
ASSIGNED = [
    char
    for char in map(chr, [*range(1, 0x20000), *range(0xE0000, 0xE01F0)])
    if unicodedata.category(char) not in ("Cs", "Cn", "Co", "Lo")
]
LETTERS_THAT_JOIN = "\u0d4e\u0e33\u0eb3\U000111c2\U000111c3"


def both(data: bytes) -> tuple[Precompiled, normalizers.Precompiled]:
    ours = Precompiled(precompiled_charsmap=base64.b64encode(data).decode())
    return ours, normalizers.Precompiled(data)


@pytest.fixture(scope="module")
def maps(charsmap: Maker) -> tuple[Precompiled, normalizers.Precompiled]:
    return both(charsmap(REPLACED))


def test_every_sign_joins_the_letter_before_it_as_in_tokenizers(
    maps: tuple[Precompiled, normalizers.Precompiled],
) -> None:
    ours, theirs = maps
    different = [
        char
        for char in [*ASSIGNED, *LETTERS_THAT_JOIN]
        if ours(f"a{char}") != theirs.normalize_str(f"a{char}")
    ]
    assert different == []


def test_every_sign_joins_the_letter_after_it_as_in_tokenizers(charsmap: Maker) -> None:
    # It shows only in signs that are in the map themselves. Digits and symbols join none.
    signs = [char for char in ASSIGNED if unicodedata.category(char)[0] not in "LNS"]
    signs += LETTERS_THAT_JOIN
    ours, theirs = both(charsmap({char: f"<{ord(char)}>" for char in signs}))
    assert all(theirs.normalize_str(char) == f"<{ord(char)}>" for char in signs)
    different = [char for char in signs if ours(f"{char}a") != theirs.normalize_str(f"{char}a")]
    assert different == []


@given(
    text=st.text(st.sampled_from("anexé\r\n \u0301\u0323\u0600\u0605\u200d\ufe0f\u093e한😀\x00"))
)
def test_any_text_is_replaced_as_by_tokenizers(
    maps: tuple[Precompiled, normalizers.Precompiled], text: str
) -> None:
    ours, theirs = maps
    assert ours(text) == theirs.normalize_str(text)


@pytest.mark.parametrize("key", ["\r", "\n", "\r\n", "a", "ab"])
def test_plain_text_is_replaced_where_a_map_has_something_for_it(charsmap: Maker, key: str) -> None:
    ours, theirs = both(charsmap({key: "!"}))
    for text in ("a b", "ab", "a\r\nb", "a\rb", "a\nb"):
        assert ours(text) == theirs.normalize_str(text)


def test_a_map_of_two_million_units_has_long_offsets(charsmap: Maker) -> None:
    ours, theirs = both(charsmap(REPLACED, n_unused=1 << 21))
    assert ours("an é ne") == theirs.normalize_str("an é ne") == "An E ne"


@pytest.mark.parametrize("n_bytes", [0, 3, 4, 5, 40, 1_000])
def test_a_map_that_is_cut_off_is_refused(charsmap: Maker, n_bytes: int) -> None:
    with pytest.raises(BundleError, match="not a precompiled_charsmap"):
        both(charsmap(REPLACED)[:n_bytes])


def test_what_is_no_base64_is_refused() -> None:
    with pytest.raises(BundleError, match="not a precompiled_charsmap"):
        Precompiled(precompiled_charsmap="hello, world")


@given(units=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=300), text=st.text())
def test_a_map_of_nonsense_does_no_harm(units: list[int], text: str) -> None:
    packed = b"".join(unit.to_bytes(4, "little") for unit in units)
    data = len(packed).to_bytes(4, "little") + packed + b"some\0strings\0"
    Precompiled(precompiled_charsmap=base64.b64encode(data).decode())(text)
