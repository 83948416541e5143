"""The second stage, on words that somebody said."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet.arrays import FloatArray
from earlet.bundle import Bundle
from earlet.errors import InputError
from earlet.tasks.confirmation import Confirmer
from earlet.tasks.speech_recognition import SpeechRecognition

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "tests" / "recordings"
RATE = 16_000
LABELS = ("down", "eight", "five", "go", "left", "right", "up", "zero")
LIKELY = 3.0  # natural logarithm: what was said is above, everything else below


@pytest.fixture(scope="module")
def confirmer() -> Confirmer:
    return Confirmer(SpeechRecognition(Bundle(ROOT / "models" / "moonshine-tiny-en")))


@pytest.fixture(scope="module")
def spoken() -> dict[str, FloatArray]:
    """What a spotter hands on: 1.4 s, which end 0.25 s after each word of the recording."""
    waveform, _ = soundfile.read(RECORDINGS / "commands.flac", dtype="float32")
    with (RECORDINGS / "commands.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    ends = {row["label"]: round((float(row["end_s"]) + 0.25) * RATE) for row in rows}
    return {word: waveform[end - round(1.4 * RATE) : end] for word, end in ends.items()}


@pytest.mark.parametrize("said", LABELS)
def test_what_was_said_is_told_from_what_was_not(
    confirmer: Confirmer, spoken: dict[str, FloatArray], said: str
) -> None:
    for label in LABELS:
        score = confirmer.score(label, spoken[said])
        assert (score > LIKELY) == (label == said), (label, score)


def test_words_of_a_sentence_are_no_commands(confirmer: Confirmer, speech: FloatArray) -> None:
    for start in range(0, 4 * RATE, RATE):
        for label in ("go", "one", "right"):
            assert confirmer.score(label, speech[start : start + round(1.4 * RATE)]) < LIKELY


def test_the_same_sound_has_the_same_score_whatever_was_asked_before(
    confirmer: Confirmer, spoken: dict[str, FloatArray]
) -> None:
    first = confirmer.score("go", spoken["go"])
    confirmer.score("zero", spoken["left"])
    assert confirmer.score("go", spoken["go"]) == first
    # Half and double are exact in binary, so the sound that is scored is the same to the bit.
    assert confirmer.score("go", np.float32(0.5) * spoken["go"]) == first


def test_a_label_that_cannot_be_written_is_named(confirmer: Confirmer) -> None:
    with pytest.raises(InputError, match=r"candidate 1, '{go': "):
        confirmer.check("{go")
