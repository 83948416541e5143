"""Model folders of `tests/golden/huggingface`, and copies of them that a test may break."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from earlet.arrays import AnyArray
from earlet_quantize import pack
from earlet_quantize.huggingface import Imported, import_folder


@pytest.fixture(scope="session")
def folders(golden: Path) -> Path:
    """Where the folders are; tests/recipes/tiny_folders made them."""
    return golden / "huggingface"


@pytest.fixture
def copy(folders: Path, tmp_path: Path) -> Callable[[str], Path]:
    """`copy("bert")`: a folder that may be changed."""

    def copy(family: str) -> Path:
        return Path(shutil.copytree(folders / family, tmp_path / family))

    return copy


@pytest.fixture(scope="session")
def edit() -> Callable[..., None]:
    """`edit(file, key=value)` sets keys of a JSON file; the value `...` removes one."""

    def edit(file: Path, **changes: object) -> None:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        values |= {key: value for key, value in changes.items() if value is not ...}
        kept = {key: value for key, value in values.items() if changes.get(key) is not ...}
        file.write_text(json.dumps(kept), encoding="utf-8")

    return edit


@pytest.fixture(scope="session")
def read() -> Callable[[Path], Imported]:
    """Import with all that these folders do not say."""

    def read(folder: Path) -> Imported:
        return import_folder(
            folder, name="tiny", license="MIT", attribution="nobody", source="random numbers"
        )

    return read


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packing without its child process, which takes a second."""

    def run(
        work: Callable[[Mapping[str, AnyArray]], dict[str, AnyArray]],
        arrays: Mapping[str, AnyArray],
        *,
        name: str,
    ) -> dict[str, AnyArray]:
        assert name
        return work(arrays)

    monkeypatch.setattr(pack, "run_bounded", run)
