"""A folder of short clips, some of speech and some of silence."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet.arrays import FloatArray

RATE = 16_000
N_CLIPS = 9
CLIP_S = 1.2  # seconds


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
