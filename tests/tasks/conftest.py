"""A recording of commands."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet.arrays import FloatArray


@pytest.fixture(scope="module")
def waveform(recordings: Path) -> FloatArray:
    """Eight commands, and a sentence after the fourth, (n_samples,) at 16 kHz."""
    samples, _ = soundfile.read(recordings / "commands.flac", dtype="float32")
    return np.asarray(samples)
