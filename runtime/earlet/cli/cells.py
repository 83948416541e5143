"""How much of a terminal's line a text takes, counted in cells."""

import unicodedata
from collections.abc import Iterable
from itertools import accumulate, takewhile

WIDE = ("W", "F")  # East Asian widths that take two cells of a terminal (Unicode's UAX 11)
OVERLAID = ("Mn", "Me")  # categories of characters that take none: accents and the like
ELLIPSIS = "…"  # stands for what is left out; one cell


def width(text: str) -> int:
    """How many cells a text takes."""
    return sum(map(_cells, text))


def n_fitting(characters: Iterable[str], n_cells: int) -> int:
    """How many characters, from the first on, take no more than `n_cells`."""
    ends = accumulate(map(_cells, characters))
    return sum(1 for _ in takewhile(lambda end: end <= n_cells, ends))


def cut(text: str, n_cells: int) -> str:
    """The beginning of a text in `n_cells` (1 or more), and "…" where it is not all."""
    if n_fitting(text, n_cells) == len(text):
        return text
    return text[: n_fitting(text, n_cells - 1)] + ELLIPSIS


def cut_front(text: str, n_cells: int) -> str:
    """The end of a text in `n_cells` (1 or more), and "…" where it is not all."""
    if n_fitting(text, n_cells) == len(text):
        return text
    return ELLIPSIS + text[len(text) - n_fitting(reversed(text), n_cells - 1) :]


def padded(text: str, n_cells: int) -> str:
    """A text and spaces, `n_cells` in all."""
    return text + " " * (n_cells - width(text))


def _cells(character: str) -> int:
    """How wide a terminal shows it."""
    if unicodedata.category(character) in OVERLAID:
        return 0
    return 2 if unicodedata.east_asian_width(character) in WIDE else 1
