"""Labels and their scores, drawn for people to read on a terminal."""

from collections.abc import Sequence

from earlet.cli.cells import cut, cut_front, padded, width
from earlet.cli.inputs import Input
from earlet.cli.open_line import DIM, PLAIN
from earlet.errors import printable
from earlet.results import Classification

GAP = "  "  # between columns
MAX_BAR = 40  # cells
MIN_BAR = 8  # cells; where there is less room there is none
NAME_SHARE = 0.4  # of a line, that names of inputs take at most
MAX_LABEL = 16  # cells that short labels are padded to; longer ones push the next aside


def chart(labels: Sequence[Classification], n_cells: int) -> str:
    """The labels of one input: a line each, with its score, and a bar where that is a share of 1.

    beagle             0.94  █████████████████████████████████████▌
    English foxhound   0.03  █
    """
    names = [printable(label.label) for label in labels]
    column = min(max(map(width, names)), n_cells // 2)
    room = min(MAX_BAR, n_cells - column - width(GAP + _score(0.0) + GAP))
    shares = all(0 <= label.score <= 1 for label in labels) and room >= MIN_BAR
    lines = [
        padded(cut(name, column), column)
        + GAP
        + _score(label.score)
        + (GAP + _bar(label.score, room) if shares else "")
        for name, label in zip(names, labels, strict=True)
    ]
    return "\n".join(line.rstrip() for line in lines)


class Table:
    """Several inputs, a line each: name, best score and label, and behind them the next ones.

    bird.png         0.91 junco    0.05 brambling   0.01 chickadee
    photos/dog.jpg   0.94 beagle   0.03 English foxhound
    """

    def __init__(
        self, inputs: Sequence[Input], labels: Sequence[str], n_cells: int, *, dim: bool
    ) -> None:
        """Room for these names and labels in lines of `n_cells`; `dim` sets the next ones back."""
        self._n_cells = n_cells
        most = max(1, int(n_cells * NAME_SHARE))
        # Lines of a pipe come later, and may be of any length.
        names = [most if item.source == "pipe" else width(printable(item.name)) for item in inputs]
        self._name = min(max(names, default=0), most)
        self._label = min(max((width(printable(label)) for label in labels), default=0), MAX_LABEL)
        self._dim, self._plain = (DIM, PLAIN) if dim else ("", "")

    def line(self, item: Input, labels: Sequence[Classification]) -> str:
        """The line of an input."""
        shorten = cut_front if item.source == "file" else cut  # paths differ at their ends
        name = padded(shorten(printable(item.name), self._name), self._name)
        best, *others = (self._scored(label) for label in labels)
        first = cut(name + GAP + best, self._n_cells)
        rest = "".join(GAP + other for other in others).rstrip()
        if rest and (room := self._n_cells - width(first)):
            return f"{first}{self._dim}{cut(rest, room)}{self._plain}"
        return first.rstrip()

    def _scored(self, label: Classification) -> str:
        return f"{_score(label.score)} {padded(printable(label.label), self._label)}"


def _score(score: float) -> str:
    return f"{score:5.2f}"


def _bar(share: float, n_cells: int) -> str:
    """In steps of half a cell, which the fonts of all terminals have."""
    full, half = divmod(round(2 * n_cells * share), 2)
    return "█" * full + "▌" * half
