"""`earlet listen`: its sources, its configuration, its lines."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import earlet

Run = Callable[..., subprocess.CompletedProcess[str]]
Call = Callable[..., tuple[int, str, str]]
OnTerminal = Callable[..., tuple[subprocess.CompletedProcess[str], str]]
LATE_S = 0.8  # a command may be told so long after its last sound


def raw(path: Path) -> bytes:
    """The samples of a file, as a recorder pipes them."""
    samples, _ = soundfile.read(path, dtype="int16")
    return bytes(samples.astype("<i2").tobytes())


def test_the_commands_of_a_recording_are_heard_in_order_and_nothing_else(
    call: Call, recordings: Path
) -> None:
    code, out, err = call("listen", "--json", "--source", str(recordings / "commands.flac"))
    assert (code, err) == (0, "")
    with (recordings / "commands.tsv").open() as file:
        said = list(csv.DictReader(file, delimiter="\t"))
    heard = [json.loads(line) for line in out.splitlines()]
    assert [event["label"] for event in heard] == [word["label"] for word in said]
    for event, word in zip(heard, said, strict=True):
        assert float(word["start_s"]) < event["end_s"] < float(word["end_s"]) + LATE_S


def test_json_lines_are_what_the_pipeline_gives(call: Call, clip: Path) -> None:
    expected = [s.to_json() for s in earlet.pipeline("voice-activity-detection")(clip)]
    _, out, _ = call("listen", "--json", "--bundle", "vad", "--source", str(clip))
    assert [json.loads(line) for line in out.splitlines()] == expected
    assert expected


def test_a_transcript_is_a_line_an_utterance(call: Call, clip: Path) -> None:
    _, out, _ = call("listen", "--bundle", "moonshine-tiny-en", "--source", str(clip))
    (line,) = out.splitlines()
    assert " s  Mr. Quilter" in line


PARTIALS = ["listen", "--partials", "--bundle", "moonshine-tiny-en", "--source"]


def test_partial_results_are_json_lines_before_the_final_one(call: Call, clip: Path) -> None:
    code, out, err = call(*PARTIALS, str(clip), "--json")
    assert (code, err) == (0, "")
    *partials, final = [json.loads(line) for line in out.splitlines()]
    assert final["text"].startswith("Mr. Quilter")
    assert len(partials) >= 5  # of 5.9 s
    for event in partials:
        assert event.keys() == {"partial", "stable", "timestamp"}
        assert final["text"].startswith(event["stable"])
    assert partials[-1]["stable"]


def test_in_a_pipe_there_are_only_finals(call: Call, clip: Path) -> None:
    expected = call("listen", "--bundle", "moonshine-tiny-en", "--source", str(clip))
    assert call(*PARTIALS, str(clip)) == expected


def test_on_a_terminal_partial_results_are_drawn_over_each_other(
    on_terminal: OnTerminal, clip: Path
) -> None:
    result, written = on_terminal("stdout", *PARTIALS, str(clip), columns=40)
    *drawn, end = written.split("\r\x1b[K")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(drawn) >= 5
    assert all("\n" not in line for line in drawn)
    codes = len("\x1b[2m\x1b[22m")
    assert all(len(line) - codes < 40 for line in drawn)
    assert end.count("\n") == 1
    assert " s  Mr. Quilter" in end


@pytest.mark.parametrize("bundle", ["commands-en", "vad"])
def test_partial_results_of_what_does_not_transcribe_are_refused(
    refused: Callable[..., str], clip: Path, bundle: str
) -> None:
    argv = ["listen", "--partials", "--bundle", bundle, "--source", str(clip)]
    assert refused(*argv).startswith("partials: nothing is written down")


@pytest.mark.parametrize("extra", [b"", b"\x01"])
def test_a_pipe_of_raw_samples_is_heard_like_the_file(
    run: Run, call: Call, clip: Path, extra: bytes
) -> None:
    argv = ["listen", "--json", "--bundle", "vad", "--source"]
    _, expected, _ = call(*argv, str(clip))
    result = run(*argv, "-", input=raw(clip) + extra)
    assert (result.returncode, result.stdout, result.stderr) == (0, expected, "")
    assert expected


def test_an_empty_pipe_is_silence(run: Run) -> None:
    result = run("listen", "--bundle", "vad", "--source", "-", input=b"")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_wav_in_the_pipe_is_refused(run: Run) -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    result = run("listen", "--bundle", "vad", "--source", "-", input=buffer.getvalue())
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("earlet: standard input is a WAV file; expected raw 16 kHz")
    assert result.stderr.count("\n") == 1


def test_a_terminal_as_the_pipe_is_refused_with_what_to_type(run: Run) -> None:
    ours, theirs = pty.openpty()
    result = run("listen", "--bundle", "vad", "--source", "-", stdin=theirs)
    os.close(ours)
    os.close(theirs)
    assert (result.returncode, result.stdout) == (2, "")
    assert "standard input is a terminal; try: arecord " in result.stderr


def test_a_closed_pipe_is_refused() -> None:
    command = [sys.executable, "-m", "earlet", "listen", "--bundle", "vad", "--source", "-"]
    closed = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, check=False
    )
    assert (closed.returncode, b"standard input is closed" in closed.stderr) == (2, True)


def test_a_folder_without_sound_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    line = refused("listen", "--bundle", "vad", "--source", str(tmp_path))
    assert line.startswith(f"{tmp_path}: no file in it ends with ")


@pytest.mark.parametrize("source", ["nofile", "/dev/zero", "x" * 300])
def test_a_source_that_is_no_sound_file_is_one_line(
    refused: Callable[..., str], source: str
) -> None:
    assert refused("listen", "--bundle", "vad", "--source", source, code=1).startswith(source)


def test_a_file_that_is_damaged_later_is_heard_up_to_there(
    call: Call, clip: Path, tmp_path: Path
) -> None:
    samples, rate = soundfile.read(clip)
    samples = np.concatenate([samples, np.zeros(2 * rate)])
    samples[-100] = np.nan
    path = tmp_path / "late.wav"
    soundfile.write(path, samples, rate, subtype="FLOAT")
    code, out, err = call("listen", "--bundle", "vad", "--source", str(path))
    assert code == 1
    assert err == (
        f"earlet: {path}: sample {len(samples) - 100} is nan; expected finite samples in -1..1\n"
    )
    assert "speech" in out


def test_flags_go_before_the_configuration(call: Call, clip: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"bundle: nowhere\nsource: {clip}\nthreads: 2\n")
    code, out, err = call("listen", "--config", str(config), "--bundle", "vad")
    assert (code, err) == (0, "")
    assert "speech" in out


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--device", "3"], "--device names a microphone, and the source is "),
        (["--config", ""], ".: cannot be read: Is a directory"),
    ],
)
def test_a_flag_that_cannot_apply_is_refused(
    refused: Callable[..., str], clip: Path, flags: list[str], expected: str
) -> None:
    assert refused("listen", "--source", str(clip), *flags).startswith(expected)


def test_thresholds_of_the_configuration_are_used(
    call: Call, recordings: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    argv = ["listen", "--json", "--source", str(recordings / "commands.flac")]
    argv += ["--config", str(config)]
    config.write_text("confirm: off\n")
    labels = [json.loads(line)["label"] for line in call(*argv)[1].splitlines()]
    config.write_text("confirm: off\nlabels: {go: {threshold: 1}, left: {threshold: 1}}\n")
    fewer = call(*argv)[1]
    assert {"go", "left", "up"} <= {*labels}
    assert [json.loads(line)["label"] for line in fewer.splitlines()] == [
        label for label in labels if label not in ("go", "left")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bundel: vad", "unknown key 'bundel'; did you mean 'bundle'?"),
        ("labels: {gone: {threshold: 0.5}}", "labels: unknown 'gone'; did you mean "),
        ("threads: 0", "threads: expected 1 to 256, got 0"),
        ("bundle: vad\nlabels: {go: {}}", "labels: voice activity hears no words"),
        ("actions: {}", "unknown key 'actions'"),
        ("labels: {go: {actions: [{run: [/nowhere/lamp]}]}}", "/nowhere/lamp"),
        ("metrics: /nowhere/earlet.prom", "'/nowhere/earlet.prom' cannot be written: No such file"),
        ("serve: {host: 0.0.0.0, port: 0}", "config.yaml: serve: host: 0.0.0.0 is reached from "),
    ],
)
def test_a_wrong_configuration_is_one_line(
    refused: Callable[..., str], clip: Path, tmp_path: Path, text: str, expected: str
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    assert expected in refused("listen", "--config", str(config), "--source", str(clip))


def test_a_configuration_that_is_not_there_is_one_line(refused: Callable[..., str]) -> None:
    line = refused("listen", "--config", "nowhere.yaml")
    assert line == "nowhere.yaml: cannot be read: No such file or directory"


def test_what_came_near_to_a_command_is_told_to_those_who_ask(
    call: Call, recordings: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("confirm: off\nlabels: {go: {threshold: 0.9999}}\n")
    argv = ["listen", "--config", str(config), "--source", str(recordings / "commands.flac")]
    plain = call(*argv)[1].splitlines()
    asked = call(*argv, "--rejections")[1].splitlines()
    assert [line for line in asked if "(" not in line] == plain
    assert any("(go" in line and "below threshold)" in line for line in asked)


@pytest.mark.usefixtures("no_portaudio")
@pytest.mark.parametrize("device", ["3", "USB", "-1"])
def test_without_portaudio_the_microphone_says_what_to_install(
    refused: Callable[..., str], device: str
) -> None:
    line = refused("listen", "--bundle", "vad", "--device", device, code=1)
    assert "apt install libportaudio2" in line
