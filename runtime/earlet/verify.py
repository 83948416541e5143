"""Does a bundle give, on this very device, the answers that it gave where it was made?

The golden file holds one example and what each stage made of it. Stage by stage:

    files     every file has the size and SHA-256 of the manifest
    manifest  every constant is what it was when the golden file was made
    features  the front end's output, largest absolute difference
    network   the network's output, largest absolute difference
    result    the answer itself, equal
"""

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import NamedTuple
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np

from earlet import bundle as bundles
from earlet import tasks
from earlet.arrays import AnyArray, FloatArray
from earlet.bundle import Bundle
from earlet.errors import BundleError, BundleNotFoundError, EarletError, ManifestError
from earlet.tasks.trace import Example, Trace, from_golden

# What zipfile, NumPy and json raise for files that are damaged, or made to do damage.
_DAMAGED = (
    BadZipFile,
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TokenError,
    TypeError,
    ValueError,
)
_ABSENT = object()  # a key that one of two manifests does not have


class Stage(NamedTuple):
    """The outcome of one stage."""

    name: str
    passed: bool
    detail: str


def verify(bundle: str | Path) -> Iterator[Stage]:
    """Run the stages in order; what a failed stage makes impossible is left out.

    Raises:
        BundleNotFoundError: when there is no such bundle. All else is told as a failed stage.
    """
    path = bundles.find(bundle)
    try:
        opened = Bundle(path)
        for name in opened.manifest.files:
            opened.read_bytes(name)
        golden = read_golden(opened)
    except BundleNotFoundError:
        raise
    except ManifestError as problem:
        yield Stage("manifest", False, str(problem))
        return
    except BundleError as problem:
        yield Stage("files", False, str(problem))
        return
    size = sum(entry.bytes for entry in opened.manifest.files.values())
    yield Stage("files", True, f"{len(opened.manifest.files)} files, {size / 1e6:.1f} MB")
    try:
        yield _manifest(opened, golden.manifest)
        trace = tasks.trace_bundle(opened, golden.example)
    except EarletError as problem:
        yield Stage("network", False, str(problem))
        return
    expected, tolerances = golden.trace, opened.manifest.golden
    yield _close("features", trace.features, expected.features, tolerances.features_tolerance)
    yield _close("network", trace.network, expected.network, tolerances.network_tolerance)
    shown, same = json.dumps(trace.result), trace.result == expected.result
    detail = shown if same else f"{shown}, expected {json.dumps(expected.result)}"
    yield Stage("result", same, detail)


class GoldenFile(NamedTuple):
    """What the golden file holds."""

    example: Example
    manifest: object  # plain JSON
    trace: Trace


def read_golden(bundle: Bundle) -> GoldenFile:
    """Read the golden file.

    Raises:
        BundleError: when it is no .npz of the arrays that verification needs.
    """
    name = bundle.manifest.golden.file
    data = bundle.read_bytes(name)
    try:
        with ZipFile(io.BytesIO(data)) as members:
            if any(member.compress_type != ZIP_STORED for member in members.infolist()):
                raise ValueError("its arrays are compressed; expected them stored")
        with np.load(io.BytesIO(data)) as archive:
            return GoldenFile(
                from_golden(archive, bundle.manifest.task),
                json.loads(str(archive["manifest"])),
                Trace(
                    _numbers(archive["features"]),
                    _numbers(archive["network"]),
                    json.loads(str(archive["result"])),
                ),
            )
    except _DAMAGED as problem:
        reason = str(problem) or type(problem).__name__
        raise BundleError(f"{bundle.path}/{name}: not a golden file: {reason}") from None


def constants(document: Mapping[str, object]) -> str:
    """The manifest but its `files` as JSON: what must not change once the golden file is made."""
    return json.dumps({key: value for key, value in document.items() if key != "files"})


def _numbers(array: AnyArray) -> FloatArray:
    # NumPy gives the bytes of a member that is no array.
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ValueError("expected arrays of numbers")
    return array.astype(np.float32)


def _manifest(bundle: Bundle, then: object) -> Stage:
    now = json.loads(constants(bundle.document))
    for key, found, expected in _differences(now, then, ""):
        was = "absent" if expected is _ABSENT else repr(expected)
        is_ = "absent" if found is _ABSENT else repr(found)
        return Stage("manifest", False, f"{key} is {is_}, and was {was} when the bundle was made")
    return Stage("manifest", True, f"{bundle.manifest.name} {bundle.manifest.version}")


def _differences(now: object, then: object, key: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(now, dict) and isinstance(then, dict):
        for name in [*then, *(name for name in now if name not in then)]:
            below = f"{key}.{name}" if key else name
            yield from _differences(now.get(name, _ABSENT), then.get(name, _ABSENT), below)
    elif now != then or type(now) is not type(then):
        yield key, now, then


def _close(name: str, found: FloatArray, expected: FloatArray, tolerance: float) -> Stage:
    if found.shape != expected.shape:
        return Stage(name, False, f"shape {found.shape}, expected {expected.shape}")
    difference = float(np.abs(found - expected).max(initial=0.0))
    detail = f"largest difference {difference:.2g}, tolerance {tolerance:g}"
    # Written so that a difference of nan fails.
    return Stage(name, difference <= tolerance, detail)
