"""Files by a path that somebody gave: plain ones are read, within a limit; all else is refused.

A pipe or a device may never end, and opening one may wait for ever. An address is no path: nothing
is downloaded.
"""

import os
import re
import stat
from pathlib import Path

from earlet.errors import EarletError

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)  # a scheme as in RFC 3986


def read_plain(
    path: str | os.PathLike[str], limit: int, expected: str, error: type[EarletError]
) -> bytes:
    """The first bytes of a plain file, at most `limit`; `expected` names it in messages ("text").

    Whether there is more, one byte above what is allowed tells.

    Raises:
        error: when it is not there, no plain file, cannot be read, or is an address.
    """
    given = os.fspath(path)
    if not given:  # which pathlib takes for the current folder
        raise error(f"expected the path of {expected}, got an empty one")
    if _ADDRESS.match(given):
        raise error(f"{given}: earlet does not download; fetch it first and give its path")
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
