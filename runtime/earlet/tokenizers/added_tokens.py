"""Tokens that text is cut at before anything else happens to it, such as "[SEP]" and "<mask>".

    "a <mask>!" -> ["a", 50264, "!"]        lstrip: the token takes the space before it

Held to the Rust `tokenizers` in `tests/tokenizers/test_encode.py`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from earlet.errors import BundleError
from earlet.tokenizers.unicode import WHITE_SPACE

Section = tuple[int, int, int | None]  # begin, end; the id of a token, or None for text between


@dataclass(frozen=True, kw_only=True)
class AddedToken:
    """An entry of `added_tokens` in `tokenizer.json`."""

    id: int
    content: str
    special: bool = False  # it stands for no text, and decoding leaves it out
    normalized: bool = True  # looked for in normalised text rather than in the text as it came
    lstrip: bool = False  # takes the white space before it
    rstrip: bool = False
    single_word: bool = False  # not supported when true

    def __post_init__(self) -> None:
        if self.single_word:
            raise BundleError(f"the token {self.content!r}: single_word is not supported")


class Cutter:
    """Cuts text at a set of tokens; of those that begin at one place the longest."""

    def __init__(self, tokens: Sequence[AddedToken], spell: Callable[[str], str]) -> None:
        """`spell` gives what a token looks like in the text that is to be cut.

        Of those that look alike, the first special one counts, or the first.
        """
        self._tokens: dict[str, AddedToken] = {}
        for token in sorted(tokens, key=lambda token: not token.special):
            if written := spell(token.content):
                self._tokens.setdefault(written, token)
        longest_first = sorted(self._tokens, key=len, reverse=True)
        self._any = re.compile("|".join(map(re.escape, longest_first))) if self._tokens else None

    def __call__(self, text: str) -> list[Section]:
        """Where each section begins and ends; texts between tokens are not empty."""
        if self._any is None or self._any.search(text) is None:
            return [(0, len(text), None)] if text else []
        sections: list[Section] = []
        done = 0
        for match in self._any.finditer(text):
            token = self._tokens[match[0]]
            start, end = match.span()
            if token.lstrip:
                start = max(start, done)  # the token before it may have taken this one's spaces
                while start > done and text[start - 1] in WHITE_SPACE:
                    start -= 1
            while token.rstrip and end < len(text) and text[end] in WHITE_SPACE:
                end += 1
            sections += ((done, start, None), (start, end, token.id))
            done = end
        sections.append((done, len(text), None))
        return [section for section in sections if section[0] < section[1]]
