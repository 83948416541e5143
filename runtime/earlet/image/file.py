"""Pictures to arrays: the only module that imports Pillow, and only when a picture is decoded.

    path, data URL, bytes, file object or PIL image -> header -> first frame -> upright -> RGB
        -> (height, width, 3) uint8

As in transformers, the EXIF orientation is applied and transparency is left out. Unlike there, grey
of 16 bits keeps its upper 8, as colour of 16 bits does: Pillow would make nearly all of it white.
A damaged picture is refused, and a large one before there is memory taken for it.
"""

import io
import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from earlet.arrays import AnyArray, ByteArray
from earlet.errors import InputError
from earlet.files import HEAD_BYTES, kind_of, read_data_url, read_plain

MAX_PIXELS = 50_000_000  # cameras give 8 to 50 million; decoding takes about 10 bytes for each
MAX_SIDE = 65_535  # pixels: JPEG's own limit
MAX_BYTES = 4 * MAX_PIXELS  # of a picture's file: what the largest takes without compression
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # none that runs another program
SUFFIXES = (  # what is looked for in folders
    *(".apng", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff"),
    ".webp",
)
# What Pillow's decoders raise for damaged pictures.
_DAMAGED = (
    EOFError,
    IndexError,
    KeyError,
    OSError,
    OverflowError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)


class PillowImage(Protocol):
    """A `PIL.Image.Image`, told by what it has: naming the class would import Pillow."""

    @property
    def mode(self) -> str:
        """What its pixels are: "RGB", "L" ..."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""


Source = str | os.PathLike[str] | bytes | BinaryIO | PillowImage | AnyArray


def load(source: Source) -> ByteArray:
    """A picture as (height, width, 3) uint8 RGB.

    Args:
        source: a path, a data URL, the bytes of a picture's file, a binary file object, a PIL
            image, or an array of uint8: (height, width, 3), or (height, width) of grey.

    Raises:
        InputError: when it is none of these, damaged, or too large.
    """
    if isinstance(source, np.ndarray):
        return as_image(source)
    if isinstance(source, str | os.PathLike | bytes) or hasattr(source, "read"):
        name, data = _encoded(source)
        with _decoding(name) as pillow:
            # Pillow imports all its formats, ghostscript's among them, for one it does not know.
            from PIL import TiffImagePlugin, WebPImagePlugin  # noqa: F401

            return _pixels(pillow.open(io.BytesIO(data), formats=FORMATS), name)
    name = "the picture"
    with _decoding(name) as pillow:
        if isinstance(source, pillow.Image):
            return _pixels(source, name)
    raise InputError(
        "expected a path, a data URL, the bytes of a picture, a file object, a PIL image or an "
        f"array of pixels, got {type(source).__name__}"
    )


def as_image(pixels: npt.ArrayLike, name: str = "the image") -> ByteArray:
    """Pixels as (height, width, 3) uint8 RGB; (height, width) is read as grey.

    Raises:
        InputError: for another type or shape, and for sides that no picture has.
    """
    array = np.asarray(pixels)
    if array.dtype != np.uint8:
        raise InputError(f"{name}: expected pixels of uint8, 0..255, got {array.dtype}")
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3:
        raise InputError(
            f"{name}: expected (height, width, 3) or (height, width), got {array.shape}"
        )
    _check_size(name, array.shape[1], array.shape[0])
    return array


def _check_size(name: str, width: int, height: int) -> None:
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise InputError(
            f"{name}: {width} x {height} pixels; expected at least 1 x 1, and at most {MAX_SIDE} "
            f"a side and {MAX_PIXELS // 1_000_000} million in all"
        )


@contextmanager
def _decoding(name: str) -> Iterator[Any]:
    """Pillow's `Image`; what it raises becomes InputError, and what it warns of stays unsaid."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as problem:
        raise InputError(f"{name}: needs pillow ({problem}): pip install 'earlet[image]'") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield Image
        except InputError:
            raise
        except Image.DecompressionBombError:
            raise InputError(
                f"{name}: too large; expected at most {MAX_PIXELS // 1_000_000} million pixels"
            ) from None
        except UnidentifiedImageError:
            formats = ", ".join(FORMATS).lower()
            raise InputError(
                f"{name}: not a picture that can be read ({formats}), or damaged"
            ) from None
        except _DAMAGED as problem:
            raise InputError(f"{name}: damaged: {problem}") from None


def _pixels(image: Any, name: str) -> ByteArray:
    """The first frame of a PIL image, upright; decoded here, after its size was looked at."""
    from PIL import ImageOps

    _check_size(name, *image.size)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F"):
        raise InputError(f"{name}: pixels of 32 bits have no known white; expected 8 or 16")
    if image.mode.startswith("I;16"):
        return as_image((np.asarray(image) >> 8).astype(np.uint8))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _encoded(source: str | os.PathLike[str] | bytes | Any) -> tuple[str, bytes]:
    """A name for messages, and the content of the file."""
    name = "the picture"
    content = read_data_url(source, name, InputError) if isinstance(source, str) else None
    if content is not None:
        source = content
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, str | os.PathLike):
        name, data = str(source), read_plain(source, MAX_BYTES + 1, "a picture", InputError)
    else:
        name = str(getattr(source, "name", name))
        try:
            data = source.read(MAX_BYTES + 1)
        except (OSError, ValueError) as problem:
            raise InputError(f"{name}: cannot be read: {problem}") from None
        if not isinstance(data, bytes):
            raise InputError(f"{name}: opened as text; expected a file object in binary mode")
    if not data:
        raise InputError(f"{name}: is empty; expected a picture")
    if len(data) > MAX_BYTES:
        raise InputError(f"{name}: larger than {MAX_BYTES // 1_000_000} MB; expected a picture")
    if kind_of(data[:HEAD_BYTES]) == "sound":
        raise InputError(f"{name}: is a sound file; expected a picture")
    return name, data
