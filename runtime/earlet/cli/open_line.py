"""The last line of a terminal, drawn again and again: what is being said, or how far a job is."""

import shutil
from types import TracebackType
from typing import Self, TextIO

from earlet.cli.cells import ELLIPSIS, n_fitting
from earlet.errors import printable
from earlet.results import Partial, timed_line

WIPE, DIM, PLAIN = "\r\x1b[K", "\x1b[2m", "\x1b[22m"  # ECMA-48: erase in line; rendition 2, 22
MIN_CELLS = 20  # for the text; where the times would leave less, they are left out


class OpenLine:
    """A line of a terminal, which is free again in the end, whatever ends it."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._drawn = False

    def draw(self, text: str) -> None:
        """Draw a text, of `n_cells()` at most, where the last one was."""
        self._terminal.write(WIPE + text)
        self._terminal.flush()
        self._drawn = True

    def wipe(self) -> None:
        """Make the line free for what is to stay."""
        if self._drawn:
            self._terminal.write(WIPE)
            self._terminal.flush()
            self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.wipe()


def drawn(partial: Partial, n_cells: int) -> str:
    """A partial result in `n_cells` at most: what is certain plain, the rest dim.

    Of a longer text it is the end, which is new.
    """
    if not partial.text:
        return ""
    times = timed_line(partial.timestamp, "")
    if n_cells < len(times) + MIN_CELLS:
        times = ""
    n_cells -= len(times)
    certain, text = printable(partial.stable), printable(partial.text)
    first, mark = len(text) - n_fitting(reversed(text), n_cells), ""
    if first:
        first, mark = len(text) - n_fitting(reversed(text), n_cells - 1), ELLIPSIS
    return f"{times}{mark}{certain[first:]}{DIM}{text[max(first, len(certain)) :]}{PLAIN}"


def n_cells() -> int:
    """Cells of a line that is drawn over: one that wraps to a second would stay there."""
    return shutil.get_terminal_size().columns - 1
