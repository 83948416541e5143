"""Packing: a bundle that verifies, the same bytes each time, and nothing half written."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from onnx import TensorProto, helper

from earlet.arrays import FloatArray
from earlet.bundle import MANIFEST, Bundle
from earlet.errors import BundleError, EarletError
from earlet.verify import verify
from earlet_quantize.bounded import run_bounded
from earlet_quantize.errors import ModelFileError, QuantizeError
from earlet_quantize.graph import GraphBuilder, save
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


def test_files_in_subfolders_are_packed_and_modes_are_not(
    source: Path, manifest: dict[str, object], speech: FloatArray, tmp_path: Path
) -> None:
    (source / "texts" / "law").mkdir(parents=True)
    (source / "LICENSE").rename(source / "texts" / "law" / "LICENSE")
    source.chmod(0o700)  # as temporary folders have it
    pack(source, tmp_path / "vad", manifest, speech)
    assert "texts/law/LICENSE" in Bundle(tmp_path / "vad").manifest.files
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "vad").stat().st_mode == (tmp_path / "plain").stat().st_mode


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


@pytest.mark.parametrize("replaces", [False, True])
@pytest.mark.parametrize("free", [0, 10_000])
def test_a_full_disk_leaves_the_old_bundle_or_none(
    source: Path,
    manifest: dict[str, object],
    speech: FloatArray,
    full_disk: Callable[[int], AbstractContextManager[None]],
    tmp_path: Path,
    free: int,
    replaces: bool,
) -> None:
    out = tmp_path / "models" / "vad"
    if replaces:
        pack(source, out, manifest, speech)
    with full_disk(free), pytest.raises(QuantizeError, match=r"models/vad: cannot be written: "):
        pack(source, out, manifest, speech)
    assert [path.name for path in out.parent.iterdir()] == ["vad"] * replaces
    if replaces:
        assert [stage.passed for stage in verify(out)] == [True] * 5


def test_a_manifest_with_an_unknown_key_is_refused(
    source: Path, manifest: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="did you mean 'source'"):
        pack(source, tmp_path / "vad", {**manifest, "sauce": "x"}, np.zeros(512, dtype=np.float32))
    assert not (tmp_path / "vad").exists()


def test_a_network_that_never_ends_is_refused_within_the_deadline(
    source: Path,
    manifest: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["p"], ["q"])],
        "body",
        [
            helper.make_tensor_value_info("trip", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("p", TensorProto.FLOAT, [1, 1]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("q", TensorProto.FLOAT, [1, 1]),
        ],
    )
    graph = GraphBuilder("endless")
    waveform = graph.input("waveform", np.float32, ["n_windows", 576])
    state = graph.input("state", np.float32, [2, 1, 128])
    mean = graph.node("ReduceMean", waveform, graph.integers(1))
    loop = graph.node("Loop", "", graph.constant(np.array(True)), mean, body=body)
    graph.output("probability", loop, np.float32, [1, 1])
    graph.output("next_state", graph.node("Identity", state), np.float32, [2, 1, 128])
    save(graph.model(), source / "vad.onnx")
    monkeypatch.setattr("earlet_quantize.pack.run_bounded", partial(run_bounded, seconds=1))
    with pytest.raises(ModelFileError, match="models/vad: did not come to an end within 1 s"):
        pack(source, tmp_path / "models" / "vad", manifest, np.zeros(5_120, np.float32))
    assert list((tmp_path / "models").iterdir()) == []


def test_a_network_that_asks_for_too_much_is_told_by_the_name_that_it_was_to_have(
    source: Path, manifest: dict[str, object], tmp_path: Path
) -> None:
    graph = GraphBuilder("greedy")
    waveform = graph.input("waveform", np.float32, ["n_windows", 576])
    state = graph.input("state", np.float32, [2, 1, 128])
    huge = graph.node("ConstantOfShape", graph.integers(2**20, 2**20))
    mean = graph.node("ReduceMean", waveform, graph.integers(1))
    graph.output("probability", graph.node("Add", mean, huge), np.float32, ["a", "b"])
    graph.output("next_state", graph.node("Identity", state), np.float32, [2, 1, 128])
    save(graph.model(), source / "vad.onnx")
    with pytest.raises(ModelFileError, match=r"/models/vad/vad\.onnx: ") as raised:
        pack(source, tmp_path / "models" / "vad", manifest, np.zeros(5_120, np.float32))
    assert "/.vad-" not in str(raised.value)
