"""SentencePiece's character maps, held to the Rust `tokenizers`."""

import base64
import unicodedata
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from earlet.errors import BundleError
from earlet.tokenizers.charsmap import Precompiled

Maker = Callable[[Mapping[str, str]], bytes]
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
    for char in map(chr, range(0x20000))
    if unicodedata.category(char) not in ("Cs", "Cn", "Lo")
] + [*map(chr, range(0xE0000, 0xE01F0))]


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
    different = [char for char in ASSIGNED if ours(f"a{char}") != theirs.normalize_str(f"a{char}")]
    assert different == []


def test_every_sign_joins_the_letter_after_it_as_in_tokenizers(charsmap: Maker) -> None:
    # It shows only in signs that are in the map themselves. Letters, digits and symbols join none.
    signs = [char for char in ASSIGNED[1:] if unicodedata.category(char)[0] not in "LNS"]
    signs.append("\u0d4e")  # but this one
    ours, theirs = both(charsmap({char: f"<{ord(char)}>" for char in signs}))
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
