"""Bundles as .zip and as folders: the same bytes each time, and all of it or nothing."""

import os
import shutil
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml

from earlet.bundle import MANIFEST, Bundle
from earlet.errors import BundleError, BundleNotFoundError
from earlet.verify import verify
from earlet_quantize.archive import to_folder, to_zip
from earlet_quantize.errors import QuantizeError
from earlet_quantize.staging import staged

FullDisk = Callable[[int], AbstractContextManager[None]]

VAD = Path(__file__).parents[2] / "models" / "vad"


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_zip_verifies_and_unpacks_to_the_same_files(tmp_path: Path) -> None:
    to_zip(Bundle(VAD), tmp_path / "vad.zip")
    assert [stage.passed for stage in verify(tmp_path / "vad.zip")] == [True] * 5
    to_folder(Bundle(tmp_path / "vad.zip"), tmp_path / "vad")
    assert content(tmp_path / "vad") == content(VAD)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vad", "vad.zip"]


def test_a_zip_is_the_same_whatever_the_dates_modes_and_order_of_the_files(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in sorted(content(VAD), reverse=True):
        shutil.copyfile(VAD / name, other / name)
        (other / name).chmod(0o755)
        os.utime(other / name, (1_000_000_000, 1_000_000_000))
    (other / "empty folder").mkdir()
    to_zip(Bundle(VAD), tmp_path / "a.zip")
    to_zip(Bundle(other), tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        members = archive.infolist()
    assert [member.filename for member in members] == sorted(content(VAD))
    assert {member.compress_type for member in members} == {zipfile.ZIP_STORED}
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    assert {member.external_attr >> 16 for member in members} == {0o100644}


def test_a_damaged_file_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(VAD, tmp_path / "vad"))
    data = bytearray((folder / "vad.onnx").read_bytes())
    data[1000] ^= 1
    (folder / "vad.onnx").write_bytes(data)
    for write, out in ((to_zip, "out.zip"), (to_folder, "out")):
        with pytest.raises(BundleError, match=r"vad\.onnx: expected sha256"):
            write(Bundle(folder), tmp_path / out)
    assert [path.name for path in tmp_path.iterdir()] == ["vad"]


def test_files_in_subfolders_come_through(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(VAD, tmp_path / "vad"))
    (folder / "texts" / "law").mkdir(parents=True)
    (folder / "LICENSE").rename(folder / "texts" / "law" / "LICENSE")
    document = yaml.safe_load((folder / MANIFEST).read_text())
    document["files"]["texts/law/LICENSE"] = document["files"].pop("LICENSE")
    (folder / MANIFEST).write_text(yaml.safe_dump(document))
    to_zip(Bundle(folder), tmp_path / "vad.zip")
    to_folder(Bundle(tmp_path / "vad.zip"), tmp_path / "again")
    assert content(tmp_path / "again") == content(folder)


def test_members_that_lie_over_each_other_are_refused(tmp_path: Path) -> None:
    """Each of 20 entries points at the one file that is there: 25 MB out of 1.9 MB."""
    folder = Path(shutil.copytree(VAD, tmp_path / "vad"))
    document = yaml.safe_load((folder / MANIFEST).read_text())
    names = [f"copy{i}.onnx" for i in range(20)]
    document["files"] |= {name: dict(document["files"]["vad.onnx"]) for name in names}
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w") as archive:
        archive.writestr(MANIFEST, yaml.safe_dump(document))
        for name in document["files"]:
            if name not in names:
                archive.write(folder / name, name)
        network = archive.getinfo("vad.onnx")
        for name in names:
            copy = zipfile.ZipInfo(name)
            copy.header_offset, copy.CRC = network.header_offset, network.CRC
            copy.file_size, copy.compress_size = network.file_size, network.compress_size
            archive.filelist.append(copy)
            archive.NameToInfo[name] = copy
    with pytest.raises(BundleError, match=r"bomb\.zip: \d+ bytes, and its files are said to have"):
        to_folder(Bundle(tmp_path / "bomb.zip"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("free", [0, 1_000, 700_000])
@pytest.mark.parametrize("replace", [False, True])
def test_a_full_disk_leaves_what_was_there(
    full_disk: FullDisk, tmp_path: Path, free: int, replace: bool
) -> None:
    for write, out in ((to_zip, tmp_path / "out.zip"), (to_folder, tmp_path / "out")):
        if replace:
            write(Bundle(VAD), out)
        with full_disk(free), pytest.raises(QuantizeError, match=r"out(\.zip)?: cannot be written"):
            write(Bundle(VAD), out, replace=replace)
        assert out.exists() == replace
        if replace:
            assert [stage.passed for stage in verify(out)] == [True] * 5
    assert len(list(tmp_path.iterdir())) == 2 * replace


def test_what_is_there_is_replaced_only_where_that_was_asked_for(tmp_path: Path) -> None:
    to_folder(Bundle(VAD), tmp_path / "vad")
    (tmp_path / "vad" / "mine.txt").touch()
    with pytest.raises(QuantizeError, match=r"vad: is there already; --force replaces it"):
        to_folder(Bundle(VAD), tmp_path / "vad")
    to_folder(Bundle(VAD), tmp_path / "vad", replace=True)
    assert content(tmp_path / "vad") == content(VAD)


def to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.png", b"")


def damaged_zip(path: Path) -> None:
    other_zip(path)
    path.write_bytes(path.read_bytes().replace(b"PK\1\2", b"PK\0\0"))


@pytest.mark.parametrize(
    "make", [Path.mkdir, Path.touch, os.mkfifo, to_nowhere, other_zip, damaged_zip]
)
def test_what_is_no_bundle_is_never_replaced(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    out = tmp_path / "notes"
    make(out)
    for write in (to_zip, to_folder):
        with pytest.raises(QuantizeError, match="no bundle: choose another name"):
            write(Bundle(VAD), out, replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


@pytest.mark.parametrize("out", ["", ".", "..", "/", "x" * 300, "/dev/null/x"])
def test_a_place_that_cannot_be_written_is_told_in_one_line(out: str) -> None:
    with pytest.raises(QuantizeError) as caught:
        to_zip(Bundle(VAD), Path(out))
    assert str(caught.value).isprintable()


def test_an_error_of_the_block_is_told_as_it_is(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(VAD, tmp_path / "vad"))
    bundle = Bundle(folder)
    shutil.rmtree(folder)
    with pytest.raises(BundleError, match=r"LICENSE: cannot be read: "):
        to_folder(bundle, tmp_path / "out")
    # A BundleNotFoundError is an OSError, too.
    with pytest.raises(BundleNotFoundError), staged(tmp_path / "out", replace=False):
        Bundle(folder)


def test_an_interruption_keeps_the_old_and_nothing_of_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "vad"
    to_folder(Bundle(VAD), out)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        to_folder(Bundle(VAD), out, replace=True)
    assert content(out) == content(VAD)
    assert list(tmp_path.iterdir()) == [out]


def test_an_interruption_between_the_two_renames_puts_the_old_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "vad"
    to_folder(Bundle(VAD), out)
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if target == out and self.name == out.name:  # the new one to its place
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        to_folder(Bundle(VAD), out, replace=True)
    assert content(out) == content(VAD)
    assert list(tmp_path.iterdir()) == [out]
