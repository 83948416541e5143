"""What bundles are timed at: real answers, in units that their manifests give."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tokenizers import Tokenizer

from earlet import tasks
from earlet.audio.microphone import BLOCK_S
from earlet.bench import work
from earlet.bundle import Bundle
from earlet.errors import AudioFileError, InputError
from earlet.verify import read_golden

MODELS = Path(__file__).parents[2] / "models"
RATE = 16_000


def opened(name: str, content: str | None = None) -> tuple[Any, Any, work.Work]:
    task = tasks.open_bundle(Bundle(MODELS / name))
    given = work.example(task.bundle, getattr(task, "sample_rate", None), content)
    return task, given, work.prepare(task, given)


def golden_answer(task: Any) -> Any:
    return read_golden(task.bundle).trace.result


@pytest.mark.parametrize(
    ("name", "unit", "unit_s"),
    [  # hop_ms, window_samples, and the lengths of the examples that they shipped with
        ("commands-en", "hop", 0.04),
        ("vad", "window", 512 / RATE),
        ("yamnet", "clip", 46_800 / RATE),
        ("moonshine-tiny-en", "clip", 91_600 / RATE),
        ("efficientnet-lite0", "picture", None),
        ("sentiment-en", "text", None),
    ],
)
def test_units_are_those_of_the_bundle(name: str, unit: str, unit_s: float | None) -> None:
    _, _, prepared = opened(name)
    assert (prepared.unit, prepared.unit_s) == (unit, unit_s)


@pytest.mark.parametrize("name", ["yamnet", "efficientnet-lite0", "sentiment-en"])
def test_what_is_timed_of_a_classifier_is_the_golden_answer(name: str) -> None:
    task, _, prepared = opened(name)
    answer: Any = prepared.whole()
    assert answer[0].label == golden_answer(task)


def test_what_is_timed_of_a_recogniser_is_the_golden_text() -> None:
    task, _, prepared = opened("moonshine-tiny-en")
    answer: Any = prepared.whole()
    assert answer.text == golden_answer(task)


def test_by_turns_a_recogniser_hears_its_golden_utterance_four_times() -> None:
    task, given, _ = opened("moonshine-tiny-en")
    answer: Any = work.in_turns(task, given)()
    assert answer.text == " ".join([golden_answer(task)] * work.N_UTTERANCES)


def test_hops_of_a_spotter_hear_the_golden_command_over_and_over() -> None:
    task, _, prepared = opened("commands-en")
    steps: list[Any] = [prepared.step() for _ in range(2 * 38)]  # 1.5 s in hops of 40 ms, twice
    labels = [event.label for events in steps for event in events if hasattr(event, "end_s")]
    ((label, *_),) = golden_answer(task)
    assert labels.count(label) == 2


def test_windows_of_voice_activity_find_the_golden_segment() -> None:
    task, given, prepared = opened("vad")
    assert prepared.stream is not None
    steps: list[Any] = [prepared.step() for _ in range(len(given["array"]) // 512 + 1)]
    found = [u for events in [*steps, prepared.stream.flush()] for u in events]
    (segment,) = golden_answer(task)
    assert found[0].span.start / RATE == pytest.approx(segment["start_s"], abs=0.001)


def test_tokens_are_those_of_the_text() -> None:
    task, given, _ = opened("moonshine-tiny-en")
    tokenizer = Tokenizer.from_str((MODELS / "moonshine-tiny-en/tokenizer.json").read_text())
    expected = tokenizer.encode(golden_answer(task), add_special_tokens=False).ids
    assert work.n_tokens(task, given) == len(expected)


def test_live_speech_is_written_down_when_it_is_over_and_not_before() -> None:
    _, given, prepared = opened("moonshine-tiny-en")
    assert prepared.stream is not None
    assert prepared.stream.push(given["array"][: 2 * RATE]) == []


def test_what_writes_no_tokens_has_no_number_of_them() -> None:
    task, given, _ = opened("vad")
    assert work.n_tokens(task, given) is None


def test_live_sound_is_the_example_and_a_pause_in_chunks_of_a_microphone() -> None:
    task, given, _ = opened("commands-en")
    chunks = work.live_sound(task, given, 1.0)
    heard = np.concatenate(chunks)
    assert {len(chunk) for chunk in chunks} == {round(BLOCK_S * RATE)}
    assert 2.4 <= len(heard) / RATE <= 2.5  # the example has 1.5 s, and comes as a whole
    np.testing.assert_array_equal(heard[:24_000], given["array"])
    assert not heard[24_000:].any()


def test_live_sound_goes_on_for_as_long_as_is_asked() -> None:
    task, given, _ = opened("commands-en")
    assert sum(map(len, work.live_sound(task, given, 6.0))) / RATE == 6.0


def test_of_a_long_example_live_sound_has_only_the_beginning() -> None:
    task, _, _ = opened("commands-en")
    given = {"array": np.ones(60 * RATE, dtype=np.float32), "sampling_rate": RATE}
    assert sum(map(len, work.live_sound(task, given, 1.0))) / RATE == work.MAX_LIVE_S


def test_another_recording_takes_the_place_of_the_example(recordings: Path) -> None:
    path = recordings / "speech.flac"
    _, _, prepared = opened("yamnet", str(path))
    assert prepared.unit_s == pytest.approx(soundfile.info(path).duration, abs=0.001)


def test_of_a_long_recording_only_the_beginning_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, np.tile(np.arange(-50, 50) / 100, 9_600), 8_000)  # two minutes
    _, given, prepared = opened("vad", str(path))
    assert len(given["array"]) == 60 * RATE
    assert prepared.unit_s == 512 / RATE


def test_a_picture_and_a_text_take_the_place_of_the_example() -> None:
    _, given, _ = opened("efficientnet-lite0", str(MODELS.parent / "tests/pictures/cat.jpg"))
    assert given.dtype == np.uint8
    _, given, prepared = opened("sentiment-en", "A dull mess.")
    answer: Any = prepared.whole()
    assert (given, answer[0].label) == ("A dull mess.", "NEGATIVE")


def test_a_recording_that_is_too_short_or_none_is_refused(tmp_path: Path) -> None:
    click = tmp_path / "click.wav"
    soundfile.write(click, np.zeros(1), 48_000)
    with pytest.raises(InputError, match="too short"):
        opened("vad", str(click))
    with pytest.raises(AudioFileError):
        opened("vad", str(tmp_path / "nowhere.wav"))
