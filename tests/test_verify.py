"""`earlet verify`: passes as it is, and names the stage where anything was changed."""

import hashlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from earlet.bundle import MANIFEST, Bundle
from earlet.errors import BundleNotFoundError
from earlet.verify import Stage, verify

MODELS = Path(__file__).parents[1] / "models"
NAMES = ["commands-en", "moonshine-tiny-en", "vad"]
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


def stored(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "golden.npz") as archive:
        return dict(archive)


def with_golden(folder: Path, **arrays: object) -> None:
    """Replace arrays of the golden file, and make the manifest fit the new file."""
    bundle = Bundle(folder)
    golden = {**stored(folder), **arrays}
    buffer = io.BytesIO()
    np.savez(buffer, **golden)  # type: ignore[arg-type]
    (folder / bundle.manifest.golden.file).write_bytes(buffer.getvalue())
    document = yaml.safe_load((folder / MANIFEST).read_text(encoding="utf-8"))
    document["files"][bundle.manifest.golden.file] = {
        "bytes": len(buffer.getvalue()),
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
    }
    (folder / MANIFEST).write_text(yaml.safe_dump(document), encoding="utf-8")


@pytest.mark.parametrize("stage", ["features", "network"])
def test_a_stage_that_gives_other_numbers_is_named_with_the_difference(
    stage: str, tmp_path: Path
) -> None:
    folder = copy("vad", tmp_path)
    array = stored(folder)[stage]
    array.flat[7] += 0.5
    with_golden(folder, **{stage: array})
    (found,) = [found for found in verify(folder) if not found.passed]
    assert found == Stage(stage, False, found.detail)
    assert "largest difference 0.5" in found.detail


def test_not_a_number_never_passes(tmp_path: Path) -> None:
    folder = copy("vad", tmp_path)
    array = stored(folder)["network"]
    array.flat[3] = np.nan
    with_golden(folder, network=array)
    assert failed(folder) == ["network"]


def test_another_answer_fails_the_result_stage(tmp_path: Path) -> None:
    folder = copy("vad", tmp_path)
    with_golden(folder, result=np.array("[]"))
    assert failed(folder) == ["result"]


def test_a_golden_file_that_is_none_is_told(tmp_path: Path) -> None:
    folder = copy("vad", tmp_path)
    with_golden(folder, result=np.array("not JSON"))
    (stage,) = [stage for stage in verify(folder) if not stage.passed]
    assert stage.name == "files"
    assert "golden.npz: not a golden file" in stage.detail


def test_a_bundle_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BundleNotFoundError):
        list(verify(tmp_path / "nowhere" / "at-all"))
