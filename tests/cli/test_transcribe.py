"""`earlet transcribe`: formats, files, and inputs that fail."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path

import pytest

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


def test_a_single_input_that_fails_is_named_once(call: Call) -> None:
    message = "earlet: nowhere.wav: cannot be read: No such file or directory\n"
    assert call("transcribe", "nowhere.wav") == (1, "", message)


def test_where_nothing_was_heard_there_is_no_speed(call: Call) -> None:
    *_, summary, _, _ = call("transcribe", "nowhere.wav", "nowhere.flac")[2].splitlines()
    assert summary == "earlet: 2 files, 2 failed:"


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


def test_progress_of_several_files_is_one_line(
    on_terminal: Callable[..., tuple[subprocess.CompletedProcess[str], str]],
    recordings: Path,
    silence: Path,
) -> None:
    paths = [str(silence), str(recordings / "speech.flac")]
    _, drawn = on_terminal("stderr", "transcribe", *paths, columns=100)
    *lines, summary = drawn.split("\r\x1b[K")
    line = re.compile(r"[█·]{24} +\d+%  [012] of 2 files, 0:\d\d(  \d+x  \d+:\d\d left)?")
    assert all(line.fullmatch(drawing) for drawing in lines if drawing)
    assert summary.startswith("earlet: 2 files, 0:15 of audio in ")


@pytest.mark.parametrize("kind", ["srt", "vtt"])
def test_subtitles_of_several_files_need_a_file_each(
    refused: Callable[..., str], kind: str
) -> None:
    line = refused("transcribe", "--format", kind, "x.wav", "y.wav")
    assert line == f"{kind} of 2 files needs --out DIR, a file for each"


@pytest.mark.parametrize("kind", ["srt", "vtt"])
def test_subtitles_without_times_are_refused(refused: Callable[..., str], kind: str) -> None:
    line = refused("transcribe", "--format", kind, "--timestamps", "none", "x.wav")
    assert line == f"{kind} cannot be written with --timestamps none"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--resume"], "--resume goes on with what is in --out DIR, and there is no --out"),
        (["--out", ""], "--out: expected the name of a folder, got an empty one"),
        (["--hotwords", ""], "expected the path of a list of words, got an empty one"),
        (["--bundle", ""], "bundle: expected a name or a path, got ''"),
        (["--jobs", "0"], "--jobs: expected 1 to 256, got 0"),
        (["--language", "tlh"], "language: there is no 'tlh'; this network"),
        (["--language", "tlh", "--jobs", "2"], "language: there is no 'tlh'; this network"),
        (["--bundle", "vad"], "a bundle for voice-activity-detection, not for "),
        (["--bundle", "nothing"], "no bundle named 'nothing' in "),
        (["--num-beams", "0"], "num_beams: expected at least 1"),
        (["--temperature", "-1"], "temperature: expected at least 0.001"),
        (["--task", "translate"], "task: there is no 'translate'"),
        (["--initial-prompt", "Mr."], "initial_prompt: this network cannot"),
        (["--long-form", "sequential"], "sequential long form: this network writes no times"),
        (["--long-form", "sequential", "--threads", "2"], "threads: 2 are for long_form vad"),
        (["--hotwords", "nowhere.txt"], "nowhere.txt: cannot be read: No such file or directory"),
        (["--hotwords", "/dev/null"], "/dev/null: is a pipe or a device; expected a list of wor"),
    ],
)
def test_what_no_file_can_be_done_with_is_refused_before_the_first(
    refused: Callable[..., str],
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in refused("transcribe", *argv, str(clip), str(clip))


def test_a_list_of_hotwords_reaches_the_recogniser(
    call: Call, refused: Callable[..., str], clip: Path, tmp_path: Path
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("# of a thousand possible ones\n\nKwilter :8\n")
    argv = ["transcribe", "--hotwords", str(words), str(clip)]
    assert "Kwilter" in call(*argv)[1]
    for data, expected in {
        b"": "hotwords: expected a word or phrase on each line, there is none",
        b"a\r\nb :99\r\n": "hotwords, line 2: expected a boost above 0 and at most 10, got '99'",
        b"a\n\xff": f"{words}: not UTF-8 at byte 2",
        b"a\n" * 600_000: f"{words}: expected a list of words of at most 1000000 bytes, got more",
    }.items():
        words.write_bytes(data)
        assert expected in refused(*argv)


def test_in_several_processes_results_come_in_the_order_of_the_inputs(
    call: Call, clip: Path, silence: Path
) -> None:
    inputs = [str(clip), str(silence), str(clip), "nowhere.wav", str(silence)]
    alone, together = (call("transcribe", "--jobs", jobs, *inputs) for jobs in ("1", "2"))
    assert together[:2] == alone[:2]
    assert [line.split(": ")[0] for line in alone[1].splitlines()] == [
        *(str(clip), str(silence), str(clip), str(silence))
    ]


@pytest.mark.parametrize("family", ["whisper", "wav2vec2-ctc"])
def test_several_threads_write_what_one_writes(
    call: Call, imported: Callable[[str], Path], recordings: Path, family: str
) -> None:
    argv = ["transcribe", "--bundle", str(imported(family)), "--format", "json"]
    argv += ["--timestamps", "segment", str(recordings / "commands.flac")]
    code, alone, err = call(*argv)
    assert (code, err) == (0, "")
    assert len(json.loads(alone)["chunks"]) > 3
    assert call(*argv, "--threads", "3") == (0, alone, "")
