"""A bundle as one `.zip` and as a folder; the same bundle always gives the same bytes.

bundle -> checked -> .zip: members in the order of their names, stored, with one date and one mode
bundle -> checked -> folder
"""

import stat
import zipfile
from pathlib import Path

from earlet.bundle import MANIFEST, Bundle
from earlet.errors import BundleError
from earlet_quantize.staging import staged

DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a .zip can hold
MODE = stat.S_IFREG | 0o644
UNIX = 3  # the system whose modes these are


def to_zip(bundle: Bundle, out: Path, *, replace: bool = False) -> None:
    """Write a bundle as a `.zip`; the size and the SHA-256 of every file are checked on the way.

    Raises:
        BundleError: when a file is not what the manifest says.
        QuantizeError: when `out` is taken, or cannot be written.
    """
    with staged(out, replace=replace) as path, zipfile.ZipFile(path, "w") as archive:
        for name in sorted([MANIFEST, *bundle.manifest.files]):
            member = zipfile.ZipInfo(name, DATE)
            member.create_system = UNIX
            member.external_attr = MODE << 16
            archive.writestr(member, _content(bundle, name))


def to_folder(bundle: Bundle, out: Path, *, replace: bool = False) -> None:
    """The same as a folder."""
    _check_total(bundle)
    with staged(out, replace=replace) as folder:
        for name in [MANIFEST, *bundle.manifest.files]:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_content(bundle, name))


def _content(bundle: Bundle, name: str) -> bytes:
    return bundle.text.encode() if name == MANIFEST else bundle.read_bytes(name)


def _check_total(bundle: Bundle) -> None:
    """Members of a `.zip` that lie over each other could make much of little."""
    total = sum(entry.bytes for entry in bundle.manifest.files.values())
    if bundle.path.is_file() and total > (size := bundle.path.stat().st_size):
        raise BundleError(f"{bundle.path}: {size} bytes, and its files are said to have {total}")
