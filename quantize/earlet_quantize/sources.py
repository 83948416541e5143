"""Published packages as a source of weights: fetched by their package manager, checked by hash.

    archive = fetch_wheel("silero-vad==6.2.3", cache, "silero_vad-6.2.3-py3-none-any.whl")
    weights = read_member(archive, "silero_vad/data/silero_vad.onnx", sha256="...")

Nothing is unpacked to disk, and an archive that is in the cache already is not fetched again.
"""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

from earlet_quantize.errors import SourceError

FETCH_S = 1_800.0  # seconds; half an hour is enough for the largest package on a slow line


def fetch_wheel(requirement: str, cache: Path, archive: str) -> Path:
    """Fetch a Python package with pip, without its dependencies; returns the path of `archive`.

    Args:
        requirement: name and version, "silero-vad==6.2.3".
        cache: a folder, made when it does not exist.
        archive: the wheel's file name.

    Raises:
        SourceError: when pip fails, or leaves no file of that name.
    """
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    return _fetch([*pip, "--dest", str(cache), requirement], cache / archive)


def fetch_npm(package: str, cache: Path, archive: str) -> Path:
    """Fetch a JavaScript package with npm; `package` is name and version, "@owner/name@1.0.0".

    Raises:
        SourceError: when npm is missing or fails, or leaves no file of that name.
    """
    npm = shutil.which("npm")
    if npm is None and not (cache / archive).exists():
        raise SourceError(
            f"npm is needed to fetch {package}: install it, or put {archive} in {cache}"
        )
    return _fetch(
        [npm or "npm", "pack", package, "--pack-destination", str(cache)], cache / archive
    )


def _fetch(command: list[str], archive: Path) -> Path:
    if archive.exists():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    try:
        result = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=FETCH_S
        )
    except subprocess.TimeoutExpired:
        raise SourceError(f"{' '.join(command)}: not done within {FETCH_S:g} s") from None
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise SourceError(f"{' '.join(command)}: exit code {result.returncode}: {reason}")
    if not archive.exists():
        raise SourceError(f"{' '.join(command)}: expected it to write {archive}")
    return archive


def read_member(archive: Path, name: str, *, sha256: str) -> bytes:
    """Read one file of a wheel (zip) or of an npm package (tar.gz).

    Raises:
        SourceError: when the archive is damaged or has no such file, or the file's SHA-256 is
            another.
    """
    content = _read(archive, name)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise SourceError(f"{archive.name}: {name}: expected SHA-256 {sha256}, got {found}")
    return content


def _read(archive: Path, name: str) -> bytes:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                return zipped.read(name)
        with tarfile.open(archive) as tar:
            member = tar.extractfile(name)
            if member is not None:
                return member.read()
    except KeyError:
        pass
    except (EOFError, OSError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as problem:
        raise SourceError(
            f"{archive}: damaged ({problem}); remove it, and it is fetched anew"
        ) from None
    raise SourceError(f"{archive.name}: has no file {name}")
