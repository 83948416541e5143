"""What is said to `earlet serve` through Wyoming."""

import csv
from pathlib import Path

import pytest

from tests.server.program import Program
from tests.server.wyoming.home_assistant import sound


@pytest.fixture(scope="session")
def port(server: Program) -> int:
    """On which Wyoming is spoken."""
    return server.wyoming_port


@pytest.fixture(scope="session")
def speech(recordings: Path) -> bytes:
    """Two utterances."""
    return sound(recordings / "speech.flac")


@pytest.fixture(scope="session")
def commands(recordings: Path) -> bytes:
    """Eight words, and a sentence that holds none."""
    return sound(recordings / "commands.flac")


@pytest.fixture(scope="session")
def said(recordings: Path) -> list[tuple[str, float]]:
    """Which words, and when each ends, in seconds."""
    with (recordings / "commands.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return [(row["label"], float(row["end_s"])) for row in rows]
