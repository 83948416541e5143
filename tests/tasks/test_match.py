"""Typed commands, heard in real speech, and what is no command, rejected."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from earlet import features
from earlet.arrays import FloatArray
from earlet.bundle import Bundle
from earlet.errors import InputError
from earlet.results import Match
from earlet.tasks.matching import Matcher
from earlet.tasks.recogniser import recogniser
from earlet.tasks.voice_activity import VoiceActivityDetection

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "tests" / "recordings"
RATE = 16_000
COMMANDS = ["go", "{way:left|right}", "{up|down}", "{0..9}"]


def matcher_of(bundle: Bundle) -> Matcher:
    front_end = features.from_manifest(bundle.manifest.input)
    vad = VoiceActivityDetection(Bundle(ROOT / "models" / "vad"))
    return Matcher(recogniser(bundle, front_end), vad, 30.0)


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return matcher_of(Bundle(ROOT / "models" / "moonshine-tiny-en"))


@pytest.fixture(scope="module")
def recording() -> FloatArray:
    waveform, _ = soundfile.read(RECORDINGS / "commands.flac", dtype="float32")
    return np.asarray(waveform)


@pytest.fixture(scope="module")
def spoken(recording: FloatArray) -> dict[str, FloatArray]:
    """The words of the recording, each with 0.3 s before and after it."""
    with (RECORDINGS / "commands.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        row["label"]: recording[
            round((float(row["start_s"]) - 0.3) * RATE) : round((float(row["end_s"]) + 0.3) * RATE)
        ]
        for row in rows
    }


@pytest.mark.parametrize(
    ("word", "template", "slots", "text"),
    [
        ("go", "go", {}, "go"),
        ("left", "{way:left|right}", {"way": "left"}, "left"),
        ("right", "{way:left|right}", {"way": "right"}, "right"),
        ("up", "{up|down}", {"1": "up"}, "up"),
        ("down", "{up|down}", {"1": "down"}, "down"),
        ("five", "{0..9}", {"1": "5"}, "5"),
        ("eight", "{0..9}", {"1": "8"}, "8"),
        ("zero", "{0..9}", {"1": "0"}, "0"),
    ],
)
def test_a_command_is_heard(
    matcher: Matcher,
    spoken: dict[str, FloatArray],
    word: str,
    template: str,
    slots: dict[str, str],
    text: str,
) -> None:
    match = matcher(spoken[word], COMMANDS, sampling_rate=RATE)
    assert match is not None
    assert (match.template, match.slots, match.text) == (template, slots, text)
    assert 0.5 <= match.confidence <= 1


def test_a_phrase_is_heard(matcher: Matcher, spoken: dict[str, FloatArray]) -> None:
    said = np.concatenate([spoken["go"], spoken["down"], spoken["eight"]])
    match = matcher(
        said, ["go {way} {n:1..9}"], sampling_rate=RATE, slots={"way": ["left", "down"]}
    )
    assert match is not None
    assert match.to_json() == {
        "template": "go {way} {n:1..9}",
        "slots": {"way": "down", "n": "8"},
        "text": "go down 8",
        "confidence": match.confidence,
    }


def test_a_whole_sentence_is_heard_in_a_file(matcher: Matcher) -> None:
    with soundfile.SoundFile(RECORDINGS / "speech.flac") as file:
        first = file.read(round(4.6 * RATE), dtype="float32")
    candidates = ["but i am hugely pleased that you have seen my {lady|lord}", "turn on the light"]
    match = matcher(first, candidates, sampling_rate=RATE)
    assert match is not None
    assert match.slots == {"1": "lady"}


def test_another_command_is_rejected(matcher: Matcher, spoken: dict[str, FloatArray]) -> None:
    for word, sound in spoken.items():
        others = sorted({"go", "left", "right", "down", "zero", "happy"} - {word})
        assert matcher(sound, others, sampling_rate=RATE) is None, word


def test_a_sentence_that_is_no_command_is_rejected(matcher: Matcher, recording: FloatArray) -> None:
    sentence = recording[9 * RATE : 13 * RATE]
    assert matcher(sentence, COMMANDS, sampling_rate=RATE) is None
    assert matcher(sentence, ["go {left|right} {0..9}"], sampling_rate=RATE) is None


def test_a_word_is_not_heard_in_a_long_text(matcher: Matcher, shared_data: Path) -> None:
    # All of its 70 tokens together are as improbable as "Wow." is; its first two are not.
    long = shared_data / "speech" / "librispeech-test-other" / "3080-5032-0009.flac"
    assert matcher(long, ["wow"]) is None


def test_a_word_that_is_likelier_in_every_sound_is_not_preferred(
    matcher: Matcher, shared_data: Path
) -> None:
    # "No" is 1.4 nats likelier to be written here. In noise it is 6.5.
    left = shared_data / "commands" / "gsc-subset" / "left" / "106a6183_nohash_3.flac"
    match = matcher(left, ["no", "left"])
    assert match is not None
    assert match.text == "left"


@pytest.mark.parametrize("n_samples", [0, 1, 400, RATE, 5 * RATE])
def test_silence_and_noise_are_no_command(matcher: Matcher, n_samples: int) -> None:
    noise = np.random.default_rng(0).standard_normal(n_samples).astype(np.float32)
    for level in (0.0, 1e-4, 0.1):
        assert matcher(level * noise, COMMANDS, sampling_rate=RATE, threshold=0.0) is None


def test_silence_around_a_command_does_not_matter(
    matcher: Matcher, spoken: dict[str, FloatArray]
) -> None:
    silence = np.zeros(5 * RATE, dtype=np.float32)
    said = np.concatenate([silence, spoken["zero"], silence])
    match = matcher(said, ["zero", "five"], sampling_rate=RATE)
    assert match is not None
    assert match.text == "zero"


def test_the_threshold_says_how_sure_is_sure_enough(
    matcher: Matcher, spoken: dict[str, FloatArray]
) -> None:
    # Every other command is less probable than what was said; with 0 the best of them is given.
    wrong = matcher(spoken["zero"], ["five", "left"], sampling_rate=RATE, threshold=0.0)
    assert isinstance(wrong, Match)
    assert wrong.confidence < 0.5
    right = matcher(spoken["zero"], ["zero"], sampling_rate=RATE)
    assert right is not None
    for threshold, found in ((right.confidence - 1e-3, True), (right.confidence + 1e-3, False)):
        match = matcher(spoken["zero"], ["zero"], sampling_rate=RATE, threshold=threshold)
        assert (match is not None) == found
    with pytest.raises(InputError, match=r"threshold: expected 0 to 1, got 1\.5"):
        matcher(spoken["zero"], ["zero"], sampling_rate=RATE, threshold=1.5)


def test_a_command_may_be_typed_in_capitals(
    matcher: Matcher, spoken: dict[str, FloatArray]
) -> None:
    match = matcher(spoken["go"], ["STOP!", "GO!"], sampling_rate=RATE)
    assert match is not None
    assert (match.template, match.text) == ("GO!", "GO")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"candidates": "go"}, "candidates: expected a list, got 'go'"),
        ({"candidates": None}, "candidates: expected a list, got None"),
        ({"candidates": np.array(["go", "left"])}, "candidates: expected a list, got array"),
        ({"candidates": ["go", 5]}, r"candidates\[1\]: expected a string, got 5"),
        ({"slots": {"room": np.array(["a", "b"])}}, r"slots\.room: expected a list, got array"),
        ({"slots": []}, r"slots: expected a mapping, got \[\]"),
        ({"language": ["en"]}, r"language: expected a string, got \['en'\]"),
        ({"threshold": "high"}, "threshold: expected a number, got 'high'"),
        ({"threshold": 10**400}, "threshold: expected a finite number, got 1000"),
    ],
)
def test_another_type_is_refused(
    matcher: Matcher, spoken: dict[str, FloatArray], asked: dict[str, Any], message: str
) -> None:
    matcher(spoken["go"], ["go"], sampling_rate=RATE)  # a second call compares with the first
    with pytest.raises(InputError, match=message):
        matcher(spoken["go"], **{"candidates": ["go"], "sampling_rate": RATE, **asked})


def test_what_cannot_be_used_is_named(matcher: Matcher, spoken: dict[str, FloatArray]) -> None:
    with pytest.raises(InputError, match=r"candidate 2, 'turn {on\|}'"):
        matcher(spoken["go"], ["go", "turn {on|}"], sampling_rate=RATE)
    with pytest.raises(InputError, match="at most 30 s; cut it at a pause"):
        matcher(np.zeros(31 * RATE, dtype=np.float32), ["go"], sampling_rate=RATE)
    for sound in (spoken["go"], np.zeros(RATE, dtype=np.float32)):
        with pytest.raises(InputError, match="there is no 'de'; this network has no choice"):
            matcher(sound, ["go"], sampling_rate=RATE, language="de")
