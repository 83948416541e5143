"""Which sentences a grammar has: held to their enumeration, and to the tokens of `tokenizers`."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import pytest
import tokenizers as oracle
from hypothesis import given, settings
from hypothesis import strategies as st

import earlet.tokenizers
from earlet.decoding.phrases import grammar as grammars
from earlet.decoding.phrases import word_graph
from earlet.decoding.phrases.grammar import Grammar, Sentence
from earlet.decoding.phrases.spelling import Speller
from earlet.errors import BundleError, InputError

TOKENIZER = Path(__file__).parents[3] / "models" / "moonshine-tiny-en" / "tokenizer.json"
WORDS = ["go", "left", "up", "down", "Zero", "wow"]


@cache
def speller() -> Speller:
    tokenizer = earlet.tokenizers.from_json(TOKENIZER.read_text(encoding="utf-8"), "tokenizer")
    return Speller(tokenizer.ids, tokenizer.decode)


@cache
def tokenizer_of_others() -> oracle.Tokenizer:
    return oracle.Tokenizer.from_file(str(TOKENIZER))


def heard(grammar: Grammar, text: str) -> Sentence | None:
    """What the grammar makes of a text, token by token; None where it goes no further."""
    prefix = grammar.start()
    for token in tokenizer_of_others().encode(text, add_special_tokens=False).ids:
        if token not in prefix.tokens:
            return None
        prefix = grammar.step(prefix, token)
    return prefix.sentence


def test_a_sentence_is_found_however_it_is_written() -> None:
    grammar = Grammar(["set [a] timer for {minutes:1..60} minutes", "stop"], {}, speller())
    for text in (
        "set timer for 42 minutes",
        "Set timer for forty-two minutes.",
        "Set timer, for forty two minutes!",
    ):
        expected = Sentence(0, "set timer for 42 minutes", {"minutes": "42"})
        assert heard(grammar, text) == expected
    assert heard(grammar, "Stop.") == Sentence(1, "stop", {})


def test_what_is_no_sentence_is_none() -> None:
    grammar = Grammar(["set timer for {minutes:1..60} minutes"], {}, speller())
    for text in ("set timer for 61 minutes", "set timer for minutes", "set timer", "minutes", ""):
        assert heard(grammar, text) is None


def test_slots_may_lie_in_slots() -> None:
    grammar = Grammar(["{what:go {way} now|stop} please"], {"way": ["left", "right"]}, speller())
    assert heard(grammar, "Go right now, please.") == Sentence(
        0, "go right now please", {"what": "go right now", "way": "right"}
    )
    assert heard(grammar, "stop please") == Sentence(0, "stop please", {"what": "stop"})


def test_of_two_ways_to_say_the_same_the_first_counts() -> None:
    grammar = Grammar(["{5|five} [a] [a]", "{b:five|six} a"], {}, speller())
    assert heard(grammar, "five a") == Sentence(0, "5 a", {"1": "5"})


@dataclass
class Bracket:
    """Alternatives, each a word and what may come after it."""

    opening: str
    alternatives: list[tuple[str, list["Bracket"]]]

    def __str__(self) -> str:
        inside = "|".join(" ".join(map(str, [word, *more])) for word, more in self.alternatives)
        return f"{{{inside}}}" if self.opening == "{" else f"[{inside}]"

    def ways(self) -> Iterator[str]:
        """All that it allows, listed."""
        for word, more in self.alternatives:
            for rest in listed(more):
                yield f"{word} {rest}".strip()
        if self.opening == "[":
            yield ""


def listed(brackets: list[Bracket]) -> Iterator[str]:
    for parts in product(*(bracket.ways() for bracket in brackets)):
        yield " ".join(filter(None, parts))


def brackets(depth: int) -> st.SearchStrategy[list[Bracket]]:
    if not depth:
        return st.just([])
    alternative = st.tuples(st.sampled_from(WORDS), brackets(depth - 1))
    alternatives = st.lists(alternative, min_size=2, max_size=3)
    return st.lists(st.builds(Bracket, st.sampled_from("{["), alternatives), max_size=2)


@settings(max_examples=50)
@given(brackets(2), st.lists(st.sampled_from(WORDS), max_size=4))
def test_a_grammar_has_the_sentences_that_listing_them_gives(
    template: list[Bracket], others: list[str]
) -> None:
    grammar = Grammar([" ".join(["always", *map(str, template)])], {}, speller())
    sentences = {f"always {rest}".strip() for rest in listed(template)}
    for text in [*sorted(sentences)[:10], " ".join(["always", *others])]:
        found = heard(grammar, text)
        assert (found is not None) == (text in sentences)
        assert found is None or found.text == text


def test_a_million_sentences_are_not_listed() -> None:
    grammar = Grammar(["{0..99} {0..99} {0..99}"], {}, speller())
    found = heard(grammar, "Twelve, ninety-nine 7.")
    assert found == Sentence(0, "12 99 7", {"1": "12", "2": "99", "3": "7"})


def test_numbers_in_a_row_are_not_listed_either() -> None:
    grammar = Grammar(["call {nine:" + "9 " * 40 + "|nobody}"], {}, speller())
    found = heard(grammar, "Call" + " nine 9" * 20)
    assert found is not None
    assert found.slots == {"nine": " ".join("9" * 40)}


def test_many_ways_to_the_same_place_are_followed_once() -> None:
    grammar = Grammar(["[go] " * 40 + "left"], {}, speller())
    prefix = grammar.start()
    for _ in range(20):  # of 40: 137,846,528,820 ways
        prefix = grammar.step(prefix, speller().tokens("go")[0])
    assert len(prefix.places) < 200


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([], "candidates: expected a list of one text at least, got "),
        ("go left", "candidates: expected a list of one text at least, got 'go left'"),
        ({"go"}, "candidates: expected a list of one text at least, got {'go'}"),
        (["go", "turn {on|}"], r"candidate 2, 'turn {on\|}': at '}': an empty alternative"),
        (["go", "<s>"], "candidate 2, '<s>': the network cannot write '<s>'"),
    ],
)
def test_the_candidate_that_cannot_be_used_is_named(candidates: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Grammar(candidates, {}, speller())


def test_templates_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_graph, "MAX_STATES", 100)
    Grammar(["{0..20}"], {}, speller())
    with pytest.raises(InputError, match="all candidates together have more than 100"):
        Grammar(["{0..20}", "{20..99}"], {}, speller())


def test_tries_are_made_again_where_not_all_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammars, "MAX_TRIES", 2)
    grammar = Grammar(["{a|go} {left|right} {up|down} {0..9}"], {}, speller())
    for _ in range(2):
        found = heard(grammar, "Go right up five.")
        assert found is not None
        assert found.text == "go right up 5"


def test_a_tokenizer_that_joins_words_is_refused() -> None:
    with pytest.raises(BundleError, match="joins words"):
        Speller(lambda text: [len(text)], str)
