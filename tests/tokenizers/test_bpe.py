"""Decoding, held to the Rust `tokenizers` on the vocabulary that ships."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from earlet.errors import BundleError
from earlet.tokenizers.bpe import BpeTokenizer

FILE = Path(__file__).parents[2] / "models" / "moonshine-tiny-en" / "tokenizer.json"
TEXT = FILE.read_text(encoding="utf-8")
OURS = BpeTokenizer.from_json(TEXT, "tokenizer.json")
THEIRS = Tokenizer.from_str(TEXT)

byte_pieces = st.integers(3, 258)  # <0x00> to <0xFF>
any_ids = st.lists(st.one_of(st.integers(0, OURS.n_vocab - 1), byte_pieces), max_size=30)


@given(any_ids)
def test_any_ids_decode_as_in_tokenizers(ids: list[int]) -> None:
    assert OURS.decode(ids) == THEIRS.decode(ids)


@given(st.text(max_size=60))
def test_any_text_survives_the_round_trip(text: str) -> None:
    ids = THEIRS.encode(text).ids
    assert OURS.decode(ids) == THEIRS.decode(ids)


@pytest.mark.parametrize(
    "text", ["Hello, world.", "naïve café", "日本語", "😀 ok", "a  b", "", " ", "don't"]
)
def test_text_decodes_to_itself(text: str) -> None:
    assert OURS.decode(THEIRS.encode(text).ids) == text


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    ids = [3 + 0xC3, 3 + 0x28]  # an unfinished sequence, then "("
    assert OURS.decode(ids) == THEIRS.decode(ids) == "\ufffd\ufffd"


def test_an_id_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(BundleError, match="token 99999"):
        OURS.decode([99999])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[]", "not a tokenizer.json"),
        ("{}", "not a tokenizer.json"),
        ("[" * 60_000, "not JSON"),
        (json.dumps({**json.loads(TEXT), "decoder": None}), "not a tokenizer.json"),
        (json.dumps({"model": {"type": "Unigram"}, "added_tokens": []}), "expected BPE"),
    ],
    ids=["empty", "list", "no model", "deep", "no decoder", "unigram"],
)
def test_other_files_are_refused(text: str, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        BpeTokenizer.from_json(text, "tokenizer.json")
