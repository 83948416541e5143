"""`earlet replay`: what `earlet listen` recorded, heard again."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from earlet.cli import main
from earlet.service.recordings.file import encode, read_recording

Call = Callable[..., tuple[int, str, str]]
RECORDINGS = Path(__file__).parents[1] / "recordings"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a daemon records of eight commands."""
    folder = tmp_path_factory.mktemp("daemon")
    config = folder / "config.yaml"
    config.write_text(
        f"source: {RECORDINGS / 'commands.flac'}\nrecord: {{folder: {folder / 'kept'}}}\n"
    )
    assert main(["listen", "--config", str(config)]) == 0
    return sorted(map(str, (folder / "kept").iterdir()))


def test_recordings_are_the_same_to_the_bit(call: Call, kept: list[str]) -> None:
    code, out, err = call("replay", *kept)
    assert (code, err) == (0, "")
    assert len(kept) >= 4
    for line, path in zip(out.splitlines(), kept, strict=True):
        assert line.startswith(f"{path}: the same, bit for bit: ")


def test_json_has_both_and_how_they_compare(call: Call, kept: list[str]) -> None:
    code, out, err = call("replay", "--json", *kept[:2])
    assert (code, err) == (0, "")
    for line, path in zip(out.splitlines(), kept, strict=False):
        told = json.loads(line)
        assert told["path"] == path
        assert (told["same_events"], told["same_scores"], told["difference"]) == (True, True, 0)
        assert told["recorded"] == told["replayed"]
        assert {"label", "score", "start_s", "end_s"} <= told["recorded"][0].keys()


def test_a_setting_shows_what_would_have_been_otherwise(call: Call, kept: list[str]) -> None:
    code, out, err = call("replay", "--set", "threshold=1", kept[0])
    assert (code, err) == (0, "")
    first, *lines = out.splitlines()
    assert first == f"{kept[0]}: it would have been otherwise:"
    assert any(line.startswith('  - "go" fired at ') for line in lines)
    assert not any("+" in line and "fired" in line for line in lines)


def test_a_setting_that_changes_nothing_says_so(call: Call, kept: list[str]) -> None:
    code, out, _ = call("replay", "--set", "refractory_ms.up=999", kept[0])
    assert code == 0
    assert out.startswith(f"{kept[0]}: it would have decided the same, ")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--set", "threshold.gone=0.5"], "labels: unknown 'gone'; did you mean "),
        (["--set", "smoothing=0"], "smoothing: expected "),
        (["--set", "go"], "--set go: expected KEY=VALUE"),
        (["--set", "threshold.=0.5"], "--set threshold.=0.5: expected something behind the last "),
        (["--bundle", "nowhere"], "no bundle named 'nowhere'"),
    ],
)
def test_a_wrong_setting_is_one_line(
    refused: Callable[..., str], kept: list[str], flags: list[str], expected: str
) -> None:
    assert expected in refused("replay", *flags, kept[0])


def test_another_network_is_not_compared_unless_it_is_asked_for(
    call: Call, kept: list[str], altered: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = altered(RECORDINGS.parents[1] / "models" / "commands-en", {}, description="Another.")
    monkeypatch.setenv("EARLET_MODELS", str(folder.parent))
    code, out, err = call("replay", kept[0])
    assert (code, out) == (1, "")
    assert err.startswith(
        f"earlet: {kept[0]}: was heard with another commands-en than is here; --b"
    )
    code, out, err = call("replay", "--bundle", str(folder), kept[0])
    assert (code, err) == (0, "")
    assert out.startswith(f"{kept[0]}: it would have decided the same, ")


def test_what_cannot_be_read_is_named_and_the_rest_is_done(
    call: Call, kept: list[str], tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.wav"
    damaged.write_bytes(Path(kept[0]).read_bytes()[:-1])
    sound = str(RECORDINGS / "commands.flac")
    code, out, err = call("replay", str(damaged), sound, "nowhere.wav", kept[0])
    assert code == 1
    assert out.startswith(f"{kept[0]}: the same, bit for bit")
    problems = err.splitlines()
    assert len(problems) == 3
    assert "damaged.wav: damaged or cut off: its SHA-256 is not that of its content" in problems[0]
    assert "commands.flac: not a recording of `earlet listen`" in problems[1]
    assert "nowhere.wav: cannot be read: No such file or directory" in problems[2]


def test_a_recording_of_a_bundle_that_is_not_here_is_named_and_the_rest_is_done(
    call: Call, kept: list[str], tmp_path: Path
) -> None:
    recording = read_recording(kept[0])
    config = replace(recording.facts.config, bundle="theirs")
    path = tmp_path / "theirs.wav"
    path.write_bytes(encode(replace(recording, facts=replace(recording.facts, config=config))))
    code, out, err = call("replay", str(path), kept[0])
    assert code == 1
    assert err.startswith(f"earlet: {path}: no bundle named 'theirs' in ")
    assert out.startswith(f"{kept[0]}: the same, bit for bit")


def test_a_copy_elsewhere_is_the_same(call: Call, kept: list[str], tmp_path: Path) -> None:
    copy = shutil.copy(kept[-1], tmp_path / "renamed.wav")
    assert "the same, bit for bit" in call("replay", str(copy))[1]
