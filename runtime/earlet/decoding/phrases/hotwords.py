"""Words that are likely to be said: their tokens get a bonus, in greedy decoding and with beams.

Shallow fusion with a trie, as in icefall's `context_graph.py` and Zhao et al., "Shallow-Fusion
End-to-End Contextual Biasing", Interspeech 2019. Each token that begins or continues a word gets a
boost. What a word that was begun has got is a credit, and is given back when it does not go on:

    "cray|fish", boost 1    cray +1   fish +1                     the word is whole: 2 are kept
                            cray +1   any other -1, end -1        as if nothing had been

So with beams a beginning alone wins nothing. Greedy decoding does not come back to a beginning that
went wrong; there the credit is what speaks for the word's next token.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from earlet.arrays import FloatArray
from earlet.decoding.generation.rules import LogitRule
from earlet.decoding.phrases.spelling import Speller
from earlet.errors import InputError

BOOST = 1.0  # natural logarithm, of each token: most rare words found, hardly any invented
MAX_BOOST = 10.0  # beyond it nothing else is written
MAX_LINES = 10_000
MAX_TOKENS = 50  # of a word or phrase
MAX_CHARS = 1_000  # of a line, so that what is too long is not taken apart to find out


class Hotword(NamedTuple):
    """A word or phrase, and what each of its tokens gets."""

    text: str
    boost: float = BOOST


def read_hotwords(text: str, name: str) -> list[Hotword]:
    """Read a list: on each line a word or phrase, and if wanted its boost, "crayfish :1.5".

    What follows a "#" is a comment. `name` is what messages call the list.

    Raises:
        InputError: with the line and the reason.
    """
    lines = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").splitlines()
    if len(lines) > MAX_LINES:
        raise InputError(f"{name}: expected at most {MAX_LINES} lines, got {len(lines)}")
    words = [
        _entry(entry, f"{name}, line {number}")
        for number, line in enumerate(lines, start=1)
        if (entry := line.partition("#")[0].strip())
    ]
    if not words:
        raise InputError(f"{name}: expected a word or phrase on each line, there is none")
    return words


def _entry(entry: str, where: str) -> Hotword:
    if len(entry) > MAX_CHARS:
        raise InputError(f"{where}: expected at most {MAX_CHARS} characters, got {len(entry)}")
    *words, last = entry.split()
    if not last.startswith(":"):
        return Hotword(" ".join([*words, last]))
    if not words:
        raise InputError(f"{where}: expected a word before its boost, got {entry!r:.60}")
    try:
        boost = float(last[1:])
    except ValueError:
        boost = 0.0
    if not 0 < boost <= MAX_BOOST:
        raise InputError(
            f"{where}: expected a boost above 0 and at most {MAX_BOOST:g}, got {last[1:]!r:.60}"
        )
    return Hotword(" ".join(words), boost)


class _Node:
    """Tokens that begin a word, or all of its tokens."""

    def __init__(self) -> None:
        self.next: dict[int, _Node] = {}  # by token
        self.boost = 0.0  # of the last token
        self.is_word = False
        self.credit = 0.0  # what is given back when no word goes on from here
        self.tokens = np.empty(0, dtype=np.intp)  # that go on, and what is earned
        self.earned = np.empty(0, dtype=np.float32)  # by the time each of them is written

    def settle(self, earned: float) -> None:
        """Work out what is earned here and beyond, when all words are there."""
        self.credit = 0.0 if self.is_word else earned
        boosts = [node.boost for node in self.next.values()]
        self.tokens = np.array([*self.next], dtype=np.intp)
        self.earned = self.credit + np.array(boosts, dtype=np.float32)
        for node, value in zip(self.next.values(), self.earned.tolist(), strict=True):
            node.settle(value)


def hotwords(words: Iterable[Hotword], speller: Speller) -> LogitRule:
    """The rule that gives each token of the words its boost.

    Words are taken with a small and with a capital letter first, as they stand after a space.

    Raises:
        InputError: for a word that the network cannot write, or that is too long.
    """
    root = _Node()
    depth = 0
    for word in words:
        speller.check(word.text)
        for tokens in speller.spellings(word.text):
            if len(tokens) > MAX_TOKENS:
                raise InputError(
                    f"hotwords: expected at most {MAX_TOKENS} tokens, got {len(tokens)} of "
                    f"{word.text!r:.60}"
                )
            _add(root, tokens, word.boost)
            depth = max(depth, len(tokens))
    root.settle(0.0)

    def rule(logits: FloatArray, written: Sequence[int]) -> None:
        begun = [*_begun(root, written[-depth:])]
        plain = [logits[node.tokens] for node in begun]
        credit = begun[-1].credit
        logits -= np.float32(credit)
        for node, before in zip(begun, plain, strict=True):  # the longest has the last word
            logits[node.tokens] = before + (node.earned - np.float32(credit))

    return rule


def _add(node: _Node, tokens: Iterable[int], boost: float) -> None:
    for token in tokens:
        node = node.next.setdefault(token, _Node())
        node.boost = max(node.boost, boost)
    node.is_word = True


def _begun(root: _Node, written: Sequence[int]) -> Iterator[_Node]:
    """What the last tokens have begun: none of them, then more and more."""
    for start in range(len(written), -1, -1):
        node: _Node | None = root
        for token in written[start:]:
            node = node.next.get(token) if node else None
        if node:
            yield node
