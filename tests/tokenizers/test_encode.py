"""Text to ids and back, held to the Rust `tokenizers`: any text, by every kind of tokenizer."""

import json
import unicodedata
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, normalizers

from earlet import tokenizers
from earlet.errors import BundleError, InputError
from earlet.tokenizers.tokenizer import MAX_CHARS

# What tokenizers treat in ways of their own, beside characters of every sort.
FRAGMENTS = [
    "[SEP]", "[MASK]", " <mask> ", "</s>", "<unk>", "<s>", "<|0.00|>", "born free ", "BORN free",
    "'s", "'LL", "n't", " .", "``", "''", "  ", "\r\n", "\t", "\u00a0", "\u200d", "▁", "▁▁",
    "<0x41>", "\u039f\u0394\u039f\u03a3", "İ", "\ufb01", "①", "Å", "A\u030a", "e\u0301\u0301",
    "한글", "中文", "न\u093c", "\u0605a", "ⅷ", "²", "\x00", "\ufffd", "😀", "❤\ufe0f\u200d🔥",
    "Menschen", " and rights", "rights and", "e" * 20, "e" * 21, "1,000", " we'll",
    "a", "B", " ", "<mask> ", "born", "\u202e\u05e9\u05dc\u05d5\u05dd", "a\u0302\u0323",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "\u1100\u1161\u11a8",
]  # fmt: skip


def is_young(char: str) -> bool:
    """Whether the normal forms of `tokenizers`, which are those of Unicode 9, leave it alone."""
    if unicodedata.category(char)[0] == "M":
        return str(normalizers.StripAccents().normalize_str(char)) != ""
    return bool(unicodedata.decomposition(char)) and (
        normalizers.NFKD().normalize_str(char) != unicodedata.normalize("NFKD", char)
    )


YOUNG = "".join(filter(is_young, map(chr, [*range(0xD800), *range(0xE000, 0x20000)])))
characters = st.characters(exclude_categories=("Cs", "Cn"), exclude_characters=YOUNG)
texts = st.lists(
    st.sampled_from(FRAGMENTS) | st.text(characters, max_size=4), min_size=3, max_size=25
).map("".join)


class Both(NamedTuple):
    ours: tokenizers.Tokenizer
    theirs: Tokenizer
    removed: frozenset[str]  # which makes their offsets wrong: see test_offsets.py


@pytest.fixture(scope="session")
def both(trained: Tokenizer) -> Both:
    document = trained.to_str()
    removed = "\x07\u200d" if "Precompiled" in document else ""
    return Both(tokenizers.from_json(document, "tokenizer.json"), trained, frozenset(removed))


@given(text=texts, pair=st.none() | texts)
def test_any_text_and_pair_get_the_ids_and_offsets_of_tokenizers(
    both: Both, text: str, pair: str | None
) -> None:
    theirs = both.theirs.encode(text, pair)
    assert both.ours.encode(text, pair) == (theirs.ids, theirs.type_ids)
    if not both.removed & {*text, *(pair or "")}:
        assert both.ours.offsets(text, pair) == theirs.offsets


@pytest.mark.parametrize("special", ["", "B", "b"])
@pytest.mark.parametrize("normalizer", [None, {"type": "Lowercase"}], ids=["as it is", "lower"])
def test_tokens_that_look_alike_or_take_the_same_spaces_are_cut_out_as_by_tokenizers(
    normalizer: dict[str, str] | None, special: str
) -> None:
    vocab = {piece: i for i, piece in enumerate("?a bB")}
    added = [
        {
            "id": vocab[content],
            "content": content,
            "special": content == special,
            "normalized": content != " ",
            "lstrip": content != "b",
            "rstrip": content == " ",
            "single_word": False,
        }
        for content in " bB"
    ]
    model = {"type": "BPE", "vocab": vocab, "merges": [], "unk_token": "?"}
    text = json.dumps({"model": model, "normalizer": normalizer, "added_tokens": added})
    ours, theirs = tokenizers.from_json(text, "t.json"), Tokenizer.from_str(text)
    for written in map("".join, product("aB b", repeat=4)):
        expected = theirs.encode(written)
        assert ours.encode(written).ids == expected.ids
        assert ours.offsets(written) == expected.offsets


def test_every_two_fragments_have_the_ids_of_tokenizers(both: Both) -> None:
    for first in FRAGMENTS:
        text = "".join(first + second for second in FRAGMENTS)
        assert both.ours.encode(text).ids == both.theirs.encode(text).ids


@given(text=texts)
@settings(max_examples=30)
def test_ids_decode_to_the_text_of_tokenizers(both: Both, text: str) -> None:
    ids = both.theirs.encode(text).ids
    assert both.ours.decode(ids) == both.theirs.decode(ids)


@given(ids=st.lists(st.integers(0, 249), max_size=30))
@settings(max_examples=30)
def test_any_ids_decode_to_the_text_of_tokenizers(both: Both, ids: list[int]) -> None:
    assert both.ours.decode(ids) == both.theirs.decode(ids)


def test_pieces_and_their_ids_are_those_of_tokenizers(both: Both) -> None:
    assert both.ours.n_vocab == both.theirs.get_vocab_size()
    for piece, i in both.theirs.get_vocab().items():
        assert both.ours.id_of(piece) == i
    assert both.ours.id_of("no such piece") is None


@pytest.mark.parametrize(
    "word",
    ["ab" * 24, "ab" * 24 + "a", "ab" * 2_000, "中" * 2_000, "e\u0301" * 2_000, "  " * 2_000],
)
def test_a_word_without_an_end_is_cut_as_by_tokenizers(both: Both, word: str) -> None:
    assert both.ours.encode(word).ids == both.theirs.encode(word).ids


def test_unknown_characters_without_an_end_are_one_piece() -> None:
    vocab = [["?", 0.0], ["a", -1.0]]
    document = json.dumps({"model": {"type": "Unigram", "vocab": vocab, "unk_id": 0}})
    assert tokenizers.from_json(document, "t.json").encode("a" + "中" * 500_000).ids == [1, 0]


def test_words_are_the_same_the_second_time_and_when_no_more_are_remembered(
    trained: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("earlet.tokenizers.tokenizer.MAX_WORDS", 5)
    ours = tokenizers.from_json(trained.to_str(), "tokenizer.json")
    text = "all human beings are born free, all human beings are born equal"
    for _ in range(2):
        assert ours.encode(text).ids == trained.encode(text).ids


def test_half_of_a_pair_of_surrogates_is_refused_and_its_place_told(both: Both) -> None:
    with pytest.raises(InputError, match="text: character 2 is half of a pair of surrogates"):
        both.ours.encode("ab\ud800")
    with pytest.raises(InputError, match="text_pair: character 0 "):
        both.ours.encode("ab", "\udfff")


def test_more_text_than_a_book_is_refused(both: Both) -> None:
    with pytest.raises(InputError, match="text: expected at most 1000000 characters, got 1000001"):
        both.ours.encode("a" * (MAX_CHARS + 1))


def test_a_text_that_grows_without_measure_when_it_is_normalised_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("earlet.tokenizers.tokenizer.MAX_CHARS", 1_000)
    model = {"type": "Unigram", "vocab": [["?", 0.0]], "unk_id": 0}
    document = json.dumps({"model": model, "normalizer": {"type": "NFKC"}})
    text = "\ufdfa" * 1_000  # a blessing of 18 letters in one character
    tokenizer = tokenizers.from_json(document, "t.json")
    for walk in (tokenizer.encode, tokenizer.offsets):
        with pytest.raises(InputError, match=r"at most 4000 characters .*, got 18000"):
            walk(text)


@pytest.mark.parametrize("text", [None, 7, b"bytes", ["a", "list"]])
def test_what_is_no_text_is_refused(both: Both, text: object) -> None:
    with pytest.raises(InputError, match="text: expected a string, got "):
        both.ours.encode(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("i", [99_999, -1])
def test_an_id_outside_the_vocabulary_is_refused(both: Both, i: int) -> None:
    with pytest.raises(BundleError, match=f"token {i} is not in the vocabulary"):
        both.ours.decode([i])


@pytest.mark.parametrize(
    "vocab",
    [
        [["?", 0.0], ["a", -1.0], ["b", -1.0], ["ab", -2.0]],  # both ways are as likely
        [["?", 0.0], ["a", -1.0], ["b", -1.0], ["bab", -2.5], ["ab", -1.5]],
        [["?", 0.0], ["a", 1.0], ["ab", -1.0], ["ba", -2.0]],  # "b" alone is unknown
        [["?", 0.0], ["a", -3.0], ["a", -1.0], ["aa", -2.5]],  # a piece that is there twice
        [["ab", -1.5], ["a", -1.0], ["b", -1.0]],  # a piece that stands for unknown characters
    ],
)
def test_scores_decide_as_in_tokenizers(vocab: list[list[object]]) -> None:
    document = json.dumps({"model": {"type": "Unigram", "vocab": vocab, "unk_id": 0}})
    ours, theirs = tokenizers.from_json(document, "t.json"), Tokenizer.from_str(document)
    for text in map("".join, product("abx", repeat=5)):
        assert ours.encode(text).ids == theirs.encode(text).ids
