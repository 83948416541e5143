"""The last line of the terminal, drawn again and again while somebody speaks."""

import shutil
import sys
import unicodedata
from types import TracebackType

from earlet.errors import printable
from earlet.results import Partial, timed_line

WIPE, DIM, PLAIN = "\r\x1b[K", "\x1b[2m", "\x1b[22m"  # ECMA-48: erase in line; rendition 2, 22
MIN_CELLS = 20  # for the text; where the times would leave less, they are left out
WIDE = ("W", "F")  # East Asian widths that take two cells of a terminal (Unicode's UAX 11)
OVERLAID = ("Mn", "Me")  # categories of characters that take none: accents and the like


class OpenLine:
    """What is certain plain, the rest dim. Draws on standard output, which is a terminal."""

    def __init__(self) -> None:
        self._drawn = False

    def draw(self, partial: Partial) -> None:
        """Draw it where the last one was."""
        # What wraps to a second line would stay there.
        sys.stdout.write(WIPE + drawn(partial, shutil.get_terminal_size().columns - 1))
        sys.stdout.flush()
        self._drawn = True

    def wipe(self) -> None:
        """Make the line free for what is to stay."""
        if self._drawn:
            sys.stdout.write(WIPE)
            sys.stdout.flush()
            self._drawn = False

    def __enter__(self) -> "OpenLine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.wipe()


def drawn(partial: Partial, n_cells: int) -> str:
    """It in one line of `n_cells` at most; of a longer text, the end, which is new."""
    if not partial.text:
        return ""
    times = timed_line(partial.timestamp, "")
    if n_cells < len(times) + MIN_CELLS:
        times = ""
    n_cells -= len(times)
    certain, text = printable(partial.stable), printable(partial.text)
    first, mark = end_that_fits(text, n_cells), ""
    if first:
        first, mark = end_that_fits(text, n_cells - 1), "…"
    return f"{times}{mark}{certain[first:]}{DIM}{text[max(first, len(certain)) :]}{PLAIN}"


def end_that_fits(text: str, n_cells: int) -> int:
    """The first character of the longest end of a text that is no wider."""
    first, left = len(text), n_cells
    while first and (left := left - cells(text[first - 1])) >= 0:
        first -= 1
    return first


def cells(character: str) -> int:
    """How wide a terminal shows it."""
    if unicodedata.category(character) in OVERLAID:
        return 0
    return 2 if unicodedata.east_asian_width(character) in WIDE else 1
