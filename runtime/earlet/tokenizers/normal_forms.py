"""Unicode's normal forms NFC, NFD, NFKC and NFKD (UAX #15), by Python's own tables.

    "\u1e69" NFD "s\u0323\u0307"      a letter and its marks, in the order of their classes

Python and `tokenizers` know different versions of Unicode: they differ in characters that are
younger than one of the two.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Literal

from earlet.tokenizers.alignment import Aligned, Span
from earlet.tokenizers.unicode import Translation

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
Change = tuple[str, int]  # a character: 0 in the place of one, 1 put after it, -1 in that of two

MAX_UNSORTED = 10_000  # characters: 60 ms at worst
_CANONICAL = Translation(partial(unicodedata.normalize, "NFD"))
_COMPATIBLE = Translation(partial(unicodedata.normalize, "NFKD"))


@dataclass(frozen=True)
class NormalForm:
    """One of the forms."""

    form: Form

    def __call__(self, text: str) -> str:
        """Normalise."""
        if len(text) > MAX_UNSORTED and not text.isascii():
            # Python sorts marks by insertion, which for a million of them takes minutes.
            decomposed = text.translate(self._decomposition)
            text = "".join(char for char, _ in _sorted((char, 0) for char in decomposed))
        return unicodedata.normalize(self.form, text)

    def align(self, text: Aligned) -> Aligned:
        """Normalise, step by step.

        A character that was added stands for what the one before it stands for. Where marks change
        places, they do not take along what they stand for: that is how `tokenizers` counts.
        """
        decompose = self._decomposition.of
        changes = _sorted(
            (char, int(i > 0)) for c in text.text for i, char in enumerate(decompose(c))
        )
        chars: list[str] = []
        spans: list[Span] = []
        done = 0
        for char, change in _composed(changes) if self.form in ("NFC", "NFKC") else changes:
            chars.append(char)
            spans.append(text.spans[done if change <= 0 else max(0, done - 1)])
            done += 1 - change
        return Aligned("".join(chars), spans)

    @property
    def _decomposition(self) -> Translation:
        return _COMPATIBLE if self.form in ("NFKC", "NFKD") else _CANONICAL


def _sorted(changes: Iterable[Change]) -> Iterator[Change]:
    """Marks that follow one another in the order of their classes."""

    def mark_class(change: Change) -> int:
        return unicodedata.combining(change[0])

    for _, run in groupby(changes, lambda change: mark_class(change) > 0):
        yield from sorted(run, key=mark_class)


def _composed(changes: Iterable[Change]) -> list[Change]:
    """Letters, each with those of its marks with which it is one character."""
    found: list[Change] = []
    letter = -1  # where in `found` the last one is; none
    for char, change in changes:
        mark_class = unicodedata.combining(char)
        is_next = letter == len(found) - 1
        if letter >= 0 and (is_next or unicodedata.combining(found[-1][0]) < mark_class):
            before, its_change = found[letter]
            joined = unicodedata.normalize("NFC", before + char)
            if len(joined) == 1:
                found[letter] = joined, its_change + change - 1
                continue
        if mark_class == 0:
            letter = len(found)
        found.append((char, change))
    return found
