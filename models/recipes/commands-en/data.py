"""What the network learns from, what it is measured on, and how the two are kept apart.

Nothing here crosses the line: speakers of command words are split by the corpus itself, recordings
of continuous speech by whole speaker group or by the CRC-32 of their file name, LibriSpeech
test-other is for measurement only, and of every noise the last third is.
"""

import csv
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

from earlet.arrays import FloatArray
from earlet.features.fbank import FbankConfig

COMMANDS = ("down", "eight", "five", "go", "left", "one", "right", "up", "zero")
LABELS = (*COMMANDS, "none")
NONE = len(COMMANDS)

FRONT_END = FbankConfig(
    sample_rate=16_000,
    win_length=480,  # 30 ms
    hop_length=320,  # 20 ms
    n_fft=512,
    n_mels=40,
    f_min=20.0,
    f_max=7_600.0,
    window="hann",
    preemphasis=0.0,
    remove_dc=False,
    log_floor=1e-6,
    mean=-4.0,
    std=4.0,
)
SAMPLE_RATE = FRONT_END.sample_rate

HELD_OUT_GROUPS = frozenset({"g01", "g05", "g07"})  # coffee orders: 10.5 of 21.3 minutes
SPOKEN_COMMAND = "6147-34605-0000"  # LibriSpeech: ends a phrase on "five"
NOISE_FOR_TRAINING = 2 / 3  # the beginning of each noise; the rest is for measurement


@dataclass(frozen=True)
class TrainingData:
    """Waveforms at 16 kHz, float32."""

    commands: tuple[list[FloatArray], ...]  # one list of clips per command
    words: dict[str, list[FloatArray]]  # other English words, isolated
    arabic: list[FloatArray]  # Arabic words, isolated
    phrases: list[FloatArray]  # "alexa", "computer", "smart mirror" ...
    orders: list[FloatArray]  # spoken coffee orders
    reading: list[FloatArray]  # LibriSpeech
    noises: list[FloatArray]


@dataclass(frozen=True)
class HeldOutData:
    """The same kinds of sound, from speakers and recordings that training never sees."""

    commands: tuple[list[FloatArray], ...]
    words: list[FloatArray]  # isolated words of both languages that are no commands
    speech: dict[str, list[FloatArray]]  # continuous speech, by source
    noises: dict[str, FloatArray]


def load_training(root: Path) -> TrainingData:
    """Read the training part from the data folder."""
    clips = read_rows(root / "commands/gsc-subset/manifest.csv")
    commands: tuple[list[FloatArray], ...] = tuple([] for _ in COMMANDS)
    words: dict[str, list[FloatArray]] = {}
    for row in clips:
        if row["split"] != "train":
            continue
        clip = read(root / "commands/gsc-subset" / row["path"])
        if row["word"] in COMMANDS:
            commands[COMMANDS.index(row["word"])].append(clip)
        else:
            words.setdefault(row["word"], []).append(clip)
    return TrainingData(
        commands=commands,
        words=words,
        arabic=[read(path) for path in _arabic(root, "train")],
        phrases=[read(path) for path in _phrases(root) if not _is_held_out(path)],
        orders=[read(path) for path, group in _orders(root) if group not in HELD_OUT_GROUPS],
        reading=[read(path) for path in _reading(root) if not _is_held_out(path)],
        noises=[noise[: int(len(noise) * NOISE_FOR_TRAINING)] for noise in _noises(root).values()],
    )


def load_held_out(root: Path) -> HeldOutData:
    """Read the part for measurement from the data folder."""
    commands: tuple[list[FloatArray], ...] = tuple([] for _ in COMMANDS)
    words = [read(path) for path in _arabic(root, "val")]
    for row in read_rows(root / "commands/gsc-subset/manifest.csv"):
        if row["split"] != "val":
            continue
        clip = read(root / "commands/gsc-subset" / row["path"])
        if row["word"] in COMMANDS:
            commands[COMMANDS.index(row["word"])].append(clip)
        else:
            words.append(clip)
    other = sorted((root / "speech/librispeech-test-other").glob("*.flac"))
    return HeldOutData(
        commands=commands,
        words=words,
        speech={
            "coffee orders": [
                read(path) for path, group in _orders(root) if group in HELD_OUT_GROUPS
            ],
            "wake phrases": [read(path) for path in _phrases(root) if _is_held_out(path)],
            "LibriSpeech train-clean-100": [
                read(path) for path in _reading(root) if _is_held_out(path)
            ],
            "LibriSpeech test-other": [read(path) for path in other],
        },
        noises={
            name: noise[int(len(noise) * NOISE_FOR_TRAINING) :]
            for name, noise in _noises(root).items()
        },
    )


def read(path: Path) -> FloatArray:
    """One mono recording at 16 kHz."""
    waveform, sample_rate = sf.read(path, dtype="float32")
    if sample_rate != SAMPLE_RATE or waveform.ndim != 1:
        raise ValueError(
            f"{path}: expected mono at 16 kHz, got {sample_rate} Hz, {waveform.ndim}-D"
        )
    return np.asarray(waveform)


def read_rows(manifest: Path) -> Iterator[dict[str, str]]:
    """The lines of a table with a heading, tab- or comma-separated."""
    with manifest.open(encoding="utf-8") as lines:
        delimiter = "\t" if manifest.suffix == ".tsv" else ","
        yield from csv.DictReader(lines, delimiter=delimiter)


def _is_held_out(path: Path) -> bool:
    return zlib.crc32(path.name.encode()) % 4 == 0


def _arabic(root: Path, split: str) -> Iterator[Path]:
    folder = root / "commands/arabic-sc"
    return (
        folder / row["path"] for row in read_rows(folder / "manifest.csv") if row["split"] == split
    )


def _phrases(root: Path) -> Iterator[Path]:
    folder = root / "wakeword/alexa"
    return (folder / row["path"] for row in read_rows(folder / "manifest.tsv"))


def _orders(root: Path) -> Iterator[tuple[Path, str]]:
    folder = root / "negatives"
    return (
        (folder / row["path"], row["speaker_group"]) for row in read_rows(folder / "manifest.tsv")
    )


def _reading(root: Path) -> Iterable[Path]:
    files = [*(root / "negatives/librispeech").glob("*.flac")]
    files += (root / "speech/calibration").glob("*.flac")
    return sorted(path for path in files if path.stem != SPOKEN_COMMAND)


def _noises(root: Path) -> dict[str, FloatArray]:
    files = sorted((root / "commands/gsc-subset/noise").glob("*.flac"))
    return {path.stem: read(path) for path in files}
