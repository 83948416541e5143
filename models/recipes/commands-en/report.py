"""The model card: the measured curves as tables and a picture, to choose thresholds by."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from evaluate import Evaluation, Point, Setting, poisson_bounds
from matplotlib.axes import Axes
from streams import SNR_DB

CARD = Path(__file__).with_name("card.md")
KITCHEN = "doing_the_dishes"
CURVES: tuple[tuple[str, str, Callable[[Point], float]], ...] = (
    ("clean", "#1b6e8c", lambda point: point.missed["clean"]),
    (f"kitchen noise, {SNR_DB:g} dB", "#d1731b", lambda point: point.missed[KITCHEN]),
    (f"mean of six noises, {SNR_DB:g} dB", "#8a8f98", lambda point: noisy(point)),
)
PLOT_MAX_PER_HOUR = 100


def noisy(point: Point) -> float:
    """Missed with noise, mean over the noises."""
    return _mean([share for name, share in point.missed.items() if name != "clean"])


def alarms(point: Point) -> int:
    """False alarms in all of the continuous speech."""
    return sum(point.false_alarms.values())


def at(evaluation: Evaluation, setting: Setting) -> Point:
    """The measurement at one of its settings."""
    return next(point for point in evaluation.points if point.setting == setting)


def write_card(
    path: Path, int8: Evaluation, float32: Evaluation, alone: Setting, confirmed: Setting
) -> None:
    """Fill the measurements into the card's text."""
    hours = sum(int8.hours.values())
    chosen = {"alone": at(int8, alone), "confirmed": at(int8, confirmed)}
    figures: dict[str, object] = {
        "hours": f"{hours:.2f}",
        "hours_at_speeds": f"{int8.hours_at_speeds:.1f}",
        "n_commands": int8.n_commands,
        "n_words": int8.n_words,
        "thresholds": _table(int8, alone, lambda setting: setting.score is None),
        "scores": _table(int8, confirmed, lambda setting: setting.score is not None),
        "speech": _speech(int8, list(chosen.values())),
        "conditions": _conditions([at(float32, alone), *chosen.values()]),
        "commands": _commands(chosen["alone"]),
        "commands_confirmed": _commands(chosen["confirmed"]),
    }
    for name, point in chosen.items():
        low, high = poisson_bounds(alarms(point), hours)
        figures |= {
            f"{name}_threshold": f"{point.setting.threshold:g}",
            f"{name}_score": point.setting.score,
            f"{name}_missed": f"{point.missed['clean']:.1%}",
            f"{name}_kitchen": f"{point.missed[KITCHEN]:.1%}",
            f"{name}_noisy": f"{noisy(point):.1%}",
            f"{name}_unlike": f"{_mean(list(point.unlike.values())):.1%}",
            f"{name}_alarms": alarms(point),
            f"{name}_rate": f"{alarms(point) / hours:.1f}",
            f"{name}_bounds": f"{low:.1f} to {high:.1f}",
            f"{name}_rate_at_speeds": f"{point.at_speeds / int8.hours_at_speeds:.1f}",
        }
    path.write_text(CARD.read_text(encoding="utf-8").format(**figures), encoding="utf-8")


def _table(evaluation: Evaluation, chosen: Setting, belongs: Callable[[Setting], bool]) -> str:
    hours = sum(evaluation.hours.values())
    rows = []
    for point in evaluation.points:
        setting = point.setting
        if not belongs(setting):
            continue
        low, high = poisson_bounds(alarms(point), hours)
        cells = [
            f"{setting.threshold:g}",
            *([] if setting.score is None else [f"{setting.score:g}"]),
            f"{point.missed['clean']:.1%}",
            f"{point.missed[KITCHEN]:.1%}",
            f"{noisy(point):.1%}",
            f"{_mean(list(point.unlike.values())):.1%}",
            str(point.wrong),
            str(alarms(point)),
            f"{alarms(point) / hours:.1f} ({low:.1f}-{high:.1f})",
            f"{point.at_speeds / evaluation.hours_at_speeds:.1f}",
            f"{point.words_fired / evaluation.n_words:.1%}",
        ]
        if setting == chosen:
            cells = [f"**{cell}**" for cell in cells]
        rows.append(_row(cells))
    return "\n".join(rows)


def _speech(evaluation: Evaluation, points: Sequence[Point]) -> str:
    return "\n".join(
        _row([name, f"{60 * hours:.1f}", *(str(point.false_alarms[name]) for point in points)])
        for name, hours in evaluation.hours.items()
    )


def _conditions(points: Sequence[Point]) -> str:
    shares = [{**point.missed, **point.unlike} for point in points]
    return "\n".join(
        _row([name.replace("_", " "), *(f"{share[name]:.1%}" for share in shares)])
        for name in shares[0]
    )


def _commands(point: Point) -> str:
    return ", ".join(f"{name} {missed:.0%}" for name, missed in point.per_command.items())


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _mean(shares: Sequence[float]) -> float:
    return float(np.mean(shares))


def plot(path: Path, evaluation: Evaluation, alone: Setting, confirmed: Setting) -> None:
    """Missed commands against false alarms an hour, without and with the second stage."""
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(7.2, 4.8), dpi=160, layout="constrained")
    by_threshold = [p for p in evaluation.points if p.setting.score is None]
    by_score = [
        p
        for p in evaluation.points
        if p.setting.score is not None and p.setting.threshold == confirmed.threshold
    ]
    by_score.sort(key=lambda p: p.setting.score or 0.0)
    for label, colour, missed in CURVES:
        for points, line, chosen in ((by_threshold, "-", alone), (by_score, "--", confirmed)):
            rates = [p.at_speeds / evaluation.hours_at_speeds for p in points]
            shares = [100 * missed(p) for p in points]
            name = label if line == "-" else f"{label}, second stage"
            axes.plot(rates, shares, "o" + line, color=colour, ms=3, lw=1.6, label=name)
            dot = at(evaluation, chosen)
            rate = dot.at_speeds / evaluation.hours_at_speeds
            axes.plot(rate, 100 * missed(dot), "o", color=colour, ms=8)
    _label(axes, evaluation, alone, confirmed)
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def _label(axes: Axes, evaluation: Evaluation, alone: Setting, confirmed: Setting) -> None:
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(-0.05, PLOT_MAX_PER_HOUR)
    axes.set_ylim(0, 50)
    ticks = [0, 0.5, 1, 2, 5, 10, 20, 50, 100]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(
        f"false alarms per hour of continuous speech ({evaluation.hours_at_speeds:.1f} h: "
        f"{sum(evaluation.hours.values()):.2f} h at five speeds)"
    )
    axes.set_ylabel("commands missed, %")
    axes.set_title(
        f"{evaluation.n_commands} commands by unseen speakers; large dots: threshold "
        f"{alone.threshold:g}, and {confirmed.threshold:g} with score {confirmed.score:g}",
        loc="left",
        fontsize=10,
    )
    axes.grid(color="#e4e6e9", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right", fontsize=8, handlelength=3.5)
