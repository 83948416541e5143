"""`earlet transcribe --out`: a file for each input, whole or not at all, and what goes on later."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from earlet.jobs.output import RECORD

Call = Callable[..., tuple[int, str, str]]


def test_out_gets_a_file_for_each_input(
    call: Call, clip: Path, silence: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a" / "b"
    code, printed, err = call("transcribe", "--out", str(out), str(clip), str(silence))
    assert (code, printed, err.count("\n")) == (0, "", 1)
    assert {path.name for path in out.iterdir()} == {RECORD, f"{clip.stem}.txt", "silence.txt"}
    assert (out / f"{clip.stem}.txt").read_text().startswith("Mr. Quilter")
    assert (out / "silence.txt").read_text() == "\n"


def test_what_stood_in_out_is_replaced(call: Call, silence: Path, tmp_path: Path) -> None:
    (tmp_path / "silence.srt").write_text("of yesterday")
    assert call("transcribe", "--format", "srt", "--out", str(tmp_path), str(silence))[0] == 0
    assert (tmp_path / "silence.srt").read_text() == ""


def test_what_is_finished_is_left_out_when_it_goes_on(
    call: Call, silence: Path, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    call("transcribe", "--out", str(out), str(silence))
    again = ["transcribe", "--resume", "--out", str(out), str(silence), str(clip)]
    code, _, err = call(*again)
    assert code == 0
    assert re.fullmatch(r"earlet: 2 files, 0:06 of audio in .*, 1 done before\n", err)
    assert call(*again) == (0, "", "earlet: 2 files, 2 done before\n")


def test_going_on_with_other_options_is_refused(
    call: Call, refused: Callable[..., str], silence: Path, tmp_path: Path
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("apostle\n")
    argv = ["transcribe", "--resume", "--out", str(tmp_path / "out"), str(silence)]
    assert call(*argv)[0] == 0
    for others, expected in {
        ("--timestamps", "segment"): "timestamps 'none' and not 'segment'",
        ("--num-beams", "2", "--format", "srt"): "format 'txt' and not 'srt', ",
        ("--hotwords", str(words)): "hotwords None and not '",
    }.items():
        assert expected in refused(*argv, *others)
    assert call(*argv, "--threads", "2", "--jobs", "2")[0] == 0  # these change no text


def test_a_full_disk_ends_the_job_and_leaves_what_is_whole(
    call: Call, silence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [str(shutil.copy(silence, tmp_path / f"{name}.wav")) for name in "abc"]
    flushed: list[int] = []

    def fsync(file: int) -> None:
        flushed.append(file)
        if len(flushed) > 2:  # the record, and the first text
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    out = tmp_path / "out"
    code, _, err = call("transcribe", "--out", str(out), *names)
    assert code == 1
    assert err.splitlines() == [
        f"earlet: {out}/b.txt: cannot be written: No space left on device",
        "earlet: 1 of 3 files are done; make room and --resume",
    ]
    assert {path.name for path in out.iterdir()} == {RECORD, "a.txt"}
    monkeypatch.undo()
    code, _, err = call("transcribe", "--resume", "--out", str(out), *names)
    assert (code, err.endswith(", 1 done before\n")) == (0, True)


def test_a_failed_input_leaves_what_stood_in_out(call: Call, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("of yesterday")
    (tmp_path / "x.wav").write_text("no sound")
    assert call("transcribe", "--out", str(tmp_path), str(tmp_path / "x.wav"))[0] == 1
    assert (tmp_path / "x.txt").read_text() == "of yesterday"


def test_two_inputs_for_one_file_are_refused_before_any_work(
    refused: Callable[..., str], clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    line = refused("transcribe", "--out", str(out), str(clip), str(clip))
    assert line.startswith(
        f"--out: {clip} and {clip} would both be written to {out / clip.name}.txt"
    )
    assert not out.exists()


def test_out_that_is_a_file_is_refused(
    refused: Callable[..., str], silence: Path, clip: Path
) -> None:
    line = refused("transcribe", "--out", str(silence), str(clip))
    assert line == f"--out {silence}: cannot be used: File exists"


def test_a_text_that_cannot_be_written_is_a_failed_input_and_leaves_nothing(
    call: Call, silence: Path, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "silence.txt").mkdir(parents=True)  # a folder in the way
    code, _, err = call("transcribe", "--out", str(out), str(silence), str(clip))
    assert code == 1
    assert err.startswith(f"earlet: {out}/silence.txt: cannot be written: Is a directory\n")
    assert {path.name for path in out.iterdir()} == {
        RECORD,
        f"{clip.stem}.txt",
        "silence.txt",
    }


def test_a_name_too_long_with_its_suffix_is_a_failed_input(
    call: Call, silence: Path, tmp_path: Path
) -> None:
    path = tmp_path / ("x" * 251 + ".wav")  # .json makes it 256 bytes
    silence.rename(path)
    code, out, err = call("transcribe", "--format", "json", "--out", str(tmp_path), str(path))
    assert (code, out) == (1, "")
    assert err.endswith(".json: cannot be written: File name too long\n")
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name, RECORD}
