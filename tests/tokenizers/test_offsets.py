"""Which characters a token stands for, held to the Rust `tokenizers` one component at a time."""

import base64
import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers

from earlet import tokenizers
from earlet.errors import InputError

# Every character is a token, so that offsets show what each of them stands for.
CHARACTERS: dict[str, Any] = {"type": "BPE", "vocab": {"?": 0}, "merges": [], "unk_token": "?"}
FORMS = ("NFC", "NFD", "NFKC", "NFKD")
STEPS: dict[str, dict[str, Any]] = {form: {"normalizer": {"type": form}} for form in FORMS} | {
    "accents": {"normalizer": {"type": "StripAccents"}},
    "lower case": {"normalizer": {"type": "Lowercase"}},
    "albert": {
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Replace", "pattern": {"String": "aa"}, "content": '"'},
                {"type": "NFKD"},
                {"type": "StripAccents"},
                {"type": "Lowercase"},
            ],
        }
    },
    "strip": {"normalizer": {"type": "Strip", "strip_left": True, "strip_right": True}},
    "strip the end": {"normalizer": {"type": "Strip", "strip_left": False, "strip_right": True}},
    "prepend": {"normalizer": {"type": "Prepend", "prepend": "▁▁"}},
    "shorten": {
        "normalizer": {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
    },
    "lengthen": {"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "xyz"}},
    "remove": {"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": ""}},
    "metaspace": {
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}
    },
    "white space": {"pre_tokenizer": {"type": "WhitespaceSplit"}},
    "both": {
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
            ],
        }
    },
    "byte level": {
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True},
    },
    **{
        f"bert {options}": {
            "normalizer": {
                "type": "BertNormalizer",
                "clean_text": True,
                "handle_chinese_chars": True,
                **options,
            },
            "pre_tokenizer": {"type": "BertPreTokenizer"},
        }
        for options in (
            {"strip_accents": None, "lowercase": True},
            {"strip_accents": None, "lowercase": False},
            {"strip_accents": True, "lowercase": False},
        )
    },
}

# Letters that become more or fewer, marks of several classes in any order, Korean, what vanishes.
PIECES = [
    "a", "e", "é", "ệ", "Å", "İ", "\ufb01", "\ufdfa", "①", "\u0301", "\u0302", "\u0323", "\u0344",
    "\u1100", "\u1161", "\u11a8", "가", "각", "\uff76\uff9e", "\u0928\u093c", "\u0f73", "中", "😀",
    "\u05e9\u05bc\u05c1", " ", "  ", "\t", "\u00a0", "\u3000", "\x00", "\u200d", "\u202e", "!", "▁",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def both(**sections: object) -> tuple[tokenizers.Tokenizer, Tokenizer]:
    document = json.dumps({"version": "1.0", "model": CHARACTERS, **sections})
    return tokenizers.from_json(document, "t.json"), Tokenizer.from_str(document)


BOTH = {step: both(**sections) for step, sections in STEPS.items()}


@given(text=texts)
def test_every_character_stands_for_those_that_tokenizers_says(text: str) -> None:
    for step, (ours, theirs) in BOTH.items():
        assert ours.offsets(text) == theirs.encode(text).offsets, step


@pytest.fixture(scope="module")
def mapped(charsmap: Callable[..., bytes]) -> tuple[tokenizers.Tokenizer, Tokenizer]:
    replaced = {"1": "one", "e\u0301": "é", "x": "", "abc": "-"}
    data = base64.b64encode(charsmap(replaced)).decode()
    return both(normalizer={"type": "Precompiled", "precompiled_charsmap": data})


@given(text=st.text(st.sampled_from("1e\u0301\u0323ab中")))
def test_a_character_map_keeps_what_characters_stand_for(
    mapped: tuple[tokenizers.Tokenizer, Tokenizer], text: str
) -> None:
    ours, theirs = mapped
    assert ours.offsets(text) == theirs.encode(text).offsets
    assert ours.offsets("axb") == theirs.encode("axb").offsets == [(0, 1), (2, 3)]


def test_what_a_map_removes_moves_nothing(
    mapped: tuple[tokenizers.Tokenizer, Tokenizer],
) -> None:
    # `tokenizers` 0.22 is off by one from there on where the text begins with what is removed, or
    # where it follows what became longer.
    ours, _ = mapped
    for text, expected in (("xab", "ab"), ("1xa", "111a")):
        assert "".join(text[begin:end] for begin, end in ours.offsets(text)) == expected


MODELS: dict[str, dict[str, Any]] = {
    "bytes of characters": {
        "type": "BPE",
        "vocab": {f"<0x{byte:02X}>": byte for byte in range(256)} | {"a": 256, "aa": 257},
        "merges": ["a a"],
        "byte_fallback": True,
    },
    "unknown characters": {
        "type": "BPE",
        "vocab": {"?": 0, "a": 1, "b": 2, "ab": 3},
        "merges": ["a b"],
        "unk_token": "?",
    },
    "unknown characters as one": {
        "type": "BPE",
        "vocab": {"?": 0, "a": 1, "b": 2, "ab": 3},
        "merges": ["a b"],
        "unk_token": "?",
        "fuse_unk": True,
    },
    "whole words": {
        "type": "BPE",
        "vocab": {"a": 0, "b": 1, "é": 2, "€": 3, "abab": 4},
        "merges": [],
        "ignore_merges": True,
    },
    "WordPiece": {
        "type": "WordPiece",
        "vocab": {"[UNK]": 0, "a": 1, "##a": 2, "##b": 3, "##ab": 4, "é": 5},
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 4,
    },
    "Unigram": {
        "type": "Unigram",
        "vocab": [["?", 0.0], ["a", -1.0], ["b", -1.0], ["ab", -1.5], ["éa", -1.0]],
        "unk_id": 0,
    },
    "bytes of pieces": {
        "type": "Unigram",
        "vocab": [[f"<0x{byte:02X}>", -20.0] for byte in range(256)] + [["ab", -1.5]],
        "unk_id": 0,
        "byte_fallback": True,
    },
}


@pytest.mark.parametrize("model", MODELS)
def test_pieces_stand_for_those_characters_that_tokenizers_says(model: str) -> None:
    ours, theirs = both(model=MODELS[model])
    for text in map("".join, product("abé€", repeat=5)):
        expected = theirs.encode(text)
        assert (ours.ids(text), ours.offsets(text)) == (expected.ids, expected.offsets)


SPACED = ["", "a", " a", "  a b  ", "<m>a", "a <m> b", "a  <m>", "\n\n a", "a\u3000b ", "é <m>é"]


@pytest.mark.parametrize("adds", [True, False], ids=["a space before the text", "none"])
@pytest.mark.parametrize("trims", [True, False], ids=["trimmed", "not"])
@pytest.mark.parametrize("kind", ["ByteLevel", "RobertaProcessing"])
def test_spaces_are_taken_off_where_the_file_says_so(kind: str, trims: bool, adds: bool) -> None:
    special = {"sep": ["</s>", 2], "cls": ["<s>", 1]} if kind == "RobertaProcessing" else {}
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {piece: i for i, piece in enumerate(["?", "<s>", "</s>", "<m>", *alphabet, "ĠĠ", "Ġa"])}
    added = {"id": 3, "content": "<m>", "lstrip": True, "rstrip": True, "normalized": False}
    ours, theirs = both(
        model={"type": "BPE", "vocab": vocab, "merges": ["Ġ Ġ", "Ġ a"]},
        pre_tokenizer={"type": "ByteLevel", "add_prefix_space": adds, "trim_offsets": True},
        post_processor={
            "type": kind, "trim_offsets": trims, "add_prefix_space": adds, **special
        },
        truncation={"max_length": 9, "strategy": "LongestFirst", "direction": "Left", "stride": 0},
        added_tokens=[{**added, "single_word": False, "special": True}],
    )  # fmt: skip
    for text, pair in product(SPACED, [None, *SPACED]):
        assert ours.offsets(text, pair) == theirs.encode(text, pair).offsets


@pytest.mark.parametrize("direction", ["Right", "Left"])
@pytest.mark.parametrize("strategy", ["LongestFirst", "OnlyFirst", "OnlySecond"])
def test_cut_texts_keep_the_offsets_of_what_is_left(strategy: str, direction: str) -> None:
    truncation = {"max_length": 7, "strategy": strategy, "direction": direction, "stride": 0}
    post_processor = {"type": "BertProcessing", "sep": ["?", 0], "cls": ["?", 0]}
    ours, theirs = both(truncation=truncation, post_processor=post_processor)
    for text, pair in (("ab", "cd"), ("abc", "defgh"), ("abcdefgh", "i"), ("a", "bcdefghi")):
        if strategy == "OnlyFirst":
            text, pair = pair, text
        try:
            expected = theirs.encode(text, pair).offsets
        except Exception:  # noqa: BLE001, it is of no narrower type
            with pytest.raises(InputError, match="only that text may be cut"):
                ours.offsets(text, pair)
        else:
            assert ours.offsets(text, pair) == expected
            assert len(expected) == len(ours.encode(text, pair).ids)
