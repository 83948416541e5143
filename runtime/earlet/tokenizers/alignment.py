"""Which characters of a text each character of its tidier form stands for.

    "Ünï"  lower case, accents off  "uni"  spans (0, 1) (1, 2) (2, 3)
    "ﬁx"   NFKC                     "fix"  spans (0, 1) (0, 1) (1, 2)

The rule of `tokenizers`, `tokenizer/normalizer.rs`: what is put in the place of a character stands
for what that one stood for. Held to it in `tests/tokenizers/test_offsets.py`.
"""

from collections.abc import Callable, Iterable
from itertools import chain, repeat
from typing import NamedTuple

Span = tuple[int, int]  # characters of the text that was given: the first, and one after the last
Edit = tuple[int, int, str]  # text[begin:end] becomes this; nothing comes of nothing


class Aligned(NamedTuple):
    """A text, and the span of each of its characters."""

    text: str
    spans: list[Span]

    @classmethod
    def of(cls, text: str) -> "Aligned":
        """A text as it was given: every character stands for itself."""
        return cls(text, [(i, i + 1) for i in range(len(text))])

    def part(self, begin: int, end: int) -> "Aligned":
        """Some of its characters."""
        return Aligned(self.text[begin:end], self.spans[begin:end])

    @property
    def span(self) -> Span:
        """What the whole, which is not empty, stands for."""
        return self.spans[0][0], self.spans[-1][1]

    def each(self, rule: Callable[[str], str]) -> "Aligned":
        """Every character as `rule` writes it, as any number of them."""
        written = [rule(char) for char in self.text]
        spans = chain.from_iterable(map(repeat, self.spans, map(len, written)))
        return Aligned("".join(written), list(spans))

    def edited(self, edits: Iterable[Edit]) -> "Aligned":
        """With some parts replaced, in the order of the text.

        The k-th character of a replacement stands for the k-th of what it replaces, or its last.
        """
        texts: list[str] = []
        spans: list[Span] = []
        done = 0
        for begin, end, new in edits:
            texts += (self.text[done:begin], new)
            spans += self.spans[done:begin]
            spans += (self.spans[min(begin + k, end - 1)] for k in range(len(new)))
            done = end
        return Aligned("".join([*texts, self.text[done:]]), [*spans, *self.spans[done:]])
