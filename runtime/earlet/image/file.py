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
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from earlet.arrays import AnyArray, ByteArray
from earlet.errors import InputError
from earlet.files import HEAD_BYTES, foreign_format, kind_of, name_of, read_data_url, read_plain

MAX_PIXELS = 50_000_000  # cameras give 8 to 50 million; decoding takes 8 bytes for each, WebP 16
MAX_SIDE = 65_535  # pixels: JPEG's own limit
STRIP = 1 << 15  # pixels that are copied at a time: larger pieces of memory cost twice the time
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


class PictureTooLargeError(InputError):
    """A picture of more pixels, or bytes, than are taken."""


class _Silence:
    """Warnings stay unsaid, in all threads, while any of them is inside.

    Of two overlapping `catch_warnings` the one that ends last would put back what the other had
    set, and warnings would stay unsaid for good.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._before = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._n_inside += 1
            if self._n_inside == 1:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                warnings.simplefilter("ignore")

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._before.__exit__(None, None, None)


_silence = _Silence()


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
        InputError: when it is none of these, damaged, or too large (PictureTooLargeError).
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
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] != 3):
        raise InputError(
            f"{name}: expected (height, width, 3) or (height, width), got {array.shape}"
        )
    _check_size(name, array.shape[1], array.shape[0])
    return np.repeat(array[:, :, None], 3, axis=2) if array.ndim == 2 else array


def _check_size(name: str, width: int, height: int) -> None:
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and width * height <= MAX_PIXELS):
        error = PictureTooLargeError if width and height else InputError
        raise error(
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
    with _silence:
        try:
            yield Image
        except InputError:
            raise
        except MemoryError:
            raise InputError(f"{name}: too large for the memory that is left, or damaged") from None
        except Image.DecompressionBombError:
            raise PictureTooLargeError(
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
    from PIL import ExifTags, ImageOps

    _check_size(name, *image.size)
    image.load()  # some formats have the orientation at their end
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:  # for all others it is a copy
        image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F"):
        raise InputError(f"{name}: pixels of 32 bits have no known white; expected 8 or 16")
    if image.mode.startswith("I;16"):
        return as_image((np.asarray(image) >> 8).astype(np.uint8))
    return _rgb(image)


def _rgb(image: Any) -> ByteArray:
    """The pixels of a decoded picture, strip by strip: Pillow would make two more copies of all."""
    width, height = image.size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    n_rows = max(STRIP // width, 1)
    for top in range(0, height, n_rows):
        bottom = min(top + n_rows, height)
        pixels[top:bottom] = image.crop((0, top, width, bottom)).convert("RGB")
    return pixels


def _encoded(source: str | os.PathLike[str] | bytes | Any) -> tuple[str, bytes]:
    """A name for messages, and the content of the file."""
    name = "the picture"
    source = read_data_url(source, name, InputError)
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, str | os.PathLike):
        name = os.fsdecode(source)
        data = read_plain(name, MAX_BYTES + 1, "a picture", InputError)
    else:
        name = name_of(source, name, InputError)
        data = _rest_of(source, name)
    if not data:
        raise InputError(f"{name}: is empty; expected a picture")
    if len(data) > MAX_BYTES:
        raise PictureTooLargeError(
            f"{name}: larger than {MAX_BYTES // 1_000_000} MB; expected a picture"
        )
    if kind_of(data[:HEAD_BYTES]) == "sound":
        raise InputError(f"{name}: is a sound file; expected a picture")
    if found := foreign_format(data[:HEAD_BYTES]):
        raise InputError(f"{name}: is {found}; expected a picture ({', '.join(FORMATS).lower()})")
    return name, data


def _rest_of(file: Any, name: str) -> bytes:
    """What is left of a file object, and no more of it than tells that it is too much."""
    data = io.BytesIO()
    try:
        # Sockets and the like give a piece at a time.
        while data.tell() <= MAX_BYTES and (piece := file.read(MAX_BYTES + 1 - data.tell())):
            data.write(piece)
    except (OSError, TypeError, ValueError) as problem:
        raise InputError(f"{name}: cannot be read: {problem}") from None
    if not data.tell():
        raise InputError(f"{name}: nothing is left to read; expected a picture")
    return data.getvalue()
