"""Written beside, then renamed: nothing half written ever has its final name."""

import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from earlet.bundle import MANIFEST, UNREADABLE
from earlet.errors import EarletError
from earlet_quantize.errors import QuantizeError


@contextmanager
def staged(out: Path, *, replace: bool) -> Iterator[Path]:
    """A path beside `out`, of the same name, for the block to write a file or a folder to.

    When the block ends, what it wrote becomes `out`. When it raises, or is interrupted, or the disk
    is full, what it wrote is removed, and what stood at `out` stays.

    Args:
        out: the final place; its folder is made when there is none.
        replace: as of `check_place`.

    Raises:
        QuantizeError: when `out` is taken, or cannot be written.
    """
    try:
        check_place(out, replace=replace)
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=out.parent, prefix=f".{out.name}-", ignore_cleanup_errors=True
        ) as scratch:
            path = Path(scratch) / out.name
            yield path
            _move(path, out, Path(scratch) / "replaced")
    except EarletError:  # some are OSErrors, too
        raise
    except OSError as problem:
        reason = problem.strerror or problem
        raise QuantizeError(f"{out}: cannot be written: {reason}; nothing is kept") from None


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for what is on its way to somewhere else; it is removed when the block ends.

    Raises:
        QuantizeError: when it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except EarletError:  # some are OSErrors, too
        raise
    except OSError as problem:
        raise QuantizeError(
            f"{tempfile.gettempdir()}: cannot be written: {problem.strerror or problem}; "
            "TMPDIR=FOLDER takes another folder"
        ) from None


def check_place(out: Path, *, replace: bool) -> None:
    """Raise QuantizeError when `staged` would, so that it is told before long work.

    `replace` lets a bundle that stands there be replaced; anything else never is.
    """
    if out.name in ("", ".."):
        raise QuantizeError(f"{out}: expected the name of something new")
    if not os.path.lexists(out):
        return
    if not _is_bundle(out):
        raise QuantizeError(f"{out}: is there already, and no bundle: choose another name")
    if not replace:
        raise QuantizeError(f"{out}: is there already; --force replaces it")


def _is_bundle(path: Path) -> bool:
    if not path.is_file():
        return (path / MANIFEST).is_file()
    try:
        with zipfile.ZipFile(path) as archive:
            return MANIFEST in archive.namelist()
    except UNREADABLE:
        return False


def _move(path: Path, out: Path, replaced: Path) -> None:
    if not os.path.lexists(out):
        path.rename(out)
        return
    out.rename(replaced)
    try:
        path.rename(out)
    except BaseException:
        replaced.rename(out)
        raise
