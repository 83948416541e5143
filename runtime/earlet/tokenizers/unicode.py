"""Character by character: `str.translate` with a table that fills itself, and Unicode categories.

Python's own categories follow the Unicode of the Python that runs; a network was trained with the
ids that the categories of its tokenizer gave.
"""

import unicodedata
from bisect import bisect
from collections.abc import Callable

BMP = 0x1_0000  # a table remembers the 65,536 characters of the first plane, and no more

# White_Space of Unicode's PropList; str.isspace adds the four separators U+001C to U+001F.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


class Translation(dict[int, str]):
    """A table for `str.translate`: what `rule` makes of each character, worked out when needed."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        """`rule` takes one character and gives any number of them."""
        super().__init__()
        self._rule = rule

    def __missing__(self, code: int) -> str:
        text = self._rule(chr(code))
        if code < BMP:
            self[code] = text
        return text

    def of(self, char: str) -> str:
        """What the rule makes of one character."""
        return self[ord(char)]


# Marks, punctuation, format and control characters that came after Unicode 8.0 (2015). A range has
# none of these that was there before, and so takes in those that are still to come.
_AFTER_8 = (
    "61d 7fd 890-8e2 9fd-9fe a76 afa-aff b55 c04-c3c c77 c84 d00 d3b-d3c d81 eba ece 180f-1886 "
    "1abf-1ace 1b7d-1b7e 1df6-1dfb 2e43-2e5d a82c a8c5 a8ff a9bd 10d24-10f89 11070-11074 "
    "110c2-110cd 111cf 1123e-11241 1133b 11438-1145e 11660-1166c 116b9 1182f-11fff 12ff1-13455 "
    "16e97-16f4f 16fe2-16fe4 1cf00-1cf46 1e000-1e4ef 1e944-1e95f"
)
_RANGES = [[int(end, 16) for end in part.split("-")] for part in _AFTER_8.split()]
_FIRSTS = [ends[0] for ends in _RANGES]
_CHANGED_SINCE_8 = {"\u166d": "Po", "\u1734": "Mn", "\U000111c9": "Po"}


def category_of_unicode_8(char: str) -> str:
    """The general category for marks, punctuation and control characters, as in Unicode 8.0.

    These are the categories that BERT's tokenizer has in `tokenizers`.
    """
    at = bisect(_FIRSTS, ord(char)) - 1
    if at >= 0 and ord(char) <= _RANGES[at][-1]:
        return "Cn"  # not assigned then; what else lies in these ranges are letters and symbols
    return _CHANGED_SINCE_8.get(char) or unicodedata.category(char)


def lower(text: str) -> str:
    """Lower case, character by character: a sigma that ends a word is no exception."""
    return text.replace("\u03a3", "\u03c3").lower()
