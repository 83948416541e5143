"""Every character of Unicode, held to the Rust `tokenizers`."""

import unicodedata
from collections.abc import Callable

import pytest
from tokenizers import normalizers, pre_tokenizers

from earlet.tokenizers import normalizers as ours
from earlet.tokenizers.byte_level import ByteLevel, spell
from earlet.tokenizers.normalizers import Normalizer
from earlet.tokenizers.pre_tokenizers import PreTokenizer, WhitespaceSplit
from earlet.tokenizers.wordpiece import BertNormalizer, BertPreTokenizer

BULK = 0x3400  # from here on, ideographs, syllables and private use come in runs of thousands


def is_tried(char: str) -> bool:
    category = unicodedata.category(char)
    if category in ("Lo", "Co") and ord(char) >= BULK:
        return ord(char) % 40 == 0
    return category not in ("Cn", "Cs")


CHARACTERS = [char for char in map(chr, range(0x110000)) if is_tried(char)]
DIVES_AKURU_O = "\U00011938"  # of Unicode 13: its canonical decomposition is not known there
BLOCK = 512  # characters compared at a time


def differing(ours: Callable[[str], object], theirs: Callable[[str], object]) -> set[str]:
    """The characters of which the two do not make the same, among letters, digits and spaces."""
    found = set()
    for start in range(0, len(CHARACTERS), BLOCK):
        shown = [f"x{c}x1{c}1{c} {c}x x{c}" for c in CHARACTERS[start : start + BLOCK]]
        block = " ".join(shown)
        if ours(block) != theirs(block):
            different = {text[1] for text in shown if ours(text) != theirs(text)}
            found |= different or {block}
    return found


def normalizer(name: str) -> Normalizer:
    (step,) = ours.from_document({"type": name}, "normalizer")
    return step


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lowercase": False},
        {"lowercase": False, "strip_accents": True},
        {"strip_accents": False, "clean_text": False},
        {"handle_chinese_chars": False},
    ],
    ids=str,
)
def test_bert_normalises_every_character_alike(options: dict[str, bool]) -> None:
    theirs = normalizers.BertNormalizer(**options)
    assert differing(BertNormalizer(**options), theirs.normalize_str) <= {DIVES_AKURU_O}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (BertPreTokenizer(), pre_tokenizers.BertPreTokenizer()),
        (WhitespaceSplit(), pre_tokenizers.WhitespaceSplit()),
    ],
    ids=["bert", "white space"],
)
def test_every_character_splits_words_alike(
    ours: PreTokenizer, theirs: pre_tokenizers.PreTokenizer
) -> None:
    def words(text: str) -> list[str]:
        return [word for word, _ in theirs.pre_tokenize_str(text)]

    assert differing(ours, words) == set()


def test_every_character_is_in_the_class_of_gpt_2s_expression() -> None:
    theirs = pre_tokenizers.ByteLevel(add_prefix_space=False)
    split = ByteLevel(add_prefix_space=False)

    def words(text: str) -> list[str]:
        return [word for word, _ in theirs.pre_tokenize_str(text)]

    assert differing(lambda text: [*map(spell, split(text))], words) == set()


def test_every_character_has_the_lower_case_of_tokenizers() -> None:
    assert differing(normalizer("Lowercase"), normalizers.Lowercase().normalize_str) == set()


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD", "StripAccents"])
def test_normal_forms_differ_only_in_what_unicode_9_does_not_know(form: str) -> None:
    theirs = getattr(normalizers, form)()
    different = differing(normalizer(form), theirs.normalize_str)
    assert all(theirs.normalize_str(char) == char for char in different)
    assert len(different) < len(CHARACTERS) / 40
    assert not any(ord(char) < 0x7F0 for char in different)


@pytest.mark.parametrize("form", ["NFD", "NFKC"])
def test_half_a_million_marks_out_of_order_are_sorted_at_once(form: str) -> None:
    text = "e" + "\u0301\u0323" * 250_000  # Python's own way takes minutes
    assert normalizer(form)(text) == getattr(normalizers, form)().normalize_str(text)
