"""Files that somebody gave, by a path or as a data URL, and what is in them by their first bytes.

Plain files are read, within a limit; all else is refused. A pipe or a device may never end, and
opening one may wait for ever. An address is no path: nothing is downloaded. What is written here is
written whole.
"""

import base64
import errno
import io
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar

from earlet.errors import EarletError

T = TypeVar("T")

HEAD_BYTES = 64  # of a file, that `kind_of` looks at
MAX_PATH = 4_096  # characters; Linux's PATH_MAX is as many bytes
SHOWN = 60  # characters of what is longer than that
PARTIAL = ".earlet-{}.partial"  # a file that is being written
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)  # a scheme as in RFC 3986
_DATA_URL = re.compile(r"data:([^,]{0,200}),", re.IGNORECASE)  # RFC 2397
_SPACE = str.maketrans("", "", " \t\r\n")  # in base64: programs break its lines
# How files of each kind begin; "." is any byte.
_SOUND = re.compile(
    rb"R(IFF|F64)....WAVE|riff\x2e\x91\xcf\x11|fLaC|OggS\0|ID3[\2-\4]|FORM....AIF[FC]|\.snd\0|caff\0",
    re.DOTALL,
)
_MP3 = re.compile(rb"\xff[\xe2-\xe5\xf2-\xf5\xfa-\xfd][^\xff]")  # a frame of layer 2 or 3
_PICTURE = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|BM....\0{4}|II\*\0|MM\0\*|RIFF....WEBP", re.DOTALL
)
# What telephones and browsers make, and nothing here reads; the first that matches.
# https://mimesniff.spec.whatwg.org/#matching-an-audio-or-video-type-pattern
_FOREIGN = {
    "WebM or Matroska": re.compile(rb"\x1aE\xdf\xa3"),
    "HEIC or AVIF": re.compile(rb"....ftyp(hei|mif1|msf1|avi[fs])", re.DOTALL),
    "MP4 or M4A": re.compile(rb"....ftyp", re.DOTALL),
    "AAC": re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"),  # in ADTS frames
}


def read_plain(
    path: str | os.PathLike[str], limit: int, expected: str, error: type[EarletError]
) -> bytes:
    """The first bytes of a plain file, at most `limit`; `expected` names it in messages ("text").

    Whether there is more, one byte above what is allowed tells.

    Raises:
        error: when it is not there, no plain file, cannot be read, or is an address.
    """
    given = os.fsdecode(path)
    if not given:  # which pathlib takes for the current folder
        raise error(f"expected the path of {expected}, got an empty one")
    if len(given) >= MAX_PATH:
        raise error(
            f"expected the path of {expected}, got {len(given)} characters, {given[:SHOWN]!r} ...; "
            'base64 is taken as a data URL: "data:;base64,..."'
        )
    if _ADDRESS.match(given):
        raise error(f"{given}: earlet does not download; fetch it first and give its path")
    path = Path(given)
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            # Linux's /proc/kmsg calls itself a plain file, and waits like a pipe.
            with open(path, "rb", opener=_without_waiting) as file:
                if (content := file.read(limit)) is not None:
                    return content
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from None
    except ValueError as problem:  # a NUL in the path, or half of a pair of surrogates
        raise error(f"{path}: cannot be read: {problem}") from None
    kind = "a directory" if stat.S_ISDIR(mode) else "a pipe or a device"
    raise error(f"{path}: is {kind}; expected {expected}")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def write_whole(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Give a file this content, all of it or none: written beside it, flushed, renamed.

    A process that is killed meanwhile leaves a file named as `PARTIAL` says.

    Raises:
        OSError: when it cannot be written, or a device, a pipe or a folder stands there, which is
            not replaced; what stood there still does.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "expected a plain file")
    partial = path.with_name(PARTIAL.format(os.urandom(8).hex()))
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with os.fdopen(os.open(partial, flags, mode), "wb") as file:
            file.write(data)
            file.flush()
            # A power cut after the rename must not leave an empty file of that name.
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def name_of(file: object, otherwise: str, error: type[EarletError]) -> str:
    """What messages call a file object: its path where it has one.

    Raises:
        error: when it is open as text.
    """
    name = getattr(file, "name", None)  # a number where a descriptor was opened
    name = os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else otherwise
    if isinstance(file, io.TextIOBase):
        raise error(f"{name}: opened as text; expected a file object in binary mode")
    return name


def read_data_url(source: T, name: str, error: type[EarletError]) -> T | bytes:
    """The content of "data:audio/wav;base64,UklGR..."; what is no data URL comes back as it is.

    The media type is not looked at: what the content is, its first bytes say.

    Raises:
        error: when its content is not in base64; `name` is what messages call it.
    """
    if not isinstance(source, str) or not (found := _DATA_URL.match(source)):
        return source
    if not found[1].lower().endswith(";base64"):
        raise error(f"{name}: expected a data URL in base64, got data:{found[1]},")
    return decode_base64(source[found.end() :], f"{name}: its data URL", error)


def decode_base64(text: str, name: str, error: type[EarletError]) -> bytes:
    """The bytes that `text` stands for; its lines may be broken.

    Raises:
        error: when it is not in base64; `name` is what messages call it.
    """
    try:
        return base64.b64decode(text.translate(_SPACE), validate=True)
    except ValueError:
        raise error(f"{name} is not in base64, or was cut off") from None


def kind_of(head: bytes) -> Literal["sound", "picture"] | None:
    """What a file of a usual format holds, told by its first `HEAD_BYTES`; None for all others."""
    if _PICTURE.match(head):
        return "picture"
    if _SOUND.match(head) or _MP3.match(head):
        return "sound"
    return None


def foreign_format(head: bytes) -> str | None:
    """What a file of a format is called that many have and nothing here reads; None for others."""
    return next((name for name, begins in _FOREIGN.items() if begins.match(head)), None)
