"""Commands and speech of the repository, as somebody would bring them."""

import csv
from pathlib import Path

import pytest
import soundfile


@pytest.fixture(scope="session")
def positives(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Path:
    """A folder for each label, with a recording for each time that it is said."""
    folder = tmp_path_factory.mktemp("positives")
    samples, rate = soundfile.read(recordings / "commands.flac", dtype="float32")
    with (recordings / "commands.tsv").open() as file:
        for i, word in enumerate(csv.DictReader(file, delimiter="\t")):
            start, end = (round(float(word[key]) * rate) for key in ("start_s", "end_s"))
            (folder / word["label"]).mkdir(exist_ok=True)
            pad = rate // 10
            soundfile.write(
                folder / word["label"] / f"{i}.wav", samples[start - pad : end + pad], rate
            )
    return folder


@pytest.fixture(scope="session")
def negatives(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Path:
    """A folder of two recordings of speech."""
    folder = tmp_path_factory.mktemp("negatives")
    samples, rate = soundfile.read(recordings / "speech.flac", dtype="float32")
    half = len(samples) // 2
    soundfile.write(folder / "1.wav", samples[:half], rate)
    soundfile.write(folder / "2.flac", samples[half:], rate)
    return folder
