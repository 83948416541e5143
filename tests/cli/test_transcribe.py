"""`earlet transcribe`: formats, files, and inputs that fail."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from earlet.jobs.output import RECORD

Call = Callable[..., tuple[int, str, str]]
SRT_CUE = re.compile(
    r"(\d+)\n(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})\n(.+)\n(?:\n|\Z)"
)
VTT_CUE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} --> \d\d:\d\d:\d\d\.\d{3}\n.+\n(?:\n|\Z)")


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", "", text.lower().replace("\n", " ")).split()


def test_what_is_said_is_what_is_written(call: Call, recordings: Path) -> None:
    code, out, err = call("transcribe", str(recordings / "speech.flac"))
    assert (code, err) == (0, "")
    expected = words((recordings / "speech.txt").read_text())
    found = words(out)
    same = sum(block.size for block in SequenceMatcher(None, found, expected).get_matching_blocks())
    assert same >= len(expected) - 2  # words, of 32
    assert len(found) <= len(expected) + 2


def test_json_is_one_object_a_line(call: Call, clip: Path, silence: Path) -> None:
    code, out, _ = call(
        "transcribe", "--format", "json", "--timestamps", "segment", str(clip), str(silence)
    )
    assert code == 0
    first, second = map(json.loads, out.splitlines())
    assert first["path"] == str(clip)
    assert first["text"].startswith("Mr. Quilter")
    assert [chunk["text"] for chunk in first["chunks"]] == [first["text"]]
    start_s, end_s = first["chunks"][0]["timestamp"]
    assert 0 <= start_s < end_s <= 5.9
    assert second == {"path": str(silence), "text": "", "chunks": []}


def test_srt_parses_back(call: Call, recordings: Path) -> None:
    _, out, _ = call("transcribe", "--format", "srt", str(recordings / "speech.flac"))
    cues = SRT_CUE.findall(out)
    assert SRT_CUE.sub("", out) == ""
    assert [int(cue[0]) for cue in cues] == list(range(1, len(cues) + 1))
    times = [
        3600 * int(h) + 60 * int(m) + int(s) + int(ms) / 1000
        for cue in cues
        for h, m, s, ms in (cue[1:5], cue[5:9])
    ]
    assert times == sorted(times)
    assert times[-1] <= 13.6  # seconds


def test_vtt_parses_back(call: Call, recordings: Path) -> None:
    _, out, _ = call("transcribe", "--format", "vtt", str(recordings / "speech.flac"))
    head, body = out.split("\n\n", 1)
    assert head == "WEBVTT"
    assert len(VTT_CUE.findall(body)) >= 1
    assert VTT_CUE.sub("", body) == ""


def test_segments_are_lines_with_their_times(call: Call, clip: Path, silence: Path) -> None:
    _, out, _ = call("transcribe", "--timestamps", "segment", str(clip), str(silence))
    first, line, last = out.splitlines()
    assert (first, last) == (str(clip), str(silence))
    assert re.fullmatch(r" +\d+\.\d\d - +\d+\.\d\d s  Mr\. Quilter.*", line)


def test_inputs_that_fail_are_named_at_once_and_in_the_summary_and_the_others_done(
    call: Call, clip: Path, silence: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    empty = tmp_path / "empty"
    empty.mkdir()
    code, out, err = call(
        "transcribe", "nowhere.wav", str(silence), str(text), str(clip), str(empty)
    )
    assert code == 1
    assert [line.split(": ")[0] for line in out.splitlines()] == [str(silence), str(clip)]
    *told, summary, first, second, third = err.splitlines()
    assert [line.split(": ")[:2] for line in told] == [
        ["earlet", str(empty)],
        ["earlet", "nowhere.wav"],
        ["earlet", str(text)],
    ]
    assert re.fullmatch(
        r"earlet: 4 files, 0:07 of audio in \d+:\d\d \(\d+\.\dx\), 3 failed:", summary
    )
    assert [f"earlet: {line.removeprefix('  ')}" for line in (first, second, third)] == told


@pytest.mark.parametrize(
    "name", ["-x.wav", "new\nline.wav", "\x1b[31m.wav", "ton\udce9.wav", "ü ñ"]
)
def test_odd_names_print_on_one_line_in_any_format(
    call: Call, silence: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(silence, tmp_path / name)
    code, out, err = call("transcribe", "--", name, name)
    assert (code, err.count("\n"), out.count("\n")) == (0, 1, 2)
    _, out, _ = call("transcribe", "--format", "json", "--", name)
    assert json.loads(out)["path"] == name
    code, _, err = call("transcribe", "--format", "json", "--out", "texts", "--", name)
    assert (code, err) == (0, "")
    (written,) = (tmp_path / "texts").glob("[!.]*")
    assert json.loads(written.read_text(encoding="utf-8"))["path"] == name


def test_a_terminal_of_another_encoding_is_no_crash(
    run: Callable[..., subprocess.CompletedProcess[str]], silence: Path, tmp_path: Path
) -> None:
    path = tmp_path / "日本.wav"
    shutil.copy(silence, path)
    result = run("transcribe", str(path), str(path), env={"PYTHONIOENCODING": "ascii"})
    assert result.returncode == 0
    assert result.stdout.count(r"\u65e5\u672c.wav: ") == 2


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


@pytest.mark.parametrize("kind", ["srt", "vtt"])
def test_subtitles_without_times_are_refused(refused: Callable[..., str], kind: str) -> None:
    line = refused("transcribe", "--format", kind, "--timestamps", "none", "x.wav")
    assert line == f"{kind} cannot be written with --timestamps none"


def test_a_bundle_for_another_task_is_refused(refused: Callable[..., str], clip: Path) -> None:
    line = refused("transcribe", "--bundle", "vad", str(clip))
    assert "a bundle for voice-activity-detection, not for automatic-speech-recognition" in line


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--resume"], "--resume goes on with what is in --out DIR, and there is no --out"),
        (["--jobs", "0"], "--jobs: expected 1 to 256, got 0"),
        (["--language", "tlh"], "language: there is no 'tlh'; this network"),
        (["--bundle", "vad", "--out", "x"], "a bundle for voice-activity-detection, not for "),
        (["--bundle", "nothing"], "no bundle named 'nothing' in "),
    ],
)
@pytest.mark.parametrize("jobs", [[], ["--jobs", "2"]])
def test_what_no_file_can_be_done_with_is_refused_before_the_first(
    refused: Callable[..., str],
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    expected: str,
    jobs: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in refused("transcribe", *jobs, *argv, str(clip))


def test_in_several_processes_results_come_in_the_order_of_the_inputs(
    call: Call, clip: Path, silence: Path
) -> None:
    inputs = [str(clip), str(silence), str(clip), "nowhere.wav", str(silence)]
    alone, together = (call("transcribe", "--jobs", jobs, *inputs) for jobs in ("1", "2"))
    assert together[:2] == alone[:2]
    assert [line.split(": ")[0] for line in alone[1].splitlines()] == [
        *(str(clip), str(silence), str(clip), str(silence))
    ]
