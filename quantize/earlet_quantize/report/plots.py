"""The report's plots as SVG, narrow enough for a phone. The same record gives the same bytes."""

import io
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, NamedTuple

from earlet_quantize.measure.results import Candidate, LayerNoise, Quantization, Size
from earlet_quantize.report import figures

WIDTH = 4.2  # inches; with 9 points the text is 10 pixels high where the page is 360 wide
ROW = 0.26  # inches a bar
INTERVAL_ROW = 0.42  # inches an interval, with its figure above
MARGIN = 0.7  # inches above and below the bars, for the axis
MAX_LAYERS = 20  # the worst, of networks that have hundreds
SMALL = 0.01  # share of the largest network below which nothing can be seen of a bar
OTHER = "other"
FAR = 4  # times what passes: where a plot ends, so that one bad candidate does not squeeze the rest
GREY, BLUE, RED = "#8a8f98", "#2463a8", "#b3401f"
STYLE = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "earlet",  # else the ids of an SVG's parts are random
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "ytick.left": False,
}


def noise(candidate: Candidate) -> str:
    """The signal-to-noise ratio of the layers that lose most, in the order of the graph."""
    worst = figures.noisiest(candidate)[:MAX_LAYERS]
    layers = [layer for layer in candidate.noise if layer in worst]
    names = [_short(_named(layer)) for layer in layers]

    def paint(axes: Any) -> None:
        places = range(len(names))  # two names may be equal once they are short
        axes.barh(places, [layer.snr_db for layer in layers], color=BLUE, height=0.7)
        axes.set_yticks(places, names)
        axes.margins(y=0.01)
        axes.set_xlabel("SNR, dB (more is better)")

    return _svg(paint, ROW * len(layers))


def size(record: Quantization) -> str:
    """Bytes by the operator that uses them, of float and every candidate, with their sum."""
    sizes = {"float": record.float_size} | {c.scheme: c.size for c in record.candidates if c.size}
    operators = _operators(list(sizes.values()))

    def paint(axes: Any) -> None:
        left = [0.0] * len(sizes)
        for operator in [*operators, OTHER]:
            widths = [s.by_operator.get(operator, 0) / 1e6 for s in sizes.values()]
            if operator == OTHER:
                widths = [s.total / 1e6 - x for s, x in zip(sizes.values(), left, strict=True)]
            color = GREY if operator == OTHER else None
            bars = axes.barh(list(sizes), widths, 0.7, left, label=operator, color=color)
            left = [x + width for x, width in zip(left, widths, strict=True)]
        axes.bar_label(bars, [f"{x:.3g}" for x in left], padding=3)
        axes.margins(x=0.1)
        axes.set_xlabel("MB")
        axes.figure.legend(frameon=False, fontsize=8, loc="outside upper left", ncols=2)

    return _svg(paint, ROW * (len(sizes) + 1 + len(operators) // 2))


def _operators(sizes: Sequence[Size]) -> list[str]:
    """Those whose part of a bar can be seen, the largest first."""
    most: dict[str, int] = {}
    for one in sizes:
        for name, n_bytes in one.by_operator.items():
            most[name] = max(most.get(name, 0), n_bytes)
    visible = SMALL * max(one.total for one in sizes)
    return sorted((name for name in most if most[name] >= visible), key=lambda n: -most[n])


def latency(record: Quantization) -> str:
    """CPU time as a ratio to float, with its interval; beyond the line is slower."""
    rows = [
        _Interval(c.scheme, c.latency.ratio, c.latency.low, c.latency.high, _color(c))
        for c in record.candidates
        if c.latency is not None
    ]
    return _svg(
        lambda axes: _intervals(axes, rows, "CPU time / float", 1.0), INTERVAL_ROW * len(rows)
    )


def drop(record: Quantization) -> str:
    """Percentage points lost, with their interval; the line is what float does."""
    rows = [
        _Interval(c.scheme, c.accuracy.drop, c.accuracy.low, c.accuracy.high, _color(c))
        for c in record.candidates
        if c.accuracy is not None
    ]

    good = (row.high for row in rows if row.color == BLUE)
    edge = FAR * max(record.limits.max_drop, *good, 0.0) or inf

    def paint(axes: Any) -> None:
        _intervals(axes, rows, "percentage points worse than float", 0.0, edge)
        axes.axvline(record.limits.max_drop, color=RED, linewidth=1, linestyle="--")

    return _svg(paint, INTERVAL_ROW * len(rows))


class _Interval(NamedTuple):
    name: str
    value: float
    low: float
    high: float
    color: str


def _intervals(
    axes: Any, rows: Sequence[_Interval], label: str, reference: float, edge: float = inf
) -> None:
    """Rows of a point with its interval; those beyond the edge of the plot are drawn at it."""
    for row in rows:
        value, low, high = (min(x, edge) for x in (row.value, row.low, row.high))
        axes.plot([low, high], [row.name] * 2, color=row.color, linewidth=2)
        axes.plot([value], [row.name], "o" if value == row.value else ">", color=row.color)
        axes.annotate(
            f"{row.value:.2f}",
            (value, row.name),
            (0, 6),
            textcoords="offset points",
            ha="center",
        )
    axes.axvline(reference, color=GREY, linewidth=1)
    axes.set_xlabel(f"{label} (less is better)")
    axes.margins(x=0.15, y=0.5)


def _svg(paint: Callable[[Any], None], height: float) -> str:
    """One plot, `height` inches but its axis, without pyplot: no display, nothing stays open."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, MARGIN + height), layout="constrained")
        axes = figure.subplots()
        paint(axes)
        axes.invert_yaxis()  # rows from the top, as they are read
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]  # the page has a document type of its own


def _color(candidate: Candidate) -> str:
    return BLUE if candidate.refusal is None else RED


def _named(layer: LayerNoise) -> str:
    """By its name; most exporters put the operator into it."""
    return layer.name if layer.op_type in layer.name else f"{layer.name} ({layer.op_type})"


def _short(name: str, limit: int = 34) -> str:
    return name if len(name) <= limit else "…" + name[-limit + 1 :]
