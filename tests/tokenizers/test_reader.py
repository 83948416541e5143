"""tokenizer.json: the one that ships, and what in others is refused."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from earlet import tokenizers
from earlet.errors import BundleError

FILE = Path(__file__).parents[2] / "models" / "moonshine-tiny-en" / "tokenizer.json"
TEXT = FILE.read_text(encoding="utf-8")
OURS = tokenizers.from_json(TEXT, "tokenizer.json")
HALF = tokenizers.detokenizer_from_json(TEXT, "tokenizer.json")
THEIRS = Tokenizer.from_str(TEXT)

byte_pieces = st.integers(3, 258)  # <0x00> to <0xFF>
any_ids = st.lists(st.one_of(st.integers(0, OURS.n_vocab - 1), byte_pieces), max_size=30)


@given(any_ids)
def test_any_ids_decode_as_in_tokenizers(ids: list[int]) -> None:
    assert OURS.decode(ids) == THEIRS.decode(ids)


@given(st.text(max_size=60))
def test_any_text_has_the_ids_of_tokenizers_and_comes_back(text: str) -> None:
    ids = OURS.encode(text).ids
    assert ids == THEIRS.encode(text).ids
    assert OURS.decode(ids) == THEIRS.decode(ids)


@pytest.mark.parametrize(
    "text", ["Hello, world.", "naïve café", "日本語", "😀 ok", "a  b", "", " ", "don't"]
)
def test_text_decodes_to_itself(text: str) -> None:
    assert OURS.decode(OURS.encode(text).ids) == text


@given(any_ids)
def test_half_a_tokenizer_decodes_like_a_whole_one(ids: list[int]) -> None:
    assert HALF.decode(ids) == THEIRS.decode(ids)
    assert HALF.n_vocab == OURS.n_vocab
    assert HALF.id_of("\u2581the") == THEIRS.token_to_id("\u2581the")


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    ids = [3 + 0xC3, 3 + 0x28]  # an unfinished sequence, then "("
    assert OURS.decode(ids) == THEIRS.decode(ids) == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.json: not JSON"),
        ("[" * 60_000, "t.json: not JSON"),
        ("[]", "t.json: expected a mapping, got list"),
        ("{}", "t.json: model: expected a mapping, got NoneType"),
        ('{"modle": 1}', "unknown key 'modle'; did you mean 'model'?"),
        (r'{"model": {"vocab": {"\ud800": 0}}}', "t.json: not JSON: 'utf-8' codec can't encode"),
    ],
    ids=["empty", "deep", "list", "no model", "misspelt", "half a character"],
)
def test_what_is_no_tokenizer_is_refused(text: str, message: str) -> None:
    with pytest.raises(BundleError) as caught:
        tokenizers.from_json(text, "t.json")
    assert message in str(caught.value)


BPE: dict[str, Any] = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
WORDPIECE: dict[str, Any] = {
    "type": "WordPiece",
    "vocab": {"[UNK]": 0, "a": 1, "##a": 2},
    "unk_token": "[UNK]",
    "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
}
UNIGRAM: dict[str, Any] = {"type": "Unigram", "vocab": [["<unk>", 0.0], ["a", -1.5]], "unk_id": 0}


@pytest.mark.parametrize("model", [BPE, WORDPIECE, UNIGRAM], ids=lambda model: model["type"])
def test_half_a_tokenizer_needs_no_parts_for_encoding(model: dict[str, Any]) -> None:
    text = json.dumps({"model": model, "normalizer": {"type": "Nmt"}})
    theirs = Tokenizer.from_str(json.dumps({"model": model}))
    assert tokenizers.detokenizer_from_json(text, "t.json").decode([1, 0]) == theirs.decode([1, 0])
    with pytest.raises(BundleError, match="unsupported type 'Nmt'"):
        tokenizers.from_json(text, "t.json")


@pytest.mark.parametrize("typed", [True, False], ids=["with type", "without, as in older files"])
@pytest.mark.parametrize("model", [BPE, WORDPIECE, UNIGRAM], ids=lambda model: model["type"])
def test_a_model_alone_is_a_tokenizer(model: dict[str, Any], typed: bool) -> None:
    model = {key: value for key, value in model.items() if typed or key != "type"}
    ours = tokenizers.from_json(json.dumps({"model": model}), "t.json")
    theirs = Tokenizer.from_str(json.dumps({"version": "1.0", "model": {**model}}))
    assert ours.encode("aa").ids == theirs.encode("aa").ids


@pytest.mark.parametrize(
    "pre_tokenizer", [None, {"type": "Metaspace", "replacement": "\u2581", "split": False}]
)
@pytest.mark.parametrize(
    "merges",
    [
        ["\u2581 a", "a b", "\u2581 \u2581", "\u2581a b"],
        ["a b", "b \u2581", "ab \u2581"],  # joins across the end of a word
        ["a b", "b b", "a b"],  # the last of two like merges counts
    ],
    ids=["within words", "across", "twice"],
)
@pytest.mark.parametrize("unk_token", [None, "?"], ids=["unknown left out", "unknown"])
@pytest.mark.parametrize("ignore_merges", [False, True], ids=["cut", "whole words kept"])
def test_a_text_that_is_one_word_is_joined_as_in_tokenizers(
    pre_tokenizer: dict[str, Any] | None,
    merges: list[str],
    unk_token: str | None,
    ignore_merges: bool,
) -> None:
    joined = (merge.replace(" ", "") for merge in merges)
    pieces = dict.fromkeys(
        ["?", "\u2581", "a", "b", *joined, "\u2581bb"]
    )  # no merge makes the last
    vocab = {piece: i for i, piece in enumerate(pieces)}
    options = {"unk_token": unk_token, "ignore_merges": ignore_merges}
    model = {"type": "BPE", "vocab": vocab, "merges": merges, **options}
    text = json.dumps({"model": model, "pre_tokenizer": pre_tokenizer})
    ours, theirs = tokenizers.from_json(text, "t.json"), Tokenizer.from_str(text)
    for written in map("".join, product("ab\u2581 ", repeat=5)):
        assert ours.encode(written).ids == theirs.encode(written).ids


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"type": "WordLevel", "vocab": {"a": 0}}, "unsupported type 'WordLevel'"),
        ({**BPE, "dropout": 0.1}, "dropout is not supported"),
        ({**BPE, "end_of_word_suffix": "</w>"}, "end_of_word_suffix is not supported"),
        ({**BPE, "continuing_subword_prefix": "##"}, "continuing_subword_prefix is not"),
        ({**BPE, "byte_fallback": True}, "byte_fallback needs the piece <0x00>"),
        ({**BPE, "unk_token": "z"}, "its unk_token 'z' is not in its vocab"),
        ({**BPE, "merges": ["a c"]}, "merges: expected two pieces that give a third, got 'a c'"),
        ({**BPE, "merges": [["a", "b", "c"]]}, "merges: expected two pieces"),
        ({**BPE, "merges": [7]}, "merges: expected two pieces that give a third, got 7"),
        ({**BPE, "merges": {"a": "b"}}, "merges: expected a list, got dict"),
        ({**BPE, "vocab": {"a": "0"}}, "'a' has the id '0'; expected 0 to"),
        ({**BPE, "vocab": {"a": True}}, "'a' has the id True"),
        ({**BPE, "vocab": {"a": -1}}, "'a' has the id -1"),
        ({**BPE, "vocab": {"a": 10**12}}, "'a' has the id 1000000000000"),
        ({**BPE, "vocab": {}}, "vocab is empty"),
        ({**BPE, "vocab": {"a": 0, "b": 0, "ab": 1}}, "two pieces have the same id"),
        ({**BPE, "speed": 3}, "unknown key 'speed'"),
        ({**WORDPIECE, "unk_token": "z"}, "its unk_token 'z' is not in its vocab"),
        ({**WORDPIECE, "vocab": ["a"]}, "vocab: expected a mapping, got list"),
        ({**UNIGRAM, "unk_id": 2}, "expected an unk_id in its vocab, got 2"),
        ({**UNIGRAM, "unk_id": None}, "expected an unk_id in its vocab, got None"),
        ({**UNIGRAM, "vocab": [["a"]]}, r"expected \[piece, score\], got \['a'\]"),
        ({**UNIGRAM, "vocab": [["a", float("inf")]]}, r"expected \[piece, score\]"),
        ({**UNIGRAM, "vocab": [["a", 10**400]]}, r"expected \[piece, score\]"),
        ({**UNIGRAM, "vocab": []}, r"expected a list of \[piece, score\]"),
    ],
)
def test_a_model_that_is_not_supported_is_refused_by_name(
    model: dict[str, Any], message: str
) -> None:
    with pytest.raises(BundleError, match=f"^t.json.*{message}"):
        tokenizers.from_json(json.dumps({"model": model}), "t.json")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"normalizer": {"type": "Nmt"}}, "normalizer: unsupported type 'Nmt'"),
        ({"normalizer": {"type": "NFKC", "x": 1}}, "normalizer: unsupported type 'NFKC'"),
        (
            {"normalizer": {"type": "Replace", "pattern": {"Regex": "a+"}, "content": ""}},
            r"normalizer Replace.pattern: unsupported regular expression 'a\+'",
        ),
        (
            {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase", "x": 1}]}},
            "normalizer Lowercase: unknown key 'x'",
        ),
        ({"normalizer": {"type": "Sequence"}}, "normalizer Sequence: expected a list"),
        ({"normalizer": "NFC"}, "normalizer: expected a mapping, got str"),
        ({"pre_tokenizer": {"type": "Split"}}, "pre_tokenizer: unsupported type 'Split'"),
        ({"pre_tokenizer": {"type": "Digits"}}, "pre_tokenizer: unsupported type 'Digits'"),
        (
            {"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "first"}},
            "pre_tokenizer Metaspace.prepend_scheme: expected one of always, never, got 'first'",
        ),
        (
            {"pre_tokenizer": {"type": "Metaspace", "replacement": ""}},
            "pre_tokenizer Metaspace: expected one character",
        ),
        (
            {"pre_tokenizer": {"type": "Metaspace", "replacement": " "}},
            "pre_tokenizer Metaspace: expected one character, no space,",
        ),
        ({"decoder": {"type": "CTC"}}, "decoder: unsupported type 'CTC'"),
        ({"decoder": {"type": "WordPiece", "prefix": 1}}, "decoder WordPiece.prefix: expected a"),
        ({"post_processor": {"type": "Rot13"}}, "post_processor: unsupported type 'Rot13'"),
        ({"truncation": {"strategy": "Random"}}, "truncation.strategy: expected one of"),
        ({"added_tokens": {}}, "added_tokens: expected a list, got dict"),
        ({"added_tokens": [{"content": "x"}]}, "added_tokens: the key 'id' is missing"),
        ({"added_tokens": [{"id": 1, "content": "x"}]}, "two pieces have the same id"),
        ({"added_tokens": [{"id": 7, "content": "a"}]}, "the added token 'a' has the id 7"),
        ({"added_tokens": [{"id": -1, "content": "x"}]}, "the added token 'x' has the id -1"),
        (
            {"added_tokens": [{"id": 9, "content": "x", "single_word": True}]},
            "added_tokens: the token 'x': single_word is not supported",
        ),
    ],
)
def test_a_part_that_is_not_supported_is_refused_by_name(
    section: dict[str, Any], message: str
) -> None:
    with pytest.raises(BundleError, match=f"^t.json: {message}") as caught:
        tokenizers.from_json(json.dumps({"model": BPE, **section}), "t.json")
    assert str(caught.value).isprintable()
