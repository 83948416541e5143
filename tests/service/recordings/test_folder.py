"""The folder of recordings: bounded, private, and with nobody else's files touched."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from earlet.errors import ConfigError, InputError
from earlet.results import Detection
from earlet.service.recordings.file import Recording, encode, read_recording
from earlet.service.recordings.folder import Recordings

Make = Callable[..., Recording]


@pytest.fixture
def size(make_recording: Make) -> int:
    return len(encode(make_recording()))


def numbers(folder: Path) -> list[int]:
    return sorted(int(path.name.split("-")[1]) for path in folder.glob("earlet-*-go.wav"))


def test_only_its_owner_may_read_a_recording(make_recording: Make, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folder"
    path = Recordings(str(folder), 10_000_000).keep(make_recording())
    assert path == folder / "earlet-000001-20261120T172031-go.wav"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [*folder.iterdir()] == [path]
    assert read_recording(path).events == make_recording().events


def test_the_oldest_make_room_whatever_the_clock_says(
    make_recording: Make, tmp_path: Path, size: int
) -> None:
    recordings = Recordings(str(tmp_path), 3 * size + 10)
    for n_kept in range(1, 8):
        path = recordings.keep(make_recording())
        os.utime(path, (1e9 - n_kept, 1e9 - n_kept))  # as if time ran backwards
        assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 3 * size + 10
        assert numbers(tmp_path) == list(range(max(1, n_kept - 2), n_kept + 1))


def test_what_is_there_counts_after_a_restart(
    make_recording: Make, tmp_path: Path, size: int
) -> None:
    for _ in range(5):
        Recordings(str(tmp_path), 2 * size + 10).keep(make_recording())
    assert numbers(tmp_path) == [4, 5]


def test_two_that_share_a_folder_keep_to_its_bound_together(
    make_recording: Make, tmp_path: Path, size: int
) -> None:
    recordings = Recordings(str(tmp_path), 3 * size + 10)
    path = recordings.keep(make_recording())
    for other in ("left", "right"):  # written at the same time by others, who counted the same
        path.with_name(f"earlet-000001-x-{other}.wav").write_bytes(encode(make_recording()))
    for _ in range(3):
        recordings.keep(make_recording())
        assert sum(p.stat().st_size for p in tmp_path.iterdir()) <= 3 * size + 10
    assert numbers(tmp_path) == [2, 3, 4]


def test_only_recordings_are_ever_deleted(
    make_recording: Make, tmp_path: Path, size: int, golden: Path
) -> None:
    other = golden / "whisper" / "1272-128104-0000.wav"
    theirs = {
        "notes.txt": b"mine",
        "earlet-000000-x-go.wav": other.read_bytes(),  # has such a name, and is none
        "earlet-000002.wav": b"",
        "holiday.wav": encode(make_recording()),  # one that somebody renamed to keep it
    }
    for name, data in theirs.items():
        (tmp_path / name).write_bytes(data)
    kept = tmp_path.parent / "elsewhere.wav"
    kept.write_bytes(encode(make_recording()))
    (tmp_path / "earlet-000001-link-go.wav").symlink_to(kept)
    recordings = Recordings(str(tmp_path), size)
    for _ in range(4):
        recordings.keep(make_recording())
    assert numbers(tmp_path) == [0, 1, 4]
    assert kept.exists()
    assert all((tmp_path / name).read_bytes() == data for name, data in theirs.items())


def test_what_was_left_half_written_is_removed_at_the_next_start(tmp_path: Path) -> None:
    old, new = tmp_path / ".earlet-0123.partial", tmp_path / ".earlet-4567.partial"
    for path in (old, new):
        path.write_bytes(b"RIFF")
    os.utime(old, (1e9, 1e9))
    Recordings(str(tmp_path), 10_000)
    assert [*tmp_path.iterdir()] == [new]  # which somebody may be writing


def test_a_recording_larger_than_all_may_be_is_refused(
    make_recording: Make, tmp_path: Path, size: int
) -> None:
    with pytest.raises(InputError, match=r"a recording takes 0.1 MB, and max_mb allows 0.1"):
        Recordings(str(tmp_path), size - 1).keep(make_recording())
    assert [*tmp_path.iterdir()] == []


def test_a_full_disk_leaves_nothing_half_written(
    make_recording: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    recordings = Recordings(str(tmp_path), 10_000_000)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=f"record: {tmp_path}: No space left on device"):
        recordings.keep(make_recording())
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("label", ["../../etc/passwd", "a/b", "turn\non", "x" * 300, "Ж" * 300])
def test_a_label_is_no_path(make_recording: Make, tmp_path: Path, label: str) -> None:
    recording = make_recording()
    rules = replace(recording.facts.rules, thresholds={label: 0.5, "go": 0.5, "left": 0.5})
    recording = replace(
        recording,
        facts=replace(recording.facts, rules=rules),
        events=(Detection(label, 0.75, 10.6, 11.4),),
    )
    path = Recordings(str(tmp_path), 10_000_000).keep(recording)
    assert path.parent == tmp_path
    assert len(path.name.encode()) < 255
    assert read_recording(path).events == recording.events


def test_a_folder_that_cannot_be_one_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"record: .*/file/folder: Not a directory"):
        Recordings(str(tmp_path / "file" / "folder"), 10_000)


def test_a_folder_that_is_read_only_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # of root, nothing else would be asked
    with pytest.raises(ConfigError, match=r"expected a folder that can be written to"):
        Recordings(str(tmp_path), 10_000)
