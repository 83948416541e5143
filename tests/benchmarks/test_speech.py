"""What recognisers and growth are measured on: recordings of known length, texts, commands."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.bundles import made
from benchmarks.line import Line, MissingError, attempted
from benchmarks.setting import Setting
from benchmarks.speed import growth
from benchmarks.speed.recognition import Speech, joined, utterances
from earlet.config import ListenConfig

RECORDINGS = Path(__file__).parents[1] / "recordings"
NO_DATA = Setting(quick=True, data=None)


def test_without_data_the_repository_s_own_recording_is_transcribed() -> None:
    speech = utterances(NO_DATA, 4)
    recording, rate = soundfile.read(RECORDINGS / "speech.flac", dtype="float32")
    assert rate == 16_000
    for name, clip in speech.clips.items():
        np.testing.assert_array_equal(clip, recording)
        assert speech.texts[name] == (RECORDINGS / "speech.txt").read_text("utf-8")
    assert speech.audio_s == pytest.approx(len(speech.clips) * 13.6, abs=0.1 * len(speech.clips))


def test_joined_recordings_hold_each_utterance_once_and_in_order() -> None:
    clips = {f"{i:02}": np.full(10 + i, i, dtype=np.float32) for i in range(11)}
    found = joined(Speech("11 utterances", clips, {name: f"word{name}" for name in clips}))
    assert [len(clip) for clip in found.clips.values()] == [108, 57]  # 10 to 17, and 18 to 20
    np.testing.assert_array_equal(
        np.concatenate(list(found.clips.values())), np.concatenate(list(clips.values()))
    )
    assert " ".join(found.texts.values()).split() == [f"word{name}" for name in clips]


def test_a_quick_run_makes_no_bundle(tmp_path: Path) -> None:
    setting = Setting(quick=True, data=tmp_path, cache=tmp_path / "recipes")
    with pytest.raises(MissingError, match="a thorough run makes it"):
        made(setting, "no-such-bundle")


def test_a_recipe_that_fails_is_told_in_a_line(tmp_path: Path) -> None:
    setting = Setting(data=tmp_path, cache=tmp_path / "recipes")

    def measure() -> Iterator[Path]:
        yield made(setting, "no-such-bundle")

    (line,) = attempted("Whisper", measure)
    assert isinstance(line, Line)
    assert line.missing.startswith("no-such-bundle cannot be made: ")


@pytest.mark.parametrize("length_s", [1, 20])
def test_recordings_are_as_long_as_they_are_said_to_be(tmp_path: Path, length_s: int) -> None:
    path = tmp_path / "long.wav"
    growth.write_recording(path, length_s, NO_DATA)
    found = soundfile.info(path)
    assert (found.frames, found.samplerate, found.channels) == (16_000 * length_s, 16_000, 1)


def test_as_many_commands_are_typed_as_the_picture_says() -> None:
    for n_commands in growth.N_COMMANDS:
        config = ListenConfig(commands=growth.spread(growth.COMMANDS, n_commands))
        assert len(set(config.commands)) == n_commands


@pytest.mark.parametrize(("win_length", "n_fft"), [(400, 512), (512, 512), (513, 1024)])
def test_fbank_s_transform_is_the_next_power_of_two(win_length: int, n_fft: int) -> None:
    assert growth.fbank_config(win_length, 160).n_fft == n_fft
