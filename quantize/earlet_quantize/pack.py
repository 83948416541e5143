"""Packing: files and a manifest become a bundle that can prove itself.

    source folder + manifest + one example -> files listed with their SHA-256
        -> the example's trace through every stage -> golden.npz -> bundle.yaml -> verified

The bundle is put together beside its place and renamed when `earlet verify` passes, so that
nothing half written ever has its name. The network may be a stranger's: it runs for the first time
in a process of its own.
"""

import hashlib
import io
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from earlet import tasks, verify
from earlet.arrays import AnyArray
from earlet.bundle import MANIFEST, Bundle
from earlet.errors import BundleError
from earlet.tasks.trace import Example, from_golden, to_golden
from earlet_quantize.bounded import run_bounded
from earlet_quantize.errors import ModelFileError
from earlet_quantize.staging import staged

GOLDEN = "golden.npz"


def pack(
    source: Path,
    out: Path,
    manifest: Mapping[str, object],
    example: Example,
    *,
    features_tolerance: float = 1e-4,
    network_tolerance: float = 1e-3,
) -> None:
    """Make the bundle `out` of all files of `source` and a manifest.

    Args:
        source: a folder of just the bundle's files; a bundle.yaml and golden.npz of a previous
            packing are replaced.
        out: the bundle's folder; a bundle that stands there is replaced.
        manifest: what bundle.yaml is to say, but `files` and `golden`.
        example: the golden input, see `earlet/tasks/trace.py`; a waveform is kept as int16.
        features_tolerance: largest absolute difference that `earlet verify` accepts.
        network_tolerance: the same for the network's outputs.

    Raises:
        BundleError: when the bundle cannot be opened, or does not verify.
        ModelFileError: when a network cannot be run, crashes, or does not come to an end.
        QuantizeError: when `out` cannot be written.
    """
    kept = to_golden(example)
    document = {
        **manifest,
        "golden": {
            "file": GOLDEN,
            "features_tolerance": features_tolerance,
            "network_tolerance": network_tolerance,
        },
    }
    with staged(out, replace=True) as folder:
        _copy(source, folder)
        _write(folder, document, kept)
        Bundle(folder)  # a manifest that is not what it must be is told before anything runs
        arrays = {"bundle": np.array(str(folder)), **kept}
        try:
            trace = run_bounded(_trace, arrays, name=str(out))
        except ModelFileError as problem:  # the folder will be gone when it is read
            raise ModelFileError(str(problem).replace(str(folder), str(out))) from None
        constants = np.array(verify.constants(document))
        _write(folder, document, {**kept, "manifest": constants, **trace})
        for stage in verify.verify(folder):
            if not stage.passed:
                raise BundleError(f"{out}: does not verify: {stage.name}: {stage.detail}")


def _copy(source: Path, folder: Path) -> None:
    """The contents alone: a folder for its owner only must not make a bundle for its owner only."""
    folder.mkdir()
    for path in _files(source):
        copy = folder / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _trace(arrays: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """What the golden file is to expect."""
    bundle = Bundle(str(arrays["bundle"]))
    trace = tasks.trace_bundle(bundle, from_golden(arrays, bundle.manifest.task))
    return {
        "features": trace.features,
        "network": trace.network,
        "result": np.array(json.dumps(trace.result)),
    }


def _write(folder: Path, document: Mapping[str, object], golden: Mapping[str, Any]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **golden)
    (folder / GOLDEN).write_bytes(buffer.getvalue())
    files = {}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if name != MANIFEST:
            data = path.read_bytes()
            files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    text = yaml.safe_dump(
        {**document, "files": files}, sort_keys=False, width=100, allow_unicode=True
    )
    (folder / MANIFEST).write_text(text, encoding="utf-8")
