"""`earlet tune`: what it says, draws and writes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet.config import read_config

Call = Callable[..., tuple[int, str, str]]
Refused = Callable[..., str]
PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def positives(tmp_path_factory: pytest.TempPathFactory, recordings: Path) -> Path:
    """One "go" and one "up" of the repository's recording."""
    folder = tmp_path_factory.mktemp("positives")
    samples, rate = soundfile.read(recordings / "commands.flac", dtype="float32")
    for line in (recordings / "commands.tsv").read_text().splitlines()[1:]:
        label, start_s, end_s = line.split("\t")[:3]
        if label in ("go", "up"):
            (folder / label).mkdir(exist_ok=True)
            clip = samples[round(float(start_s) * rate) - 800 : round(float(end_s) * rate) + 800]
            soundfile.write(folder / label / "1.wav", clip, rate)
    return folder


@pytest.fixture
def argv(positives: Path, recordings: Path) -> list[str]:
    speech = str(recordings / "speech.flac")
    return ["tune", "--positives", str(positives), "--negatives", speech]


def test_what_was_found_is_told_drawn_and_written(
    call: Call, argv: list[str], tmp_path: Path
) -> None:
    config, plot = tmp_path / "config.yaml", tmp_path / "det.png"
    config.write_text("# mine\nconfirm: off\n")
    code, out, err = call(*argv, "--config", str(config), "--plot", str(plot))
    assert (code, err) == (0, f"earlet: written to {config}\n")
    *_, verdict = out.splitlines()
    assert "0 of 2 commands missed" in verdict
    assert "0 false alarms in 0.00 h, which means fewer than " in verdict
    assert "it takes more negatives" in verdict
    assert plot.read_bytes().startswith(PNG)
    assert config.read_text().startswith("# mine\n")
    written = read_config(config)
    assert written.labels.keys() == {"go", "up"}
    threshold = written.label("go").threshold
    assert f"threshold {threshold:g}, smoothing {written.smoothing}: " in verdict
    assert out.count("\n>") == 1


def test_as_json_all_settings_come_with_their_bounds(call: Call, argv: list[str]) -> None:
    code, out, err = call(*argv, "--json", "--target", "2")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["target"] == 2
    assert told["chosen"] in told["settings"]
    assert len({(s["threshold"], s["smoothing"]) for s in told["settings"]}) == 48
    for setting in told["settings"]:
        low, high = setting["missed_within"]
        assert low <= setting["missed"] <= high
        assert setting["false_alarms_per_hour"] < setting["false_alarms_per_hour_below"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--target", "few"], "--target: expected false alarms an hour, as 0.5/h, got 'few'"),
        (["--hours", "1"], "--hours is for what does not end; recordings are heard to their end"),
        (["--negatives", "mic"], "live --negatives need --hours, above 0 and at most 1000"),
        (["--negatives", "mic", "--hours", "nan"], "live --negatives need --hours, above 0"),
        (["--negatives", "tcp://localhost:1"], "live --negatives need --hours, above 0"),
        (["--bundle", "vad"], "expected a spotter such as commands-en"),
        (["--positives", "nowhere"], "nowhere: cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_is_one_line(
    refused: Refused, argv: list[str], flags: list[str], expected: str
) -> None:
    assert expected in refused(*argv, *flags)


@pytest.mark.parametrize(
    ("flag", "place"), [("--config", "none/file"), ("--plot", "none/file"), ("--plot", ".")]
)
def test_what_cannot_be_written_is_told_before_anything_is_heard(
    refused: Refused, argv: list[str], tmp_path: Path, flag: str, place: str
) -> None:
    path = tmp_path / place
    line = refused(*argv, "--negatives", str(tmp_path / "nowhere.wav"), flag, str(path))
    assert line.startswith(f"{path}: cannot be written; may you write to ")


def test_where_all_commands_are_missed_nothing_is_written(
    call: Call, argv: list[str], tmp_path: Path
) -> None:
    (tmp_path / "go").mkdir()
    soundfile.write(tmp_path / "go" / "1.wav", np.zeros(16_000), 16_000)
    config = tmp_path / "config.yaml"
    code, out, err = call(*argv, "--positives", str(tmp_path), "--config", str(config))
    assert code == 2
    assert "1 of 1 commands missed" in out
    assert err.startswith("earlet: all commands were missed, and nothing is written: ")
    assert not config.exists()


def test_a_configuration_of_typed_commands_has_no_thresholds_to_find(
    refused: Refused, argv: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("commands: [lights on]\n")
    assert "and commands are typed there" in refused(*argv, "--config", str(path))


def test_a_folder_that_is_no_label_is_named(
    refused: Refused, argv: list[str], tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    soundfile.write(tmp_path / "gone" / "1.wav", np.zeros(16_000), 16_000)
    line = refused(*argv, "--positives", str(tmp_path))
    assert line == f"{tmp_path}/gone: 'gone' is no label; did you mean 'one'?"


def test_a_folder_without_folders_is_refused(
    refused: Refused, argv: list[str], recordings: Path
) -> None:
    line = refused(*argv, "--positives", str(recordings))
    assert "expected a folder for each label, with recordings of it: go/1.wav" in line


def test_a_recording_that_is_no_single_command_is_refused(
    refused: Refused, argv: list[str], tmp_path: Path
) -> None:
    (tmp_path / "go").mkdir()
    soundfile.write(tmp_path / "go" / "1.wav", np.zeros(16_000 * 11), 16_000)
    line = refused(*argv, "--positives", str(tmp_path))
    assert "1.wav: longer than 10 s; expected one command a file" in line
