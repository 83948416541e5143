"""The detection error trade-off: missed commands against false alarms, for every setting."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from earlet.errors import BackendError, InputError
from earlet.files import write_whole
from earlet.tuning.outcome import Outcome
from earlet.tuning.rates import CONFIDENCE

CHOSEN, OTHERS, INK = "#1b6e8c", ("#d1731b", "#8a8f98", "#7b5ea7"), "#333333"
NONE_SHOWN_AT = 0.5  # false alarms: where none is shown on the logarithmic axis


def draw(path: Path, outcomes: Sequence[Outcome], chosen: Outcome, target: float) -> None:
    """Write it as a PNG.

    Raises:
        BackendError: matplotlib is not installed.
        InputError: the file cannot be written.
    """
    figure_class, formatter = _matplotlib()
    figure = figure_class(figsize=(7.2, 4.6), dpi=160, layout="constrained")
    axes = figure.subplots()
    axes.axvspan(_x(chosen), chosen.per_hour_below, color=CHOSEN, alpha=0.08, lw=0)
    target = target or NONE_SHOWN_AT / chosen.hours
    axes.axvline(target, color=INK, lw=1, ls=":")
    _curves(axes, outcomes, chosen)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(formatter(lambda value, _: f"{value:g}"))
    axes.set_ylim(bottom=0)
    axes.grid(color="#e4e6e9", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right")
    _words(axes, chosen, target)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    try:
        write_whole(path, drawn.getvalue())
    except OSError as problem:
        raise InputError(f"{path}: cannot be written: {problem.strerror}") from None


def _curves(axes: Any, outcomes: Sequence[Outcome], chosen: Outcome) -> None:
    """A curve for each smoothing; a ring round what was chosen."""
    colours = iter(OTHERS)
    for smoothing in sorted({outcome.setting.smoothing for outcome in outcomes}):
        points = [outcome for outcome in outcomes if outcome.setting.smoothing == smoothing]
        is_chosen = smoothing == chosen.setting.smoothing
        axes.plot(
            [_x(point) for point in points],
            [100 * point.missed for point in points],
            "o-",
            color=CHOSEN if is_chosen else next(colours),
            ms=4 if is_chosen else 2.5,
            lw=2 if is_chosen else 1,
            zorder=3 if is_chosen else 2,  # lines lie on each other
            label=f"mean of {smoothing}" if smoothing > 1 else "no smoothing",
        )
    ring = {"color": INK, "ms": 10, "mfc": "none", "mew": 1.8, "zorder": 4}
    axes.plot(_x(chosen), 100 * chosen.missed, "o", **ring)


def _words(axes: Any, chosen: Outcome, target: float) -> None:
    """What the axes, the ring and the shade are."""
    hours = chosen.hours
    axes.set_xlabel(f"false alarms per hour (in {hours:.2f} h; what had none stands leftmost)")
    axes.set_ylabel(f"commands missed, % (of {chosen.n_said})")
    axes.set_title(
        f"ring: threshold {chosen.setting.threshold:g}, {chosen.missed:.1%} missed, "
        f"{chosen.per_hour:.2g} an hour",
        loc="left",
        fontsize=11,
    )
    axes.text(target, 1.0, " target", transform=axes.get_xaxis_transform(), va="top", fontsize=8.5)
    axes.text(
        0.985,
        0.70,
        "shaded: up to what the rate of the ring\n"
        f"is below with {100 * CONFIDENCE:.0f} % confidence",
        transform=axes.transAxes,
        ha="right",
        fontsize=8.5,
        color="#555555",
    )


def check() -> None:
    """Raises BackendError: matplotlib is not installed."""
    _matplotlib()


def _x(outcome: Outcome) -> float:
    return max(outcome.n_false, NONE_SHOWN_AT) / outcome.hours


def _matplotlib() -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter
    except ImportError:
        raise BackendError(
            "matplotlib, which draws the plot, is not installed: pip install 'earlet[tune]'"
        ) from None
    return Figure, FuncFormatter
