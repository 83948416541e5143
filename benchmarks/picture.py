"""Draw README's picture: what the spotter makes of a recording, stage by stage.

    python -m benchmarks.picture [RECORDING] [--out benchmarks/figures/listening.png]

Needs matplotlib, which the `recipes` extra brings. The panels share their time axis: the waveform,
the features that the network is fed, and what it answers, with a lane for each command.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import soundfile
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

import earlet
from earlet import features
from earlet.arrays import FloatArray
from earlet.results import Detection
from earlet.tasks.audio_classification import AudioClassification

ROOT = Path(__file__).parents[1]
INK, QUIET, HEARD, ANSWER = "#2b3440", "#6b7684", "#d55e00", "#0072b2"  # Okabe and Ito's two
SPAN: dict[str, Any] = {"color": HEARD, "alpha": 0.15, "lw": 0}
ENERGY = ("#0072b200", "#0072b2d0", "#001a33")  # clear, so that spans show behind it
SHADES = 24  # of a feature's colour: as many as can be told apart, and a small file
DPI = 160  # of 10 inches: 1600 pixels wide
STYLE: Any = {  # of matplotlib's settings
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    recording = ROOT / "tests" / "recordings" / "commands.flac"
    parser.add_argument("recording", type=Path, nargs="?", default=recording)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "benchmarks" / "figures" / "listening.png"
    )
    arguments = parser.parse_args()
    task = earlet.pipeline("audio-classification")
    waveform, sample_rate = soundfile.read(arguments.recording, dtype="float32")
    if sample_rate != task.sample_rate:
        raise SystemExit(f"{arguments.recording}: {sample_rate} Hz; need {task.sample_rate}")
    draw(task, waveform, arguments.out)


def draw(task: AudioClassification, waveform: FloatArray, out: Path) -> None:
    """The three panels, and every detection through all of them."""
    events = list(task.listen(waveform, sampling_rate=task.sample_rate))
    with mpl.rc_context(STYLE):
        figure, panels = plt.subplots(
            3,
            figsize=(10, 6.9),
            sharex=True,
            layout="constrained",
            gridspec_kw={"height_ratios": (1.1, 1.6, 3.6)},
        )
        draw_waveform(panels[0], waveform, task.sample_rate)
        draw_features(panels[1], task, waveform)
        draw_posteriors(panels[2], task, waveform)
        lanes = list(task.config.thresholds)[::-1]  # the first on top
        for event in events:
            mark(panels, event, lanes.index(event.label))
        duration_s = len(waveform) / task.sample_rate
        panels[2].set_xlim(0, duration_s)
        panels[2].set_xticks(np.arange(0, duration_s, 2))
        panels[2].set_xlabel("seconds")
        figure.align_ylabels(panels)
        figure.savefig(out, dpi=DPI, pil_kwargs={"optimize": True})


def mark(panels: Sequence[Axes], event: Detection, lane: int) -> None:
    """A detection: its span and label in all panels, and in the last one only in its lane."""
    middle, length = (event.start_s + event.end_s) / 2, event.end_s - event.start_s
    for panel in panels[:2]:
        panel.axvspan(event.start_s, event.end_s, **SPAN)
    panels[2].barh(lane + 0.5, length, 1, event.start_s, **SPAN)
    panels[0].annotate(
        event.label,
        (middle, 1),
        xytext=(0, 4),  # points above the panel
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        color=HEARD,
        weight="bold",
    )


def draw_waveform(panel: Axes, waveform: FloatArray, sample_rate: int) -> None:
    """Amplitude, -1..1 of full scale."""
    seconds = np.arange(len(waveform)) / sample_rate
    panel.plot(seconds, waveform, color=INK, lw=0.4)
    peak = float(np.abs(waveform).max())
    panel.set_ylim(-1.05 * peak, 1.05 * peak)
    panel.set_ylabel("waveform")
    panel.set_yticks([])
    panel.spines[["left", "bottom"]].set_visible(False)
    panel.tick_params(bottom=False)


def draw_features(panel: Axes, task: AudioClassification, waveform: FloatArray) -> None:
    """Log-mel energies, low frequencies at the bottom."""
    front_end = features.from_manifest(task.bundle.manifest.input)
    frames = front_end(waveform)
    # A pixel's middle is the middle of its frame.
    start_s = (front_end.win_length - front_end.hop_length) / 2 / task.sample_rate
    end_s = start_s + len(frames) * front_end.hop_length / task.sample_rate
    low, high = np.percentile(frames, [50, 99.8])
    panel.imshow(
        frames.T,
        aspect="auto",
        origin="lower",
        extent=(start_s, end_s, 0, frames.shape[1]),
        cmap=LinearSegmentedColormap.from_list("clear to dark", ENERGY, SHADES),
        vmin=low,
        vmax=high,
        interpolation="nearest",
        zorder=2,
    )
    panel.set_ylabel(f"{frames.shape[1]} log-mel\nenergies")
    panel.set_yticks([])
    panel.spines[["left", "bottom"]].set_visible(False)
    panel.tick_params(bottom=False)


def draw_posteriors(panel: Axes, task: AudioClassification, waveform: FloatArray) -> None:
    """A lane for each command: its posterior, 0..1, and the threshold at which it is heard."""
    rows = task.posteriors(waveform)
    # The first smoothed row is there once so many hops were heard.
    hops = np.arange(len(rows)) + task.config.smoothing
    seconds = hops * task.config.hop_ms / 1000
    lanes = list(task.config.thresholds.items())[::-1]
    for lane, (label, threshold) in enumerate(lanes):
        posterior = rows[:, task.labels.index(label)]
        panel.axhline(lane, color=QUIET, lw=0.5, alpha=0.6)
        panel.axhline(lane + 0.86 * threshold, color=HEARD, lw=0.7, ls=(0, (2, 3)))
        panel.fill_between(seconds, lane, lane + 0.86 * posterior, color=ANSWER, lw=0.6, zorder=2)
    panel.set_yticks(np.arange(len(lanes)) + 0.4, [label for label, _ in lanes])
    panel.tick_params(left=False, labelcolor=INK, axis="y")
    panel.set_ylim(0, len(lanes))
    panel.set_ylabel("posterior of each command\nand its threshold")
    panel.spines["left"].set_visible(False)


if __name__ == "__main__":
    main()
