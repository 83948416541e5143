"""Bundles: what is not as the manifest says is refused, in one line that names it."""

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from earlet import bundle as bundles
from earlet.bundle import MANIFEST, Bundle
from earlet.errors import BundleError, BundleNotFoundError, ManifestError

MODELS = Path(__file__).parents[1] / "models"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a bundle that ships, to be damaged."""
    return Path(shutil.copytree(MODELS / "vad", tmp_path / "vad"))


def edit(folder: Path, change: Callable[[dict], object]) -> None:  # type: ignore[type-arg]
    document = yaml.safe_load((folder / MANIFEST).read_text())
    change(document)
    (folder / MANIFEST).write_text(yaml.safe_dump(document))


def zipped(folder: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return path


def test_a_bundle_opens_as_a_folder_and_as_a_zip(folder: Path) -> None:
    opened = Bundle(folder)
    assert opened.manifest.name == "vad"
    network = opened.manifest.model.network
    assert network is not None
    data = opened.read_bytes(network)
    assert hashlib.sha256(data).hexdigest() == opened.manifest.files[network].sha256
    assert Bundle(zipped(folder)).read_bytes(network) == data


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFoundError, match="nowhere"):
        Bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"it has no bundle\.yaml"):
        Bundle(tmp_path)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "LICENSE").unlink()
    with pytest.raises(BundleError, match=r"'LICENSE' is in bundle\.yaml and not there"):
        Bundle(folder)


def test_an_extra_file_is_named(folder: Path) -> None:
    (folder / "extra.bin").write_bytes(b"?")
    with pytest.raises(BundleError, match=r"'extra\.bin' is there and not in bundle\.yaml"):
        Bundle(folder)
    with pytest.raises(BundleError, match=r"'extra\.bin' is there"):
        Bundle(zipped(folder))


def test_a_file_of_another_size_is_refused_before_it_is_read(folder: Path) -> None:
    with (folder / "LICENSE").open("a") as file:
        file.write("?")
    with pytest.raises(BundleError, match=r"LICENSE: expected \d+ bytes, got \d+"):
        Bundle(folder)


def test_a_changed_byte_is_refused_when_the_file_is_read(folder: Path) -> None:
    data = bytearray((folder / "vad.onnx").read_bytes())
    data[1000] ^= 1
    (folder / "vad.onnx").write_bytes(data)
    with pytest.raises(BundleError, match=r"vad\.onnx: expected sha256"):
        Bundle(folder).open_session("network")


def test_a_file_that_is_not_listed_is_not_read(folder: Path) -> None:
    with pytest.raises(BundleError, match="not among the files"):
        Bundle(folder).read_bytes(MANIFEST)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a\\b", "c:x", ".", ""])
def test_a_name_that_leads_outside_is_refused(folder: Path, name: str) -> None:
    edit(folder, lambda d: d["files"].update({name: {"bytes": 1, "sha256": "0"}}))
    with pytest.raises(BundleError, match="leads outside the bundle"):
        Bundle(folder)


def test_a_link_that_leads_outside_is_refused(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (folder / "LICENSE").rename(outside)
    (folder / "LICENSE").symlink_to(outside)
    with pytest.raises(BundleError, match=r"'LICENSE' is a link that leads outside"):
        Bundle(folder)


def test_a_linked_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (folder / "sub").symlink_to(tmp_path / "other")
    with pytest.raises(BundleError, match="'sub' is there and not in"):
        Bundle(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(folder: Path) -> None:
    (folder / "LICENSE").unlink()
    os.mkfifo(folder / "LICENSE")
    with pytest.raises(BundleError, match="expected a plain file"):
        Bundle(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format=2), "format is 2; this earlet reads 1"),
        (lambda d: d.pop("format"), "format is None"),
        (lambda d: d.pop("license"), "the key 'license' is missing"),
        (lambda d: d.pop("attribution"), "the key 'attribution' is missing"),
        (lambda d: d.update(lisence="MIT"), "unknown key 'lisence'; did you mean 'license'"),
        (lambda d: d.update(task="telepathy"), "task: expected one of"),
        (lambda d: d.update(name=7), "name: expected a string, got 7"),
        (lambda d: d["model"].update(architecture="gan"), "architecture: expected one of"),
        (lambda d: d["model"].update(architecture="ctc"), "the architecture vad, got ctc"),
        (lambda d: d["model"].update(backend="torch"), "backend: expected one of onnxruntime"),
        (lambda d: d["model"].pop("network"), "'network' is missing"),
        (lambda d: d["model"].update(encoder="vad.onnx"), "'encoder' is not one of them"),
        (lambda d: d["model"].update(network="other.onnx"), r"uses 'other\.onnx' and does not"),
        (lambda d: d["golden"].update(file="other.npz"), r"uses 'other\.npz' and does not"),
        (lambda d: d["files"]["LICENSE"].update(bytes="many"), "bytes: expected a whole number"),
        (lambda d: d["files"]["LICENSE"].pop("sha256"), "the key 'sha256' is missing"),
    ],
)
def test_a_manifest_that_does_not_say_what_it_must_is_refused(
    folder: Path,
    change: Callable[[dict], object],  # type: ignore[type-arg]
    message: str,
) -> None:
    edit(folder, change)
    with pytest.raises(ManifestError, match=message) as caught:
        Bundle(folder)
    assert "\n" not in str(caught.value)


def test_a_compressed_zip_is_refused(folder: Path) -> None:
    with pytest.raises(BundleError, match="is compressed; expected it stored"):
        Bundle(zipped(folder, zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize("name", ["../../escape.txt", "/abs.txt"])
def test_a_zip_that_leads_outside_is_refused(folder: Path, name: str) -> None:
    path = zipped(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "?")
    with pytest.raises(BundleError, match="leads outside"):
        Bundle(path)


def test_a_zip_with_two_files_of_a_name_is_refused(folder: Path) -> None:
    path = zipped(folder)
    with (
        zipfile.ZipFile(path, "a") as archive,
        pytest.warns(UserWarning, match="Duplicate name"),
    ):
        archive.writestr("LICENSE", "?")
    with pytest.raises(BundleError, match="two files of the same name"):
        Bundle(path)


def test_a_zip_whose_member_is_damaged_is_refused(folder: Path) -> None:
    path = zipped(folder)
    data = bytearray(path.read_bytes())
    at = data.find(b"MIT License") + 2
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match="LICENSE"):
        Bundle(path).read_bytes("LICENSE")


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"PK nothing more")
    with pytest.raises(BundleError, match=r"expected a bundle folder or \.zip"):
        Bundle(path)


def test_a_name_is_looked_for_in_order(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("EARLET_MODELS", raising=False)
    assert bundles.find("vad") == Path("vad")  # a path goes first: it is here
    folder.rename(tmp_path / "moved")
    assert bundles.find("vad") == MODELS / "vad"  # the one that ships goes last
    users = tmp_path / "data" / "earlet" / "models" / "vad"
    shutil.copytree(tmp_path / "moved", users)
    assert bundles.find("vad") == users
    shutil.copytree(tmp_path / "moved", tmp_path / "models" / "vad")
    assert bundles.find("vad") == Path("models/vad")
    zips = tmp_path / "zips"
    zips.mkdir()
    zipped(tmp_path / "moved").rename(zips / "vad.zip")
    monkeypatch.setenv("EARLET_MODELS", str(zips))
    assert bundles.find("vad") == zips / "vad.zip"
    assert next(bundles.installed()) == zips / "vad.zip"


def test_a_name_that_is_nowhere_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARLET_MODELS", str(tmp_path))
    with pytest.raises(BundleNotFoundError, match=f"no bundle named 'zap' in {tmp_path}, models"):
        bundles.find("zap")


@pytest.mark.parametrize("bundle", ["", b"vad", 5, None])
def test_what_is_no_name_and_no_path_is_refused(bundle: Any) -> None:
    with pytest.raises(BundleNotFoundError, match=f"expected a name or a path, got {bundle!r}"):
        bundles.find(bundle)


def test_a_path_is_never_looked_for_as_a_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("EARLET_MODELS", str(tmp_path))
    assert bundles.find("vad") == folder
    with pytest.raises(BundleNotFoundError, match="vad: no such bundle folder"):
        bundles.find("./vad")
    with pytest.raises(BundleError, match=r"mine: not a bundle, it has no bundle\.yaml"):
        bundles.find("mine")
