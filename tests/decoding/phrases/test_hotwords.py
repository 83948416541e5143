"""Hotwords: what their tokens earn, counted by hand, and what they do to real speech."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import earlet.tokenizers
from earlet.arrays import FloatArray
from earlet.bundle import Bundle
from earlet.decoding.generation import search
from earlet.decoding.generation.options import GenerationOptions
from earlet.decoding.generation.rules import LogitRule
from earlet.decoding.phrases.hotwords import MAX_LINES, Hotword, hotwords, read_hotwords
from earlet.decoding.phrases.spelling import Speller
from earlet.decoding.seq2seq import Seq2Seq, Seq2SeqConfig
from earlet.errors import InputError
from earlet.features import from_manifest

BUNDLE = Path(__file__).parents[3] / "models" / "moonshine-tiny-en"
N_VOCAB = 8
EOS = 0
SAID = "when is a lobster not a lobster when it is a crayfish"


def encode(text: str) -> list[int]:
    """A token a letter, whatever its case: "abc" is 1, 2, 3; a space is none."""
    return [ord(char) - ord("a") + 1 for char in text.lower() if char != " "]


def decode(tokens: object) -> str:
    return "".join(chr(ord("a") + token - 1) for token in tokens)  # type: ignore[attr-defined]


SPELLER = Speller(encode, decode)


def earned(words: list[Hotword], tokens: list[int]) -> float:
    """What the rule gives a whole text, the end token included."""
    rule = hotwords(words, SPELLER)
    total = 0.0
    for i, token in enumerate([*tokens, EOS]):
        logits = np.zeros(N_VOCAB, dtype=np.float32)
        rule(logits, tokens[:i])
        total += float(logits[token])
    return total


@given(st.lists(st.integers(1, N_VOCAB - 1), max_size=12))
def test_whole_words_keep_what_they_earn_and_parts_of_words_nothing(tokens: list[int]) -> None:
    # No word begins as another ends, so that they can be counted one by one.
    words = [Hotword("abc", 2.0), Hotword("de", 0.5)]
    text = decode(tokens)
    expected = 3 * 2.0 * text.count("abc") + 2 * 0.5 * text.count("de")
    assert earned(words, tokens) == pytest.approx(expected)


def test_each_step_towards_a_word_is_boosted() -> None:
    rule = hotwords([Hotword("abc", 2.0)], SPELLER)
    for written, token, others in (([], 1, 0.0), ([7, 1], 2, -2.0), ([1, 2], 3, -4.0)):
        logits = np.zeros(N_VOCAB, dtype=np.float32)
        rule(logits, written)
        expected = np.full(N_VOCAB, others, dtype=np.float32)
        expected[1] += 2.0  # the word may begin anew
        expected[token] = 2.0
        np.testing.assert_array_equal(logits, expected)


def test_a_word_that_goes_on_is_no_failure() -> None:
    words = [Hotword("ab", 1.0), Hotword("abcd", 1.0)]
    assert earned(words, encode("ab")) == 2.0
    assert earned(words, encode("abc")) == 2.0
    assert earned(words, encode("abcd")) == 4.0


def test_the_end_of_a_failed_word_may_begin_another() -> None:
    assert earned([Hotword("abc", 1.0), Hotword("bd", 1.0)], encode("abd")) == 2.0


def test_what_is_forbidden_stays_forbidden() -> None:
    logits = np.full(N_VOCAB, -np.inf, dtype=np.float32)
    hotwords([Hotword("abc", 1.0)], SPELLER)(logits, [1])
    assert (logits == -np.inf).all()


def test_a_list_has_a_word_or_phrase_on_each_line() -> None:
    text = "\ufeff# names\nNuzhat al-Zaman\n\ncrayfish :1.5  # with a boost\n  at  6:30 :2 \r\n"
    assert read_hotwords(text, "words.txt") == [
        Hotword("Nuzhat al-Zaman"),
        Hotword("crayfish", 1.5),
        Hotword("at 6:30", 2.0),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "words.txt: expected a word or phrase on each line, there is none"),
        ("# only\n", "words.txt: expected a word or phrase on each line, there is none"),
        ("a\nb :x", "words.txt, line 2: expected a boost above 0 and at most 10, got 'x'"),
        ("b :", "words.txt, line 1: expected a boost above 0 and at most 10, got ''"),
        ("b :0", "line 1: expected a boost above 0"),
        ("b :-1", "line 1: expected a boost above 0"),
        ("b :11", "line 1: expected a boost above 0 and at most 10"),
        ("b :nan", "line 1: expected a boost above 0"),
        (":2", "words.txt, line 1: expected a word before its boost, got ':2'"),
        ("a\n" * (MAX_LINES + 1), f"words.txt: expected at most {MAX_LINES} lines"),
    ],
)
def test_the_line_that_cannot_be_used_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_hotwords(text, "words.txt")


def test_an_endless_line_is_refused_before_it_is_taken_apart() -> None:
    with pytest.raises(
        InputError, match="words, line 2: expected at most 1000 characters, got 1001"
    ):
        read_hotwords(f"a\n{'b' * 1_001}", "words")


def test_a_word_that_cannot_be_written_or_is_endless_is_refused() -> None:
    with pytest.raises(InputError, match="the network cannot write 'a b', only 'ab'"):
        hotwords([Hotword("a b")], SPELLER)
    with pytest.raises(InputError, match="at most 50 tokens, got 60 of 'abcabc"):
        hotwords([Hotword("abc" * 20)], SPELLER)


@pytest.fixture(scope="module")
def crayfish(shared_data: Path) -> FloatArray:
    """ "chapter seven on the races of man": "salad of crayfish" of Moonshine is "crefish"."""
    path = shared_data / "speech" / "librispeech-test-other" / "367-130732-0001.flac"
    waveform, _ = soundfile.read(path, dtype="float32")
    return np.asarray(waveform)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_a_word_that_was_misheard_is_heard(crayfish: FloatArray, num_beams: int) -> None:
    bundle = Bundle(BUNDLE)
    seq2seq = Seq2Seq(
        bundle.section("decoding", Seq2SeqConfig),
        from_manifest(bundle.manifest.input),
        bundle.open_session("encoder"),
        bundle.open_session("decoder"),
    )
    tokenizer = earlet.tokenizers.from_json(bundle.read_text("tokenizer.json"), "tokenizer")
    rule = hotwords(
        [Hotword("crayfish", 2.0), Hotword("Zarathustra", 2.0)],
        Speller(tokenizer.ids, tokenizer.decode),
    )
    encoded = seq2seq.encode(crayfish)
    prompt = seq2seq.prompt(encoded)
    limit = seq2seq.limit(encoded, len(prompt))

    def said(rules: tuple[LogitRule, ...]) -> str:
        written = search.generate(
            seq2seq.decoder(encoded, len(prompt) + limit),
            prompt,
            eos=seq2seq.config.eos,
            limit=limit,
            rules=rules,
            options=GenerationOptions(num_beams=num_beams),
        )
        return re.sub("[^a-z ]", "", tokenizer.decode(written.tokens).lower())

    assert "crayfish" not in said(())
    assert said((rule,)) == SAID
