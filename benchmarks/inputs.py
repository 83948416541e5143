"""Real sounds, pictures and texts, on which things are compared and measured."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import soundfile

from earlet.arrays import INT16_SCALE, FloatArray
from earlet.image import file as image
from earlet.tasks.trace import Example

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
N_SOUNDS = 20  # of each of three data sets
N_TEXTS = 60  # of each of two
SAMPLE_RATE = 16_000  # Hz, of all recordings here
N_SAMPLES = 14_000  # of the middle of a clip: what the smallest network takes at once


def real_inputs(data: Path) -> dict[str, Sequence[Example]]:
    """Sounds, pictures, texts and pairs: those of the golden files, and more where `data` is."""
    stated = json.loads((GOLDEN / "huggingface" / "examples.json").read_text(encoding="utf-8"))
    clips = [
        *every(sorted(data.glob("speech/librispeech-test-other/*.flac")), N_SOUNDS),
        *every(sorted(data.glob("commands/gsc-subset/**/*.flac")), N_SOUNDS),
        *every(sorted(data.glob("negatives/speech/*.flac")), N_SOUNDS),
    ]
    pictures = sorted(data.glob("image/*.[pj][np]g")) + sorted(
        data.glob("image/caltech101/val/*.jpg")
    )
    texts = [
        *every(lines(data / "text" / "udhr" / "multilingual.tsv", 1), N_TEXTS),
        *every(lines(data / "text" / "sentiment" / "dev.tsv", 0), N_TEXTS),
    ]
    pairs = [{"text": a, "text_pair": b} for a, b in zip(texts[::2], texts[1::2], strict=True)]
    return {
        "sounds": [
            *(read(GOLDEN / s["file"], s["start"], s["n_samples"]) for s in stated["sounds"]),
            *map(middle, clips),
        ],
        "pictures": [
            *(image.load(GOLDEN / "huggingface" / name) for name in stated["pictures"]),
            *map(image.load, pictures),
        ],
        "texts": [*stated["texts"], *texts],
        "pairs": [*stated["pairs"], *pairs],
    }


def every(items: Sequence[Any], n: int) -> Sequence[Any]:
    """At most `n`, evenly spaced."""
    return items[:: max(1, len(items) // n)][:n]


def lines(path: Path, column: int) -> list[str]:
    """A column of a table; nothing where there is none."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row[column] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def middle(path: Path) -> FloatArray:
    """N_SAMPLES of a clip, or all of a shorter one."""
    n_samples = soundfile.info(path).frames
    return read(path, max(0, (n_samples - N_SAMPLES) // 2), N_SAMPLES)


def read(path: Path, start: int = 0, n_samples: int = -1) -> FloatArray:
    """A mono recording, or `n_samples` of it, (n_samples,)."""
    waveform: FloatArray
    waveform, rate = soundfile.read(path, dtype="float32", start=start, frames=n_samples)
    if rate != SAMPLE_RATE:
        raise ValueError(f"{path}: expected {SAMPLE_RATE} Hz, got {rate}")
    return waveform


def pcm(waveform: FloatArray) -> bytes:
    """The same as 16-bit samples, little-endian, without a head."""
    return (waveform / INT16_SCALE).astype("<i2").tobytes()
