"""`earlet explain`: a sentence always, a picture where matplotlib is there."""

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from PIL import Image

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def word(recordings: Path, tmp_path: Path) -> Path:
    """The command "go"."""
    samples, rate = soundfile.read(recordings / "commands.flac", frames=2 * 16_000)
    path = tmp_path / "word.wav"
    soundfile.write(path, samples, rate)
    return path


def is_png(path: Path) -> bool:
    with Image.open(path) as picture:
        return picture.format == "PNG" and picture.width == 1200


def test_a_command_in_a_sound_file(call: Call, word: Path, tmp_path: Path) -> None:
    code, out, err = call("explain", str(word))
    assert code == 0
    assert out.startswith('"go" fired at ')
    assert ", over its threshold of 0." in out
    assert err == "earlet: drawn: word.explained.png\n"
    picture = tmp_path / "word.explained.png"
    assert is_png(picture)
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600


def test_silence_says_that_nothing_was_near(call: Call, silence: Path) -> None:
    _, out, _ = call("explain", str(silence))
    assert out.startswith("nothing fired: ")


def test_a_configuration_says_what_is_listened_for(call: Call, clip: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("commands: [lights on, what time is it]\n")
    code, out, _ = call("explain", "--config", str(config), str(clip))
    assert code == 0
    assert out.startswith("a command did not fire at ")
    assert "heard: 'Mr. Quilter" in out


def test_a_bundle_that_transcribes_says_what_it_heard(call: Call, clip: Path) -> None:
    _, out, _ = call("explain", "--bundle", "moonshine-tiny-en", str(clip))
    assert ", heard: 'Mr. Quilter" in out


def test_a_recording_is_explained_as_it_was(call: Call, word: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"source: {word}\nlabels: {{go: {{threshold: 0.6}}}}\nrecord: {{folder: kept}}\n"
    )
    assert call("listen", "--config", str(config))[0] == 0
    (kept,) = Path("kept").iterdir()
    code, out, err = call("explain", str(kept), "--out", "why.png")
    assert (code, err) == (0, "earlet: drawn: why.png\n")
    assert ", over its threshold of 0.60" in out
    assert is_png(Path("why.png"))


@pytest.mark.parametrize("flag", ["--config", "--bundle"])
def test_a_recording_takes_no_other_configuration(
    call: Call, refused: Callable[..., str], word: Path, tmp_path: Path, flag: str
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"source: {word}\nrecord: {{folder: kept}}\n")
    call("listen", "--config", str(config))
    (kept,) = Path("kept").iterdir()
    line = refused("explain", str(kept), flag, str(config))
    assert line.startswith(f"{flag}: a recording knows what it was listened to with")


def test_without_matplotlib_the_sentence_is_there_and_what_to_install(
    call: Call, word: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = call("explain", str(word))
    assert (code, err) == (
        0,
        "earlet: the picture needs matplotlib; install it: pip install 'earlet[plots]'\n",
    )
    assert out.startswith('"go" fired')
    code, out, err = call("explain", str(word), "--out", "why.png")
    assert code == 2
    assert out.startswith('"go" fired')
    assert err.count("\n") == 1


def test_what_is_no_sound_is_one_line(refused: Callable[..., str], recordings: Path) -> None:
    line = refused("explain", str(recordings / "commands.tsv"), code=1)
    assert "not a sound file" in line
    assert "No such file" in refused("explain", "nowhere.wav", code=1)


def test_a_picture_that_cannot_be_written_is_one_line(call: Call, word: Path) -> None:
    code, _, err = call("explain", str(word), "--out", "no/folder/why.png")
    assert (code, err) == (
        2,
        "earlet: no/folder/why.png: cannot be written: No such file or directory\n",
    )


def test_more_than_two_minutes_are_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 16_000, 1) as file:
        for _ in range(122):
            file.write([0.0] * 16_000)
    line = refused("explain", str(path))
    assert line == f"{path}: expected at most 120 s of sound; cut out a part"
