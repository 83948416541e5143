"""Calibration and evaluation folders: what is read, and what is refused by name."""

import os
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import soundfile

from earlet_quantize.errors import DataError
from earlet_quantize.measure.data import (
    TRANSCRIPTS,
    Example,
    check_rates,
    read_calibration,
    read_evaluation,
)

AUDIO: Final = "audio-classification"
ASR: Final = "automatic-speech-recognition"
TEXT: Final = "text-classification"
RATE = 16_000


def write_sound(path: Path, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(rate // 10, dtype=np.float32), rate)
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    for name in ("go/b.wav", "go/a.flac", "stop/c.WAV"):
        write_sound(tmp_path / name)
    (tmp_path / "README.md").write_text("about")
    (tmp_path / "go" / "notes.txt").write_text("about")
    return tmp_path


def test_a_folder_of_labels_is_read_in_order(labelled: Path) -> None:
    found = read_evaluation(labelled, AUDIO, ["go", "stop", "none"])
    paths = [str(labelled / name) for name in ("go/a.flac", "go/b.wav", "stop/c.WAV")]
    assert found == [
        Example(path, path, label) for path, label in zip(paths, ["go", "go", "stop"], strict=True)
    ]
    assert [example.input for example in read_calibration(labelled, AUDIO)] == paths


def test_a_label_that_the_bundle_does_not_have_is_named_with_the_nearest(labelled: Path) -> None:
    with pytest.raises(DataError, match=r"c\.WAV: the bundle has no label 'stop'; .*'stopp'"):
        read_evaluation(labelled, AUDIO, ["go", "stopp"])


def test_calibration_takes_any_files_however_deep(tmp_path: Path) -> None:
    write_sound(tmp_path / "a" / "b" / "c" / "deep.ogg")
    write_sound(tmp_path / "flat.wav")
    names = [Path(example.input).name for example in read_calibration(tmp_path, ASR)]
    assert names == ["deep.ogg", "flat.wav"]


@pytest.mark.parametrize("task", [AUDIO, ASR, "image-classification"])
def test_an_empty_folder_is_refused(tmp_path: Path, task: str) -> None:
    with pytest.raises(DataError, match=r"expected files of \.\w+, .*; found none"):
        read_calibration(tmp_path, task)  # type: ignore[arg-type]


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a folder of data, there is nothing"):
        read_evaluation(tmp_path / "nowhere", AUDIO)
    (tmp_path / "labels.txt").write_text("go\n")
    for task in (AUDIO, TEXT):
        with pytest.raises(DataError, match=r"labels\.txt: expected a folder .* there is a file"):
            read_evaluation(tmp_path / "labels.txt", task)


def test_files_outside_of_a_label_s_folder_are_no_evaluation_data(tmp_path: Path) -> None:
    write_sound(tmp_path / "flat.wav")
    with pytest.raises(DataError, match=r"expected files as LABEL/FILE, found none"):
        read_evaluation(tmp_path, AUDIO)


def test_transcripts_name_the_sound_files_beside_them(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "u1.flac")
    write_sound(tmp_path / "not in the table.flac")
    (tmp_path / TRANSCRIPTS).write_text("u1\thello there\n", encoding="utf-8")
    assert read_evaluation(tmp_path, ASR) == [Example(str(path), str(path), "hello there")]
    assert len(read_calibration(tmp_path, ASR)) == 2


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("u1\thello\nu2\tthere\n", r"line 2: there is no sound file 'u2'"),
        ("u1 hello\n", r"line 1: expected two columns with a tab between, got 'u1 hello'"),
        ("../u1\thello\n", r"there is no sound file '\.\./u1'"),
        ("\n", r"transcripts\.tsv: expected lines ID <tab> TEXT, it is empty"),
    ],
)
def test_a_bad_transcript_is_refused_with_its_line(
    tmp_path: Path, table: str, message: str
) -> None:
    write_sound(tmp_path / "u1.flac")
    (tmp_path / TRANSCRIPTS).write_text(table, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_evaluation(tmp_path, ASR)


def test_without_a_table_of_transcripts_nothing_is_guessed(tmp_path: Path) -> None:
    write_sound(tmp_path / "u1.flac")
    with pytest.raises(DataError, match=r"\.tsv: expected a file of lines ID <tab> TEXT, there is"):
        read_evaluation(tmp_path, ASR)


def test_texts_are_lines_with_or_without_labels(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("one\n\ntwo\n", encoding="utf-8")
    assert [example.input for example in read_calibration(tmp_path, TEXT)] == ["one", "two"]
    (tmp_path / "labels.tsv").write_text("good\ta film\nbad\tno film\n", encoding="utf-8")
    found = read_evaluation(tmp_path, TEXT, ["bad", "good"])
    assert [(e.reference, e.input) for e in found] == [("good", "a film"), ("bad", "no film")]
    assert [example.input for example in read_calibration(tmp_path, TEXT)] == ["a film", "no film"]


def test_a_table_from_a_spreadsheet_is_read(tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_text("good\ta film\r\n", encoding="utf-8-sig", newline="")
    assert [(e.reference, e.input) for e in read_evaluation(tmp_path, TEXT)] == [("good", "a film")]


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_bytes(b"good\t\xff\n")
    with pytest.raises(DataError, match=r"labels\.tsv: not UTF-8 at byte 5"):
        read_evaluation(tmp_path, TEXT)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "labels.tsv")
    with pytest.raises(DataError, match=r"labels\.tsv: is a pipe or a device"):
        read_evaluation(tmp_path, TEXT)


def test_voice_activity_has_no_evaluation(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="voice-activity-detection has no evaluation"):
        read_evaluation(tmp_path, "voice-activity-detection")


def test_sound_of_a_lower_rate_than_the_network_s_is_refused_by_name(tmp_path: Path) -> None:
    good, low = write_sound(tmp_path / "a.wav", 44_100), write_sound(tmp_path / "b.wav", 8_000)
    check_rates([Example(str(good), str(good), "")], RATE)
    with pytest.raises(DataError, match=r"b\.wav: expected at least 16000 Hz.*got 8000 Hz"):
        check_rates([Example(str(p), str(p), "") for p in (good, low)], RATE)


def test_a_broken_file_is_refused_by_name(tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF and no more")
    with pytest.raises(DataError, match=r"broken\.wav: not a sound file .*; remove it"):
        check_rates([Example(str(broken), str(broken), "")], RATE)
