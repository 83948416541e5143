"""Pictures in files against Pillow as transformers uses it, and against pixels that are known."""

import base64
import io
import os
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile
from transformers.image_utils import load_image

import earlet.image.file
from earlet.arrays import ByteArray
from earlet.errors import InputError
from earlet.image.file import Source, load

HEIGHT, WIDTH = 24, 32
PHOTOGRAPH = Path(__file__).parents[1] / "golden" / "huggingface" / "photo.png"


@pytest.fixture
def pixels() -> ByteArray:
    """A picture of which no turn and no mirror image is itself."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([x * 8, y * 10, 255 - 4 * (x + y)], axis=-1).astype(np.uint8)


def encoded(image: Any, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png(width: int, height: int, data: bytes = b"", depth: int = 8, colour: int = 2) -> bytes:
    """A PNG whose header says so; colour 2 is RGB, 4 grey with alpha, 6 RGB with alpha."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)),
        (b"IDAT", zlib.compress(data)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.mark.parametrize("form", ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_format_gives_the_pixels_that_transformers_reads(
    pixels: ByteArray, form: str, mode: str
) -> None:
    image = Image.fromarray(pixels).convert(mode)
    if mode in {"JPEG": ("LA", "P", "RGBA"), "BMP": ("LA",)}.get(form, ()):
        image = image.convert("RGB")
    data = encoded(image, form)
    loaded = load(data)
    assert loaded.dtype == np.uint8
    np.testing.assert_array_equal(loaded, np.asarray(load_image(Image.open(io.BytesIO(data)))))


def test_a_progressive_jpeg_is_read_as_transformers_reads_it(pixels: ByteArray) -> None:
    data = encoded(Image.fromarray(pixels), "JPEG", progressive=True)
    image: Any = Image.open(io.BytesIO(data))
    assert image.info["progressive"]
    np.testing.assert_array_equal(load(data), np.asarray(load_image(image)))


def test_what_is_lossless_comes_back(pixels: ByteArray) -> None:
    image = Image.fromarray(pixels)
    for form, options in [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]:
        np.testing.assert_array_equal(load(encoded(image, form, **options)), pixels, form)


def test_all_ways_to_hand_a_picture_in_are_the_same(pixels: ByteArray, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(Image.fromarray(pixels), "PNG"))
    with path.open("rb") as file:
        sources: list[Source] = [
            path,
            str(path),
            path.read_bytes(),
            f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}",
            file,
            Image.fromarray(pixels),
            pixels,
        ]
        for source in sources:
            np.testing.assert_array_equal(load(source), pixels)
    np.testing.assert_array_equal(load(Image.open(path)), pixels)


@pytest.mark.parametrize(
    ("orientation", "upright"),  # Exif 2.3, tag 274: where row 0 and column 0 of the file belong
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.swapaxes(0, 1)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].swapaxes(0, 1)),
        (8, lambda a: np.rot90(a)),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_a_camera_held_sideways_gives_an_upright_picture(
    pixels: ByteArray, orientation: int, upright: Any, form: str
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(Image.fromarray(pixels), form, exif=exif, **options)
    np.testing.assert_array_equal(load(data), upright(pixels))
    np.testing.assert_array_equal(load(Image.open(io.BytesIO(data))), upright(pixels))


def test_transparency_is_left_out(pixels: ByteArray) -> None:
    alpha = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH, 1).astype(np.uint8)
    rgba = Image.fromarray(np.concatenate([pixels, alpha], axis=-1))
    np.testing.assert_array_equal(load(encoded(rgba, "PNG")), pixels)
    palette = Image.fromarray(pixels).quantize(16)
    data = encoded(palette, "PNG", transparency=bytes(range(0, 256, 17)))
    np.testing.assert_array_equal(load(data), np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_grey_of_16_bits_keeps_its_upper_8(form: str) -> None:
    grey = np.random.default_rng(0).integers(0, 65_536, (HEIGHT, WIDTH), dtype=np.uint16)
    loaded = load(encoded(Image.fromarray(grey), form))
    np.testing.assert_array_equal(loaded, np.repeat(grey[:, :, None] >> 8, 3, axis=2))


@pytest.mark.parametrize(("colour", "n_channels"), [(2, 3), (4, 2), (6, 4)])
def test_colour_of_16_bits_keeps_its_upper_8(colour: int, n_channels: int) -> None:
    shape = HEIGHT, WIDTH, n_channels
    deep = np.random.default_rng(0).integers(0, 65_536, shape, dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)  # filter 0: none
    loaded = load(png(WIDTH, HEIGHT, rows, depth=16, colour=colour))
    opaque = deep[:, :, : 1 if n_channels == 2 else 3] >> 8
    np.testing.assert_array_equal(loaded, np.broadcast_to(opaque, (HEIGHT, WIDTH, 3)))


def test_cmyk_is_read_as_transformers_reads_it(pixels: ByteArray) -> None:
    for form in ("JPEG", "TIFF"):
        data = encoded(Image.fromarray(pixels).convert("CMYK"), form)
        expected = load_image(Image.open(io.BytesIO(data)))
        np.testing.assert_array_equal(load(data), np.asarray(expected))


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(form: str) -> None:
    grey = [Image.fromarray(np.full((9, 9), level, dtype=np.uint8)) for level in (10, 200)]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(grey[0], form, save_all=True, append_images=grey[1:], **options)
    assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 2
    np.testing.assert_array_equal(load(data), np.full((9, 9, 3), 10))


def test_an_array_of_two_dimensions_is_grey() -> None:
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(load(grey), np.stack([grey] * 3, axis=-1))


def refused(source: Any) -> str:
    with pytest.raises(InputError) as caught:
        load(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "the picture: is empty"),
        (
            b"<!doctype html><title>404</title>",
            "the picture: not a picture that can be read (bmp, ",
        ),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture that can be read"),
        ("https://example.org/cat.png", "earlet does not download"),
        ("no/such/picture.png", "no/such/picture.png: cannot be read: No such file"),
        ("nul\0.png", "embedded null"),
        (Path(), ".: is a directory; expected a picture"),
        (Path(os.devnull), "is a pipe or a device; expected a picture"),
        (io.StringIO("text"), "the picture: opened as text; expected a file object in binary mode"),
        (3.5, "expected a path, a data URL, the bytes of a picture, a file object, a PIL image or"),
        ("data:image/png;base64,iVBO*", "the picture: its data URL is not in base64"),
        ("data:image/png;base64,", "the picture: is empty; expected a picture"),
        (b"RIFF\0\0\0\0WAVEfmt ", "the picture: is a sound file; expected a picture"),
        (np.zeros((2, 2, 3)), "the image: expected pixels of uint8, 0..255, got float64"),
        (np.full((2, 2, 3), np.nan, np.float32), "expected pixels of uint8, 0..255, got float32"),
        (np.zeros((2, 2, 4), np.uint8), "expected (height, width, 3) or (height, width), got"),
        (np.zeros((3, 8, 8), np.uint8), "expected (height, width, 3) or (height, width), got"),
        (np.zeros((0, 8, 3), np.uint8), "the image: 8 x 0 pixels; expected at least 1 x 1"),
        (np.zeros((1, 65_536), np.uint8), "65536 x 1 pixels; expected at least 1 x 1, and at most"),
        (Image.new("I", (2, 2)), "the picture: pixels of 32 bits have no known white"),
        (Image.new("F", (2, 2)), "the picture: pixels of 32 bits have no known white"),
        (Image.new("La", (2, 2)), "the picture: damaged: conversion from La"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(source: Any, message: str) -> None:
    assert message in refused(source)


@pytest.mark.parametrize(
    ("width", "height"),
    [(100_000, 100_000), (60_000, 60_000), (12_000, 12_000), (9_500, 9_500), (65_536, 1)],
)
def test_a_picture_is_too_large_before_it_is_decoded(
    width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    assert "expected at" in refused(png(width, height))
    bomb = Image.new("1", (8_000, 8_000))
    with pytest.raises(AssertionError, match="decoded"):
        load(png(7_000, 7_000))
    assert "8000 x 8000 pixels" in refused(bomb)


def patched(data: bytes, layout: str, at: int, *values: int) -> bytes:
    """The same with other numbers somewhere."""
    changed = bytearray(data)
    struct.pack_into(layout, changed, at, *values)
    return bytes(changed)


def test_whatever_the_format_its_header_is_enough(
    pixels: ByteArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    image = Image.fromarray(pixels)
    bmp, gif, jpeg, tiff = (encoded(image, form) for form in ("BMP", "GIF", "JPEG", "TIFF"))
    webp = encoded(image, "WEBP", lossless=True)
    frame = jpeg.index(b"\xff\xc0")  # SOF0: length, bits, height, width
    stream = webp.index(b"VP8L") + 9  # width - 1 and height - 1, 14 bits each
    tag = tiff.index(struct.pack("<HHI", 256, 4, 1)) + 8  # the width, a LONG; then the height's
    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    for bomb in (
        patched(bmp, "<ii", 18, 9_500, 9_500),
        patched(gif, "<HH", 6, 9_500, 9_500),
        patched(jpeg, ">HH", frame + 5, 9_500, 9_500),
        patched(patched(tiff, "<I", tag, 9_500), "<I", tag + 12, 9_500),
        patched(webp, "<I", stream, 9_499 | 9_499 << 14),
    ):
        assert "9500 x 9500 pixels; expected at" in refused(bomb)


@pytest.mark.parametrize(("width", "height"), [(0, 0), (0, 7), (7, 0)])
def test_a_picture_without_pixels_is_refused(width: int, height: int) -> None:
    assert "damaged" in refused(png(width, height))


@pytest.mark.parametrize("form", ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"])
def test_a_truncated_file_is_refused_wherever_it_ends(pixels: ByteArray, form: str) -> None:
    data = encoded(Image.fromarray(pixels), form)
    for end in range(1, len(data) // 2, 7):
        refused(data[:end])


def test_a_photograph_is_whole_or_refused() -> None:
    photograph = Image.open(PHOTOGRAPH).convert("RGB")
    for options in ({}, {"progressive": True}):
        data = encoded(photograph, "JPEG", **options)
        load(data)
        for end in range(1, len(data), 13):
            refused(data[:end])


def test_the_malformed_pictures_are_refused(shared_data: Path) -> None:
    paths = [path for ext in ("png", "jpg") for path in (shared_data / "bad").glob(f"*.{ext}")]
    assert len(paths) >= 7
    for path in paths:
        assert refused(path).startswith(f"{path}: ")


def test_a_file_is_read_no_further_than_is_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earlet.image.file, "MAX_BYTES", 1_000)
    file = io.BytesIO(bytes(5_000))
    assert "the picture: larger than" in refused(file)
    assert file.tell() == 1_001


class Pieces(io.BytesIO):
    """Gives a little at a time, like a socket."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(100 if size is None or size < 0 else min(size, 100))


def test_a_file_object_may_give_its_bytes_in_pieces(
    pixels: ByteArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Pieces(encoded(Image.fromarray(pixels), "BMP"))
    np.testing.assert_array_equal(load(file), pixels)
    assert "the picture: nothing is left to read; expected a picture" in refused(file)
    monkeypatch.setattr(earlet.image.file, "MAX_BYTES", 250)
    file = Pieces(bytes(5_000))
    assert "the picture: larger than" in refused(file)
    assert file.tell() == 251


def test_grey_pixels_are_not_made_colour_before_their_number_is_looked_at() -> None:
    tracemalloc.start()
    assert "60000 x 60000 pixels" in refused(np.broadcast_to(np.uint8(9), (60_000, 60_000)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK"])
def test_of_a_large_picture_no_second_copy_of_the_pixels_is_held(mode: str) -> None:
    data = encoded(Image.new(mode, (1_000, 3_000)), "TIFF")
    load(data)  # what is imported is not counted
    tracemalloc.start()
    pixels = load(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * pixels.nbytes


@pytest.mark.parametrize(
    ("height", "width"), [(40_000, 1), (1, 40_000), (327, 100), (328, 100), (3, 33_000)]
)
def test_no_row_is_lost_between_strips(height: int, width: int) -> None:
    noise = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    np.testing.assert_array_equal(load(encoded(Image.fromarray(noise), "PNG")), noise)


def test_where_memory_does_not_suffice_it_is_told(
    pixels: ByteArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object) -> None:
        raise MemoryError

    data = encoded(Image.fromarray(pixels), "PNG")
    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    assert refused(data) == "the picture: too large for the memory that is left, or damaged"


def test_two_threads_that_decode_at_once_leave_warnings_as_they_were() -> None:
    before = list(warnings.filters)
    one, other = (earlet.image.file._decoding("the picture") for _ in range(2))
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    warnings.warn("of Pillow", stacklevel=1)  # which pytest would make an error
    other.__exit__(None, None, None)
    assert list(warnings.filters) == before
    with pytest.raises(UserWarning):
        warnings.warn("of somebody else", stacklevel=1)


def test_without_pillow_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "pip install 'earlet[image]'" in refused(b"picture")
    np.testing.assert_array_equal(load(np.ones((1, 1, 3), dtype=np.uint8)), np.ones((1, 1, 3)))


def test_pillow_comes_late_and_without_the_formats_that_run_programs() -> None:
    script = """
import sys
import earlet.image.file
early = "PIL" in sys.modules
try:
    earlet.image.file.load(b"%!PS-Adobe-3.0 EPSF-3.0")
except earlet.InputError:
    print(early, "PIL.PngImagePlugin" in sys.modules, "PIL.EpsImagePlugin" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True", "False"]
