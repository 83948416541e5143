"""Packing: files and a manifest become a bundle that can prove itself.

    source folder + manifest + one waveform -> files listed with their SHA-256
        -> the waveform's trace through every stage -> golden.npz -> bundle.yaml -> verified

The bundle is put together beside its place and renamed when `earlet verify` passes, so that
nothing half written ever has its name.
"""

import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from earlet import verify
from earlet.arrays import AnyArray, FloatArray, as_waveform
from earlet.bundle import MANIFEST, Bundle
from earlet.errors import BundleError
from earlet.tasks import open_bundle

GOLDEN = "golden.npz"
INT16_FULL_SCALE = 32768


def pack(
    source: Path,
    out: Path,
    manifest: Mapping[str, object],
    waveform: FloatArray,
    *,
    features_tolerance: float = 1e-4,
    network_tolerance: float = 1e-3,
) -> None:
    """Make the bundle `out` of all files of `source` and a manifest.

    Args:
        source: a folder of just the bundle's files; a bundle.yaml and golden.npz of a previous
            packing are replaced.
        out: the bundle's folder; what stands there is replaced.
        manifest: what bundle.yaml is to say, but `files` and `golden`.
        waveform: the golden input, (n_samples,) at the input's sample rate; kept as int16.
        features_tolerance: largest absolute difference that `earlet verify` accepts.
        network_tolerance: the same for the network's outputs.

    Raises:
        BundleError: when the bundle cannot be opened, or does not verify.
    """
    samples = np.clip(np.rint(waveform * INT16_FULL_SCALE), -32768, 32767).astype(np.int16)
    document = {
        **manifest,
        "golden": {
            "file": GOLDEN,
            "features_tolerance": features_tolerance,
            "network_tolerance": network_tolerance,
        },
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        # Named like the bundle, for that is what messages show.
        staged = Path(scratch) / out.name
        shutil.copytree(source, staged)
        empty = {"waveform": samples}
        _write(staged, document, empty)
        trace = open_bundle(Bundle(staged)).trace(as_waveform(samples))
        golden = {
            "waveform": samples,
            "manifest": np.array(verify.constants(document)),
            "features": trace.features,
            "network": trace.network,
            "result": np.array(json.dumps(trace.result)),
        }
        _write(staged, document, golden)
        for stage in verify.verify(staged):
            if not stage.passed:
                raise BundleError(f"{out}: does not verify: {stage.name}: {stage.detail}")
        if out.exists():
            out.rename(Path(scratch) / "replaced")
        staged.rename(out)


def _write(folder: Path, document: Mapping[str, object], golden: Mapping[str, AnyArray]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **golden)  # type: ignore[arg-type]
    (folder / GOLDEN).write_bytes(buffer.getvalue())
    files = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if name != MANIFEST:
            data = path.read_bytes()
            files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    text = yaml.safe_dump(
        {**document, "files": files}, sort_keys=False, width=100, allow_unicode=True
    )
    (folder / MANIFEST).write_text(text, encoding="utf-8")
