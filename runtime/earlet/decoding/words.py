"""Tokens grouped into words, by what they decode to.

    [" W", "ell", "-", "known", ","] -> ["Well-known,"]        [" 北", "京", "。"] -> ["北", "京。"]

A word begins with a space, in scripts without spaces with every token; punctuation goes with its
neighbour, and pieces of one character stay together. After `split_to_word_tokens` of
openai-whisper's `tokenizer.py`, which cuts at every hyphen, too.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

Decode = Callable[[Sequence[int]], str]

# First words of the Unicode names of letters, in scripts that write words without spaces.
WITHOUT_SPACES = {"CJK", "HIRAGANA", "KATAKANA", "KHMER", "LAO", "MYANMAR", "THAI"}
OPENING = {"Ps", "Pi"}  # Unicode's categories of brackets and quotes that open


class Group(NamedTuple):
    """A word, and the first of its tokens; it ends where the next one begins."""

    text: str
    first: int


def group(tokens: Sequence[int], decode: Decode) -> list[Group]:
    """The words of a text, in order. Together they have all of its tokens."""
    cut: list[Group] = []
    for text, first in whole_characters(tokens, decode):
        if cut and not _begins_word(text, cut[-1].text):
            cut[-1] = Group(cut[-1].text + text, cut[-1].first)
        else:
            cut.append(Group(text, first))
    words: list[Group] = []
    for text, first in cut:
        # Punctuation that stands alone goes with what is before it, the first with what follows.
        if words and not (_has_letters(text) and _has_letters(words[-1].text)):
            words[-1] = Group(words[-1].text + text, words[-1].first)
        else:
            words.append(Group(text, first))
    return [Group(text.strip(), first) for text, first in words if text.strip()]


def whole_characters(tokens: Sequence[int], decode: Decode) -> Iterator[Group]:
    """The fewest tokens at a time that make what stands in the text.

    A token may hold some bytes of a character only; what is decoded of them is another text.
    """
    text = decode(tokens)
    at = first = 0
    before: Sequence[int] = ()  # what is decoded first may lose its space
    for end in range(1, len(tokens) + 1):
        current = tokens[first:end]
        piece = decode([*before, *current])[len(decode(before)) :]
        if text.startswith(piece, at):
            yield Group(piece, first)
            at += len(piece)
            before, first = current, end
    if first < len(tokens):
        yield Group(text[at:], first)


def _begins_word(text: str, before: str) -> bool:
    """Whether what follows the word `before` begins another one."""
    if not text or text[0].isspace():
        return bool(text)
    if not _has_letters(before):
        return False
    if unicodedata.category(text[0]) in OPENING:
        return _without_spaces(before[-1])
    is_mark = unicodedata.category(text[0]).startswith("M")
    if is_mark or not _has_letters(text):
        return False
    return _without_spaces(text[0]) or _without_spaces(before[-1])


def _has_letters(text: str) -> bool:
    return any(c.isalnum() for c in text)


def _without_spaces(character: str) -> bool:
    return unicodedata.name(character, "").split(" ")[0] in WITHOUT_SPACES
