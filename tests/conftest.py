"""Sounds, reference data and bundles that many tests use."""

import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import soundfile
import yaml
from hypothesis import settings

from earlet.arrays import FloatArray

ROOT = Path(__file__).parents[1]

# The same examples in every run, and none that fails because the machine was busy.
settings.register_profile("earlet", derandomize=True, deadline=None)
settings.load_profile("earlet")
# Where every example takes twenty times as long: pytest --hypothesis-profile=emulated
settings.register_profile("emulated", derandomize=True, deadline=None, max_examples=5)


@pytest.fixture(scope="session")
def golden() -> Path:
    """Stored expectations; tests/golden/README.md says whose."""
    return ROOT / "tests" / "golden"


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Recordings with what is said in them; tests/recordings/README.md."""
    return ROOT / "tests" / "recordings"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets that is not part of the repository."""
    path = Path(os.environ.get("EARLET_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"needs the public data sets in {path}; EARLET_DATA names another place")
    return path


@pytest.fixture(scope="session")
def speech(golden: Path) -> FloatArray:
    """5.9 s of read speech at 16 kHz, -1..1; read-only."""
    waveform: FloatArray
    waveform, _ = soundfile.read(golden / "whisper" / "1272-128104-0000.wav", dtype="float32")
    waveform.flags.writeable = False
    return waveform


@pytest.fixture
def altered(tmp_path: Path) -> Callable[..., Path]:
    """`altered(bundle, {"labels.txt": data}, input=section)`: a copy of a bundle with other files
    and sections, for which its manifest vouches."""

    def altered(bundle: Path, files: Mapping[str, bytes], **sections: object) -> Path:
        folder = Path(shutil.copytree(bundle, tmp_path / bundle.name, dirs_exist_ok=True))
        manifest = folder / "bundle.yaml"
        document = {**yaml.safe_load(manifest.read_text(encoding="utf-8")), **sections}
        for name, data in files.items():
            (folder / name).write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            document["files"][name] = {"bytes": len(data), "sha256": digest}
        manifest.write_text(yaml.safe_dump(document), encoding="utf-8")
        return folder

    return altered


@pytest.fixture(scope="session")
def litert() -> None:
    """One of the two packages that hold LiteRT."""
    if not any(importlib.util.find_spec(name) for name in ("ai_edge_litert", "tflite_runtime")):
        pytest.skip("needs ai-edge-litert, which is not made for every platform")


@pytest.fixture
def no_portaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which sounddevice is installed and PortAudio is not."""

    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
