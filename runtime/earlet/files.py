"""Files by a path that somebody gave: plain ones are read, within a limit; all else is refused.

A pipe or a device may never end, and opening one may wait for ever. An address is no path: nothing
is downloaded.
"""

import os
import stat
from pathlib import Path

from earlet.errors import EarletError, InputError


def read_plain(
    path: str | os.PathLike[str], limit: int, expected: str, error: type[EarletError]
) -> bytes:
    """The first bytes of a plain file, at most `limit`; `expected` names it in messages ("text").

    Whether there is more, one byte above what is allowed tells.

    Raises:
        error: when it is not there, no plain file, or cannot be read.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            with path.open("rb") as file:
                return file.read(limit)
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from None
    except ValueError as problem:  # a NUL in the path
        raise error(f"{path}: cannot be read: {problem}") from None
    kind = "a directory" if stat.S_ISDIR(mode) else "a pipe or a device"
    raise error(f"{path}: is {kind}; expected {expected}")


def refuse_address(source: object) -> None:
    """Raise InputError for what is an address and no path."""
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        raise InputError(f"{source}: earlet does not download; fetch it first and give its path")
