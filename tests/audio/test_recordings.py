"""Files in the place of a microphone, against the file reader that they go through."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet.arrays import FloatArray
from earlet.audio.recordings import Recordings
from earlet.errors import AudioFileError, InputError
from earlet.results import Gap

RATE = 16_000


def write(path: Path, value: float, n: int = 4_000, rate: int = RATE) -> None:
    soundfile.write(path, np.full(n, value, dtype=np.float32), rate, subtype="FLOAT")


def test_a_file_is_its_samples(tmp_path: Path, speech: FloatArray) -> None:
    soundfile.write(tmp_path / "a.wav", speech, RATE, subtype="FLOAT")
    with Recordings(str(tmp_path / "a.wav"), RATE) as source:
        np.testing.assert_array_equal(np.concatenate(list(source)), speech)
        assert not source.is_live
        assert (source.backlog_s, source.health.state) == (0, "listening")


def test_a_folder_is_its_sound_files_by_name_with_a_gap_between_them(tmp_path: Path) -> None:
    write(tmp_path / "b.wav", 0.5)
    write(tmp_path / "a.WAV", 0.25, 8_000, 32_000)
    write(tmp_path / ".hidden.wav", 1)
    (tmp_path / "notes.txt").write_text("no sound")
    (tmp_path / "c.wav").mkdir()
    with Recordings(str(tmp_path), RATE) as source:
        items = list(source.heard())
    gap = Gap(0.25, 0, RATE, f"{tmp_path / 'b.wav'} begins")
    assert [item for item in items if not isinstance(item, np.ndarray)] == [gap]
    heard = np.concatenate([item for item in items if isinstance(item, np.ndarray)])
    assert len(heard) == 8_000
    np.testing.assert_allclose(heard[500:3_500], 0.25, atol=1e-3)
    np.testing.assert_array_equal(heard[4_000:], np.float32(0.5))


def test_a_file_that_is_too_short_for_a_sample_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 0.5, n=1, rate=48_000)
    write(tmp_path / "b.wav", 0.25)
    with Recordings(str(tmp_path), RATE) as source:
        assert sum(map(len, source)) == 4_000


def test_a_folder_without_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(InputError, match=r"no file in it ends with one of \.aif .*\.wav"):
        Recordings(str(tmp_path), RATE)


def test_what_is_not_there_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    with (
        pytest.raises(AudioFileError, match="No such file"),
        Recordings(str(tmp_path / "a.wav"), RATE),
    ):
        pass


def test_a_damaged_file_is_refused_when_its_turn_comes(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 0.5)
    (tmp_path / "b.wav").write_bytes(b"RIFF and nothing else")
    heard = []
    with Recordings(str(tmp_path), RATE) as source, pytest.raises(AudioFileError, match=r"b\.wav"):
        heard += list(source)
    with Recordings(str(tmp_path), RATE) as source:
        assert len(next(iter(source))) == 4_000


def test_outside_of_with_it_is_not_open(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 0.5)
    with pytest.raises(InputError, match="is not open"):
        next(iter(Recordings(str(tmp_path), RATE)))
