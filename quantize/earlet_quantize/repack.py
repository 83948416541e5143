"""The same bundle with other networks: everything else is taken over, and proved anew."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from earlet import verify
from earlet.bundle import Bundle
from earlet_quantize.pack import pack
from earlet_quantize.staging import scratch_folder


def repack(
    bundle: Bundle,
    out: Path,
    networks: Mapping[str, bytes],
    *,
    extra: Path | None = None,
    manifest: Mapping[str, object] | None = None,
    network_tolerance: float,
) -> None:
    """Write the bundle `out`, with the golden example of `bundle`.

    Args:
        bundle: the one to begin with.
        out: a folder; a bundle that stands there is replaced.
        networks: content by role; all that `bundle` has.
        extra: a folder of further files; one that the bundle has already is replaced.
        manifest: what bundle.yaml is to say besides, or instead.
        network_tolerance: as for `pack`.

    Raises:
        EarletError: as `pack`.
    """
    old = bundle.manifest
    replaced = {name: role for role, name in old.model.networks.items()}
    contents = {
        name: bundle.read_bytes(name)
        for name in old.files
        if name not in replaced and name != old.golden.file
    }
    names = {role: _int8_name(name) for name, role in replaced.items()}
    contents |= {names[role]: data for role, data in networks.items()}
    document: dict[str, object] = {
        **bundle.document,
        "model": {**dict(bundle.document["model"]), **names},  # type: ignore[call-overload]
        **(manifest or {}),
    }
    del document["files"], document["golden"]
    with scratch_folder() as folder:
        for name, data in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if extra is not None:
            shutil.copytree(extra, folder, dirs_exist_ok=True)
        pack(
            folder,
            out,
            document,
            verify.read_golden(bundle).example,
            features_tolerance=old.golden.features_tolerance,
            network_tolerance=network_tolerance,
        )


def _int8_name(name: str) -> str:
    """encoder.onnx -> encoder.int8.onnx"""
    path = Path(name)
    stem = path.stem.removesuffix(".float")
    return path.with_name(f"{stem}.int8{path.suffix}").as_posix()
