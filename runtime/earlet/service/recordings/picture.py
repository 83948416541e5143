"""A recording as a picture: what was heard, what the spotter made of it, and what came of that.

    waveform
    spectrogram
    scores      of each label against its threshold, smoothed (thick) and as they came (thin), the
                refractory time, and where the gate slept; on a logit scale, on which they are
                compared, so that what happens near 1 can be seen

Only labels that matter are coloured: those of events, or the one that came nearest.
"""

import io
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from earlet.arrays import AnyArray
from earlet.errors import BackendError, printable
from earlet.results import Detection, Rejection
from earlet.service.recordings.explanation import Explained
from earlet.service.recordings.file import Recording, Rules, Scores

WIDTH, HEIGHT = 10.0, 6.4  # inches
DPI = 120
LOWEST, HIGHEST = 0.001, 0.9995  # of the scores that are drawn: beyond, nothing is decided
BEYOND = 1e-5  # where a logit is still finite, and out of sight
TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
WINDOW_S, HOP_S = 0.025, 0.01  # of the spectrogram
RANGE_DB = 70.0  # below its loudest, all is drawn alike
LINE = 118  # characters of the title
GREY, FAINT, INK = "#8a8f98", "#c9ccd1", "#2b2f36"
COLOURS = ("#2463a8", "#b3401f", "#2e7d4f", "#8a4fa3")
NEAR_EDGE = 0.9  # share of the width: beyond, a name stands on the left of its line
STRIP = 0.03  # share of the scores' height in which it shows where the gate slept
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": "white",
    "text.parse_math": False,  # a label may have a "$" in it
}


def draw(recording: Recording, explained: Sequence[Explained], title: str) -> bytes:
    """The picture as PNG; a letter that the font has not is drawn as a box.

    Raises:
        BackendError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise BackendError(
            "the picture needs matplotlib; install it: pip install 'earlet[plots]'"
        ) from None
    has_scores = bool(len(recording.scores.at))
    with rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # Without pyplot: no display, nothing stays open.
        figure = Figure(figsize=(WIDTH, HEIGHT if has_scores else HEIGHT / 2), layout="constrained")
        ratios = [1, 1.4, 2.6] if has_scores else [1, 1.4]
        panels = figure.subplots(len(ratios), sharex=True, height_ratios=ratios)
        _waveform(panels[0], recording)
        _spectrogram(panels[1], recording)
        if has_scores:
            _scores(panels[2], recording, explained)
            _legend(figure, panels[2], recording.facts.rules, recording.scores)
        _mark(panels, explained, recording)
        panels[-1].set_xlabel("seconds")
        panels[-1].set_xlim(0, max(_duration_s(recording), HOP_S))
        figure.suptitle(
            textwrap.fill(printable(title), LINE), x=0.01, ha="left", fontsize=11, color=INK
        )
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _duration_s(recording: Recording) -> float:
    return len(recording.samples) / recording.facts.sample_rate


def _waveform(axes: Any, recording: Recording) -> None:
    times = np.arange(len(recording.samples)) / recording.facts.sample_rate
    axes.plot(times, recording.samples, color=INK, linewidth=0.4)
    most = max(float(np.abs(recording.samples).max(initial=0)), 1e-3)
    axes.set_ylim(-most, most)
    axes.set_ylabel("samples")


def _spectrogram(axes: Any, recording: Recording) -> None:
    rate = recording.facts.sample_rate
    window, hop = round(WINDOW_S * rate), round(HOP_S * rate)
    if len(recording.samples) < window:
        return
    frames = np.lib.stride_tricks.sliding_window_view(recording.samples, window)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), axis=1)) ** 2
    decibels = 10 * np.log10(np.maximum(power, 1e-12)).T
    top = float(decibels.max())
    left = window / 2 / rate  # a frame is drawn around its middle
    edges = (left - HOP_S / 2, left + (len(frames) - 0.5) * HOP_S, 0, rate / 2000)
    axes.imshow(
        np.clip(decibels, top - RANGE_DB, top),
        origin="lower",
        aspect="auto",
        extent=edges,
        cmap="Greys",
        interpolation="nearest",
    )
    axes.set_ylabel("kHz")


def _scores(axes: Any, recording: Recording, explained: Sequence[Explained]) -> None:
    facts, scores = recording.facts, recording.scores
    times = (scores.at - facts.start) / facts.sample_rate
    smoothed = np.clip(scores.smoothed, BEYOND, 1 - BEYOND)
    coloured = _coloured(explained, facts.rules.labels)
    others = [i for i, label in enumerate(facts.rules.labels) if label not in coloured]
    axes.plot(times, smoothed[:, others], color=FAINT, linewidth=0.8, zorder=1)
    for label, colour in coloured.items():
        column = facts.rules.labels.index(label)
        raw = np.clip(scores.posteriors[:, column], BEYOND, 1 - BEYOND)
        axes.plot(
            times, smoothed[:, column], color=colour, linewidth=2, zorder=3, label=printable(label)
        )
        axes.plot(times, raw, color=colour, linewidth=0.8, alpha=0.6, zorder=2)
    thresholds = [facts.rules.thresholds[label] for label in coloured]
    for threshold, colour in zip(thresholds, coloured.values(), strict=True):
        own = colour if thresholds.count(threshold) == 1 else INK
        axes.axhline(min(threshold, 1 - BEYOND), color=own, linewidth=1, linestyle="--", zorder=2)
    for start_s, end_s in _asleep(recording, times):
        axes.axvspan(start_s, end_s, ymax=STRIP, color=GREY, linewidth=0)
    for start_s, end_s in _deaf(recording, times):
        axes.axvspan(start_s, end_s, color=FAINT, alpha=0.4, linewidth=0, zorder=0)
    axes.set_yscale("logit")
    axes.set_ylim(LOWEST, HIGHEST)
    axes.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.set_yticks([], minor=True)
    axes.set_ylabel("score")


def _legend(figure: Any, axes: Any, rules: Rules, scores: Scores) -> None:
    """The labels by their colours, and how everything else that is there is drawn."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles, labels = axes.get_legend_handles_labels()
    ways: dict[str, Any] = {
        f"before smoothing over {rules.smoothing}": Line2D([], [], color=GREY, linewidth=0.8),
        "threshold": Line2D([], [], color=GREY, linewidth=1, linestyle="--"),
        "other labels": Line2D([], [], color=FAINT, linewidth=0.8),
    }
    if scores.deaf_until.any():
        ways["refractory time"] = Patch(color=FAINT, alpha=0.4)
    if not scores.is_open.all():
        ways["gate closed"] = Patch(color=GREY)
    figure.legend(
        [*handles, *ways.values()],
        [*labels, *ways],
        loc="outside lower left",
        ncols=len(handles) + len(ways),
        frameon=False,
        fontsize=8,
    )


def _coloured(explained: Sequence[Explained], labels: Sequence[str]) -> dict[str, str]:
    """The labels that matter, those that fired first, with their colours."""
    ranked = sorted(explained, key=lambda one: not one.fired)
    matter = dict.fromkeys(one.label for one in ranked if one.label in labels)
    return dict(zip(matter, COLOURS, strict=False))


def _asleep(recording: Recording, times: AnyArray) -> Iterator[tuple[float, float]]:
    """From when to when the gate was closed."""
    closed = np.concatenate([[False], ~recording.scores.is_open, [False]])
    changes = np.flatnonzero(closed[1:] != closed[:-1])
    hop_s = times[0] if len(times) == 1 else times[1] - times[0]
    for first, after in changes.reshape(-1, 2):
        yield float(times[first] - hop_s), float(times[after - 1])


def _deaf(recording: Recording, times: AnyArray) -> Iterator[tuple[float, float]]:
    """The refractory times."""
    untils = recording.scores.deaf_until
    for until in np.unique(untils[untils > recording.facts.start]):
        start_s = float(times[int(np.argmax(untils == until))])
        yield start_s, float((until - recording.facts.start) / recording.facts.sample_rate)


def _mark(panels: Sequence[Any], explained: Sequence[Explained], recording: Recording) -> None:
    """Each moment as a line through all panels, named; on the scores, what it reached."""
    colours = _coloured(explained, recording.facts.rules.labels)
    for one in explained:
        colour = colours.get(one.label, GREY)
        at_edge = one.end_s > NEAR_EDGE * _duration_s(recording)
        for panel in panels:
            panel.axvline(one.end_s, color=colour, linewidth=1, linestyle="-" if one.fired else ":")
        top = (one.end_s, panels[0].get_ylim()[1])
        _name(panels[0], printable(one.label), top, colour, on_left=at_edge)
        if one.label not in recording.facts.rules.labels:  # of an utterance
            panels[0].axvspan(one.start_s, one.end_s, color=FAINT, alpha=0.4, linewidth=0, zorder=0)
        elif isinstance(one.event, Detection | Rejection):
            reached = (one.end_s, min(one.event.score, HIGHEST))
            marker = "o" if one.fired else "X"
            dot = panels[-1].scatter(*reached, 50, colour, marker=marker, zorder=4, clip_on=False)
            dot.set_in_layout(False)
            if (given := one.event.confirmation) is not None:
                _name(panels[-1], f"second stage: {given:.1f}", reached, colour, on_left=at_edge)


def _name(axes: Any, text: str, at: tuple[float, float], colour: str, *, on_left: bool) -> None:
    """A text beside a point, legible over curves."""
    axes.annotate(
        text,
        at,
        (-6 if on_left else 6, -2),
        textcoords="offset points",
        ha="right" if on_left else "left",
        va="top",
        color=colour,
        bbox={"color": "white", "alpha": 0.7, "pad": 0.5},
        zorder=5,
        in_layout=False,
    )
