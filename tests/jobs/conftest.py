"""Sounds for jobs: short ones, and one that no job comes to the end of."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet.arrays import FloatArray

RATE = 16_000
N_CLIPS = 9
CLIP_S = 1.2  # seconds
ENDLESS = 30 * 3600 * RATE * 2  # bytes of 30 hours, which take minutes to look through


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory, speech: FloatArray) -> Path:
    """Nine clips of a second or so in a tree of folders."""
    folder = tmp_path_factory.mktemp("clips")
    length = int(CLIP_S * RATE)
    for number in range(N_CLIPS):
        start = number * RATE // 3
        silent = number % 4 == 3
        samples = np.zeros(length) if silent else speech[start : start + length]
        path = folder / f"day {number % 3}" / f"clip-{number:02d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, RATE)
    return folder


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A recording of 30 hours of silence, which takes no room on the disk."""
    path = tmp_path / "endless" / "endless.wav"
    path.parent.mkdir()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", ENDLESS + 36, b"WAVE") + form
    with path.open("wb") as file:
        file.write(head + struct.pack("<4sI", b"data", ENDLESS))
        file.truncate(ENDLESS + 44)
    return path
