"""What people type, as the tokens that a recogniser would write for it.

"zero" -> "zero", "Zero" -> (5225,), (28933,)
"""

from collections.abc import Callable, Iterator, Sequence

from earlet.errors import BundleError, InputError

BEFORE = "a"  # stands before a text, which is how texts and their words begin: after a space
MARKS = ("", ".", ",", "!", "?")  # that a recogniser puts after a word, the first being none


class Speller:
    """Words to tokens, in the ways in which they are written."""

    def __init__(
        self, encode: Callable[[str], Sequence[int]], decode: Callable[[Sequence[int]], str]
    ) -> None:
        """`encode` takes text to tokens, without special ones around them; `decode` takes it back.

        Raises:
            BundleError: when tokens go across spaces.
        """
        self._encode = encode
        self._decode = decode
        self._before = tuple(encode(BEFORE))
        if tuple(encode(f"{BEFORE} {BEFORE}"))[: len(self._before)] != self._before:
            raise BundleError("the tokenizer joins words; expected that they begin at their spaces")

    def tokens(self, text: str) -> tuple[int, ...]:
        """Of `text` as it stands after a space."""
        return tuple(self._encode(f"{BEFORE} {text}")[len(self._before) :])

    def check(self, text: str) -> None:
        """Raise InputError for what the tokens cannot spell."""
        if (spelled := self._decode(self.tokens(text)).strip()) != text:
            raise InputError(f"the network cannot write {text!r:.60}, only {spelled!r:.60}")

    def spellings(self, text: str) -> Iterator[tuple[int, ...]]:
        """With a small and a capital letter first."""
        for first in dict.fromkeys((text[0], text[0].lower(), text[0].upper())):
            yield self.tokens(first + text[1:])

    def words(self, word: str) -> Iterator[tuple[int, ...]]:
        """The spellings of a word inside a sentence or at its end.

        One in capitals, "GO", may be typed so without being written so.
        """
        cases = (word, word.lower()) if word.isupper() else (word,)
        written = (case + mark for case in cases for mark in MARKS)
        yield from dict.fromkeys(tokens for text in written for tokens in self.spellings(text))
