"""Packing: a bundle that verifies, the same bytes each time, and nothing half written."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from earlet.arrays import FloatArray
from earlet.bundle import MANIFEST, Bundle
from earlet.errors import BundleError, EarletError
from earlet.verify import verify
from earlet_quantize.pack import pack

VAD = Path(__file__).parents[2] / "models" / "vad"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The files of a bundle, without its manifest."""
    folder = tmp_path / "build" / "vad"
    shutil.copytree(VAD, folder, ignore=shutil.ignore_patterns(MANIFEST, "golden.npz"))
    return folder


@pytest.fixture
def manifest() -> dict[str, object]:
    document = yaml.safe_load((VAD / MANIFEST).read_text(encoding="utf-8"))
    return {key: value for key, value in document.items() if key not in ("files", "golden")}


def test_a_packed_bundle_verifies(
    source: Path, manifest: dict[str, object], speech: FloatArray, tmp_path: Path
) -> None:
    out = tmp_path / "models" / "vad"
    pack(source, out, manifest, speech)
    assert [stage.passed for stage in verify(out)] == [True] * 5
    assert Bundle(out).manifest.name == "vad"
    assert [path.name for path in out.parent.iterdir()] == ["vad"]


def test_packing_twice_gives_the_same_bytes(
    source: Path, manifest: dict[str, object], speech: FloatArray, tmp_path: Path
) -> None:
    first, second = tmp_path / "a" / "vad", tmp_path / "b" / "vad"
    pack(source, first, manifest, speech)
    pack(source, second, manifest, speech)
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


def test_packing_again_replaces_what_was_there(
    source: Path, manifest: dict[str, object], speech: FloatArray, tmp_path: Path
) -> None:
    out = tmp_path / "vad"
    pack(source, out, manifest, speech)
    pack(source, out, {**manifest, "version": "2.0.0"}, speech[:16_000])
    assert Bundle(out).manifest.version == "2.0.0"


def test_what_cannot_be_packed_leaves_the_old_bundle_and_nothing_else(
    source: Path, manifest: dict[str, object], speech: FloatArray, tmp_path: Path
) -> None:
    out = tmp_path / "models" / "vad"
    pack(source, out, manifest, speech)
    (source / "vad.onnx").write_bytes(b"no network")
    with pytest.raises(EarletError, match=r"vad\.onnx: expected an ONNX model"):
        pack(source, out, manifest, speech)
    assert [path.name for path in out.parent.iterdir()] == ["vad"]
    assert [stage.passed for stage in verify(out)] == [True] * 5


def test_a_manifest_with_an_unknown_key_is_refused(
    source: Path, manifest: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="did you mean 'source'"):
        pack(source, tmp_path / "vad", {**manifest, "sauce": "x"}, np.zeros(512, dtype=np.float32))
    assert not (tmp_path / "vad").exists()
