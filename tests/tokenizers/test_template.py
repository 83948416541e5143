"""Templates and truncation, held to the Rust `tokenizers`."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from earlet import tokenizers
from earlet.errors import BundleError, InputError

VOCAB = {piece: i for i, piece in enumerate(["?", "[CLS]", "[SEP]", *"abcdefghijklm"])}


def document(**sections: object) -> dict[str, Any]:
    tokenizer = Tokenizer(models.WordPiece(VOCAB, unk_token="?"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return {**json.loads(tokenizer.to_str()), **sections}


def part(kind: str, name: str, type_id: int) -> dict[str, object]:
    return {kind: {"id": name, "type_id": type_id}}


SPECIAL = {"<x>": {"id": "<x>", "ids": [1, 2], "tokens": ["[CLS]", "[SEP]"]}}
OWN = {
    "type": "TemplateProcessing",
    "single": [part("Sequence", "A", 3), part("SpecialToken", "<x>", 0)],
    "pair": [
        part("Sequence", "B", 0),
        part("SpecialToken", "<x>", 2),
        part("Sequence", "A", 1),
    ],
    "special_tokens": SPECIAL,
}
CLS_SEP = {"sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}
OFFSETS = {"trim_offsets": False, "add_prefix_space": True}


@pytest.mark.parametrize(
    "post_processor",
    [
        None,
        {"type": "BertProcessing", **CLS_SEP},
        {"type": "RobertaProcessing", **CLS_SEP, **OFFSETS},
        {"type": "ByteLevel", **OFFSETS, "use_regex": True},
        OWN,
        {"type": "Sequence", "processors": [{"type": "ByteLevel", **OFFSETS}, OWN]},
    ],
    ids=["none", "bert", "roberta", "byte level", "own", "sequence"],
)
def test_special_tokens_and_type_ids_are_where_tokenizers_puts_them(
    post_processor: dict[str, Any] | None,
) -> None:
    text = json.dumps(document(post_processor=post_processor))
    ours, theirs = tokenizers.from_json(text, "tokenizer.json"), Tokenizer.from_str(text)
    for texts in (("a b c",), ("",), ("a b", "c d e"), ("", "a"), ("a", "")):
        expected = theirs.encode(*texts)
        assert ours.encode(*texts) == (expected.ids, expected.type_ids)
        assert ours.offsets(*texts) == expected.offsets


words = st.integers(0, 12).map(lambda n: " ".join("abcdefghijklm"[:n]))


@given(
    text=words,
    pair=st.none() | words,
    max_length=st.integers(3, 20),
    strategy=st.sampled_from(["LongestFirst", "OnlyFirst", "OnlySecond"]),
    direction=st.sampled_from(["Right", "Left"]),
)
@example("a b c", "a b c", 6, "OnlyFirst", "Right")  # room for just the one that may not be cut
@example("a", "a", 3, "OnlySecond", "Right")  # room for neither
@example("a b c", None, 5, "OnlySecond", "Right")  # just enough room
def test_texts_are_cut_as_by_tokenizers_or_refused_as_by_them(
    text: str, pair: str | None, max_length: int, strategy: str, direction: str
) -> None:
    truncation = {
        "max_length": max_length,
        "strategy": strategy,
        "direction": direction,
        "stride": 0,
    }
    written = json.dumps(document(truncation=truncation))
    ours = tokenizers.from_json(written, "tokenizer.json")
    try:
        theirs = Tokenizer.from_str(written).encode(text, pair)
    except Exception:  # noqa: BLE001, it is of no narrower type
        with pytest.raises(InputError, match=f"{strategy}: only that text may be cut"):
            ours.encode(text, pair)
    else:
        assert ours.encode(text, pair) == (theirs.ids, theirs.type_ids)
        assert ours.offsets(text, pair) == theirs.offsets


def test_a_length_that_is_asked_for_replaces_that_of_the_file() -> None:
    truncation = {"max_length": 5, "strategy": "LongestFirst", "direction": "Left", "stride": 0}
    ours = tokenizers.from_json(json.dumps(document(truncation=truncation)), "tokenizer.json")
    assert ours.encode("a b c d e").ids == [1, 5, 6, 7, 2]
    assert ours.encode("a b c d e", max_length=4).ids == [1, 6, 7, 2]
    assert ours.encode("a b c d e", max_length=9).ids == [1, 3, 4, 5, 6, 7, 2]


def test_a_length_without_room_for_the_special_tokens_is_refused() -> None:
    ours = tokenizers.from_json(json.dumps(document()), "tokenizer.json")
    assert ours.encode("a b", max_length=2).ids == [1, 2]
    with pytest.raises(InputError, match="expected at least the 3 special tokens, got 2"):
        ours.encode("a", "b", max_length=2)


@pytest.mark.parametrize(
    ("post_processor", "message"),
    [
        ({**OWN, "pair": OWN["single"]}, "each text in it once"),
        ({**OWN, "single": [part("Sequence", "C", 0)]}, "expected a text or a special token"),
        ({**OWN, "single": [part("SpecialToken", "<y>", 0)]}, "<y>: expected a mapping"),
        ({**OWN, "single": [part("Sequence", "A", 10**20)]}, "expected a text or a special token"),
        (
            {"type": "BertProcessing", "sep": ["[SEP]", -1], "cls": []},
            "expected a piece and its id",
        ),
        ({"type": "BertProcessing", "sep": ["[SEP]"], "cls": []}, "expected a piece and its id"),
        ({"type": "Sequence", "processors": [OWN, OWN]}, "expected one template, got 2"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused(
    post_processor: dict[str, Any], message: str
) -> None:
    with pytest.raises(BundleError, match=f"t.json: post_processor.*{message}"):
        tokenizers.from_json(json.dumps(document(post_processor=post_processor)), "t.json")
