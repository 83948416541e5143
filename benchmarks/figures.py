"""Pictures of what was measured: every ratio with its interval, and how costs grow."""

import io
import re
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.line import Curve, Line
from benchmarks.speed import GROUPS
from earlet.files import write_whole

# Okabe and Ito's palette, which the colour-blind can tell apart too.
HELD, MISSED, OTHERS = "#0072b2", "#d55e00", ("#009e73", "#cc79a7", "#e69f00", "#56b4e9")
INK, QUIET, RULE = "#2b3440", "#6b7684", "#e4e6e9"
DPI = 160  # of 8 inches: 1280 pixels wide, and readable at 800
ROW = 0.2  # inches of a line
WIDTH, CURVE_HEIGHT = 8.0, 4.2  # inches
WIDE = 8  # times the least of a curve: then its axis is logarithmic, too
LABEL = 70  # characters
_VERSION = re.compile(r" v?\d[\w.]*")
SMALL, USUAL = 7.5, 9.0  # points


def draw(groups: Mapping[str, Sequence[Line]], curves: Sequence[Curve], folder: Path) -> None:
    """Write `ratios.png`, of what is compared with others, and a picture a curve."""
    folder.mkdir(exist_ok=True)
    compared = {
        group: kept
        for group, lines in groups.items()
        if (kept := [line for line in lines if line.ratio is not None and line.is_contest])
    }
    if compared:
        _save(_ratios(compared), folder / "ratios.png")
    for curve in curves:
        _save(_curve(curve), folder / f"{curve.name}.png")


def _ratios(groups: Mapping[str, Sequence[Line]]) -> Figure:
    """A row a line, by group: the median, its interval, and a mark where the aim is."""
    n_rows = sum(len(lines) + 1 for lines in groups.values())
    figure = Figure(figsize=(WIDTH, ROW * n_rows + 1.0), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    labels: dict[int, str] = {}
    row = 0
    for group, lines in groups.items():
        labels[row] = GROUPS[group]
        for line in lines:
            row += 1
            labels[row] = _label(line)
            _dot(axes, line, row)
        row += 1
    axes.axvline(1, color=INK, lw=1)
    axes.set_yticks([*labels], [*labels.values()], fontsize=SMALL)
    for text in axes.get_yticklabels():
        is_group = text.get_text() in GROUPS.values()
        text.set(color=INK, fontweight="bold" if is_group else "normal")
    axes.set_ylim(row - 0.3, -0.8)
    axes.set_title(
        "what earlet takes / what the peer takes: left of 1 earlet wins", fontsize=USUAL, color=INK
    )
    _logarithmic(axes, "x")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    _legend(axes)
    return figure


def _dot(axes: Any, line: Line, row: int) -> None:
    """The median of a line in its interval."""
    if (ratio := line.ratio) is None:
        return
    colour = QUIET if line.is_held is None else HELD if line.is_held else MISSED
    axes.plot([ratio.low, ratio.high], [row, row], color=colour, lw=1.6, solid_capstyle="butt")
    axes.plot(ratio.median, row, "o", color=colour, ms=4.5)
    if line.aim is not None:
        axes.plot(line.aim, row, "|", color=INK, ms=9, mew=1.2)


def _label(line: Line) -> str:
    """The work and the peer, without its version; the work is cut where both are long."""
    peer = _VERSION.sub("", line.peer)
    if len(peer) > LABEL // 2:
        peer = f"{peer[: LABEL // 2]}…"
    room = LABEL - len(peer)
    what = line.what if len(line.what) <= room else f"{line.what[:room]}…"
    return f"{what} · {peer}" if peer else what


def _legend(axes: Any) -> None:
    """What the colours are, below everything."""
    for name, colour in (("aim held", HELD), ("aim missed", MISSED), ("no aim", QUIET)):
        axes.plot([], [], "o-", color=colour, ms=4.5, lw=1.6, label=name)
    axes.plot([], [], "|", color=INK, ms=9, mew=1.2, label="the aim")
    axes.figure.legend(loc="outside lower right", ncols=4, frameon=False, fontsize=SMALL)


def _curve(curve: Curve) -> Figure:
    """Lines over a common, logarithmic axis."""
    figure = Figure(figsize=(WIDTH, CURVE_HEIGHT), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    colours = cycle((HELD, MISSED, *OTHERS))
    for (name, values), colour in zip(curve.series.items(), colours, strict=False):
        axes.plot(curve.x, values, "o-", color=colour, ms=4, lw=1.6, label=name)
    _logarithmic(axes, "x")
    axes.set_xticks(curve.x, [f"{value:g}" for value in curve.x])
    values = [value for series in curve.series.values() for value in series]
    if max(values) > WIDE * min(values):
        _logarithmic(axes, "y")
    else:
        _plain(axes, "y")
        axes.set_ylim(0, 1.1 * max(values))
    axes.set_title(curve.title, fontsize=USUAL + 1, color=INK)
    axes.set_xlabel(curve.x_label, fontsize=USUAL, color=INK)
    axes.set_ylabel(curve.y_label, fontsize=USUAL, color=INK)
    if len(curve.series) > 1:
        axes.legend(frameon=False, fontsize=SMALL)
    return figure


def _logarithmic(axes: Any, which: str) -> None:
    """An axis with plain numbers at 1, 2 and 5 of each power of ten."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set(**{f"{which}scale": "log"})
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    _plain(axes, which)


def _plain(axes: Any, which: str) -> None:
    """A faint rule at each of an axis's numbers, and nothing round the whole."""
    axes.grid(axis=which, color=RULE, lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis=which, labelsize=SMALL, color=QUIET, labelcolor=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)


def _save(figure: Figure, path: Path) -> None:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})  # else it names a version
    write_whole(path, drawn.getvalue())
