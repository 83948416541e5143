"""The model card: the measured curve as a table and a picture, to choose a threshold by."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from evaluate import SNR_DB, Evaluation, Point, poisson_bounds

CARD = Path(__file__).with_name("card.md")
KITCHEN = "doing_the_dishes"
CURVES: tuple[tuple[str, str, Callable[[Point], float]], ...] = (
    ("clean", "#1b6e8c", lambda point: point.missed["clean"]),
    (f"kitchen noise, {SNR_DB:g} dB", "#d1731b", lambda point: point.missed[KITCHEN]),
    (f"mean of six noises, {SNR_DB:g} dB", "#8a8f98", lambda point: noisy(point)),
)
PLOT_MAX_PER_HOUR = 30


def noisy(point: Point) -> float:
    """Missed with noise, mean over the noises."""
    return float(np.mean([share for name, share in point.missed.items() if name != "clean"]))


def alarms(point: Point) -> int:
    """False alarms in all of the continuous speech."""
    return sum(point.false_alarms.values())


def write_card(path: Path, int8: Evaluation, float32: Evaluation, threshold: float) -> None:
    """Fill the measurements into the card's text."""
    chosen = at(int8, threshold)
    hours = sum(int8.hours.values())
    low, high = poisson_bounds(alarms(chosen), hours)
    speech = "\n".join(
        f"| {name} | {60 * int8.hours[name]:.1f} | {count} |"
        for name, count in chosen.false_alarms.items()
    )
    noises = "\n".join(
        f"| {name.replace('_', ' ')} | {at(float32, threshold).missed[name]:.1%} | {missed:.1%} |"
        for name, missed in chosen.missed.items()
    )
    commands = ", ".join(f"{name} {missed:.0%}" for name, missed in chosen.per_command.items())
    text = CARD.read_text(encoding="utf-8").format(
        threshold=threshold,
        missed=f"{chosen.missed['clean']:.1%}",
        missed_kitchen=f"{chosen.missed[KITCHEN]:.1%}",
        alarms=alarms(chosen),
        rate=f"{alarms(chosen) / hours:.1f}",
        bounds=f"{low:.1f} to {high:.1f}",
        hours=f"{hours:.2f}",
        n_commands=int8.n_commands,
        n_words=int8.n_words,
        rate_at_speeds=f"{chosen.at_speeds / int8.hours_at_speeds:.1f}",
        hours_at_speeds=f"{int8.hours_at_speeds:.1f}",
        curve="\n".join(_row(point, int8, threshold) for point in int8.points),
        speech=speech,
        noises=noises,
        commands=commands,
    )
    path.write_text(text, encoding="utf-8")


def at(evaluation: Evaluation, threshold: float) -> Point:
    """The measurement at one of its thresholds."""
    return next(point for point in evaluation.points if point.threshold == threshold)


def _row(point: Point, evaluation: Evaluation, chosen: float) -> str:
    hours = sum(evaluation.hours.values())
    low, high = poisson_bounds(alarms(point), hours)
    bold = "**" if point.threshold == chosen else ""
    cells = (
        f"{bold}{point.threshold:g}{bold}",
        f"{point.missed['clean']:.1%}",
        f"{point.missed[KITCHEN]:.1%}",
        f"{noisy(point):.1%}",
        str(point.wrong["clean"]),
        str(alarms(point)),
        f"{alarms(point) / hours:.1f} ({low:.1f}-{high:.1f})",
        f"{point.at_speeds / evaluation.hours_at_speeds:.1f}",
        f"{point.words_fired / evaluation.n_words:.1%}",
    )
    return "| " + " | ".join(cells) + " |"


def plot(path: Path, evaluation: Evaluation, threshold: float) -> None:
    """Missed commands against false alarms an hour, a line for each condition."""
    mpl.use("Agg")
    hours = sum(evaluation.hours.values())
    chosen = at(evaluation, threshold)
    figure, axes = plt.subplots(figsize=(7.2, 4.6), dpi=160, layout="constrained")
    low, high = poisson_bounds(alarms(chosen), hours)
    axes.axvspan(low, high, color="#1b6e8c", alpha=0.08, lw=0)
    for label, colour, missed in CURVES:
        rates = [alarms(point) / hours for point in evaluation.points]
        shares = [100 * missed(point) for point in evaluation.points]
        axes.plot(rates, shares, "o-", color=colour, ms=3.5, lw=1.8, label=label)
        axes.plot(alarms(chosen) / hours, 100 * missed(chosen), "o", color=colour, ms=9)
    axes.set_xlim(-0.5, PLOT_MAX_PER_HOUR)
    axes.set_ylim(0, 50)
    axes.set_xlabel("false alarms per hour of continuous speech")
    axes.set_ylabel("commands missed, %")
    axes.set_title(
        f"{evaluation.n_commands} commands by unseen speakers, {hours:.2f} h of unseen speech",
        loc="left",
        fontsize=11,
    )
    axes.text(
        0.985,
        0.62,
        f"large dots: threshold {threshold:g}\nshaded: its rate's 95 % bounds",
        transform=axes.transAxes,
        ha="right",
        fontsize=8.5,
        color="#555555",
    )
    axes.grid(color="#e4e6e9", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right")
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)
