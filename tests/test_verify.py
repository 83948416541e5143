"""`earlet verify`: passes as it is, and names the stage where anything was changed."""

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from earlet.bundle import MANIFEST, Bundle
from earlet.errors import BundleNotFoundError
from earlet.verify import Stage, verify

MODELS = Path(__file__).parents[1] / "models"
NAMES = [
    "commands-en",
    "efficientnet-lite0",
    "moonshine-tiny-en",
    "sentiment-en",
    "vad",
    "yamnet",
]
Alter = Callable[..., Path]  # tests/conftest.py
STAGES = ["files", "manifest", "features", "network", "result"]


def copy(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODELS / name, tmp_path / name))


def failed(folder: Path) -> list[str]:
    return [stage.name for stage in verify(folder) if not stage.passed]


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_that_ships_passes_every_stage(name: str) -> None:
    assert [(stage.name, stage.passed) for stage in verify(MODELS / name)] == [
        (name, True) for name in STAGES
    ]


@pytest.mark.parametrize("name", NAMES)
def test_one_changed_byte_of_any_file_fails_the_files_stage(name: str, tmp_path: Path) -> None:
    folder = copy(name, tmp_path)
    for file in Bundle(folder).manifest.files:
        original = (folder / file).read_bytes()
        changed = bytearray(original)
        changed[len(changed) // 2] ^= 1
        (folder / file).write_bytes(changed)
        (stage,) = [stage for stage in verify(folder) if not stage.passed]
        assert stage.name == "files"
        assert file in stage.detail
        (folder / file).write_bytes(original)
    assert failed(folder) == []


def leaves(node: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from leaves(value, (*path, i))
    else:
        yield path


def changed(value: object) -> object:
    """Another value of the same type, near enough to be plausible."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 1.01 + 0.001
    return f"{value}x"


@pytest.mark.parametrize("name", NAMES)
def test_one_changed_constant_of_the_manifest_fails_a_named_stage(
    name: str, tmp_path: Path
) -> None:
    folder = copy(name, tmp_path)
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    constants = list(leaves(yaml.safe_load(text)))
    assert len(constants) > 20
    for path in constants:
        document = yaml.safe_load(text)
        node = document
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = changed(node[path[-1]])
        (folder / MANIFEST).write_text(yaml.safe_dump(document), encoding="utf-8")
        # The first failure settles it; what comes after would run the network for each constant.
        first = next((stage for stage in verify(folder) if not stage.passed), None)
        assert first is not None, f"{path} was changed and nothing noticed"
        assert first.name in ("files", "manifest"), path


def test_a_constant_that_was_changed_is_named_with_both_values(tmp_path: Path) -> None:
    folder = copy("vad", tmp_path)
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    document["streaming"]["threshold"] = 0.75
    (folder / MANIFEST).write_text(yaml.safe_dump(document), encoding="utf-8")
    (stage,) = [stage for stage in verify(folder) if stage.name == "manifest"]
    assert not stage.passed
    assert "streaming.threshold is 0.75, and was 0.5" in stage.detail


def stored(name: str) -> dict[str, np.ndarray]:
    with np.load(MODELS / name / "golden.npz") as archive:
        return dict(archive)


def npz(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize("stage", ["features", "network"])
def test_a_stage_that_gives_other_numbers_is_named_with_the_difference(
    stage: str, altered: Alter
) -> None:
    arrays = stored("vad")
    arrays[stage].flat[7] += 0.5
    folder = altered(MODELS / "vad", {"golden.npz": npz(arrays)})
    (found,) = [found for found in verify(folder) if not found.passed]
    assert found == Stage(stage, False, found.detail)
    assert "largest difference 0.5" in found.detail


def test_not_a_number_never_passes(altered: Alter) -> None:
    arrays = stored("vad")
    arrays["network"].flat[3] = np.nan
    assert failed(altered(MODELS / "vad", {"golden.npz": npz(arrays)})) == ["network"]


def test_another_answer_fails_the_result_stage(altered: Alter) -> None:
    arrays = {**stored("vad"), "result": np.array("[]")}
    assert failed(altered(MODELS / "vad", {"golden.npz": npz(arrays)})) == ["result"]


def without(arrays: dict[str, np.ndarray], name: str, member: bytes | None = None) -> bytes:
    """A golden file with another member, as it is, in the place of an array; None: with none."""
    buffer = io.BytesIO(npz({key: array for key, array in arrays.items() if key != name}))
    if member is not None:
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(f"{name}.npy", member)
    return buffer.getvalue()


def header(shape: str) -> bytes:
    """An array that claims a shape, and has no numbers."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def compressed(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda arrays: npz(arrays)[:1_000],
        lambda arrays: npz({**arrays, "result": np.array("not JSON")}),
        lambda arrays: npz({**arrays, "result": np.array("[" * 100_000)}),
        lambda arrays: npz({**arrays, "features": np.array(["1"])}),
        lambda arrays: npz({**arrays, "features": np.zeros(3, dtype=[("a", "f4")])}),
        lambda arrays: npz({**arrays, "network": np.zeros(211, dtype=np.complex64)}),
        lambda arrays: without(arrays, "manifest"),
        lambda arrays: without(arrays, "waveform"),  # what a golden file of a picture lacks
        lambda arrays: without(arrays, "features", b"no array"),
        lambda arrays: without(arrays, "features", header("(1000000000000000,)")),
        lambda arrays: without(arrays, "features", header("(-1,)")),
        lambda arrays: without(arrays, "features", header("(")),
        compressed,
    ],
)
def test_a_golden_file_that_is_none_is_told(
    altered: Alter, spoil: Callable[[dict[str, np.ndarray]], bytes]
) -> None:
    (stage,) = verify(altered(MODELS / "vad", {"golden.npz": spoil(stored("vad"))}))
    assert (stage.name, stage.passed) == ("files", False)
    assert "golden.npz: not a golden file: " in stage.detail


def test_a_bundle_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFoundError):
        list(verify(tmp_path / "nowhere" / "at-all"))
