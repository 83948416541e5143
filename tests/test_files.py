"""Data URLs against urllib, and what files are by their first bytes against who writes them."""

import base64
import io
import os
import re
import stat
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from earlet.audio.file import AudioFile
from earlet.errors import AudioFileError, InputError
from earlet.files import (
    HEAD_BYTES,
    foreign_format,
    kind_of,
    name_of,
    read_data_url,
    read_plain,
    write_whole,
)
from earlet.image import file as image

SOUNDS = ["AIFF", "AU", "CAF", "FLAC", "MP3", "OGG", "RF64", "W64", "WAV", "WAVEX"]
PICTURES = ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"]


def data_url(content: bytes, media_type: str = "audio/wav") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


@given(st.binary(max_size=300), st.sampled_from(["", "audio/wav", "text/plain;charset=utf-8"]))
def test_a_data_url_holds_what_urllib_finds_in_it(content: bytes, media_type: str) -> None:
    url = data_url(content, media_type)
    with urllib.request.urlopen(url) as answer:  # noqa: S310, nothing leaves the machine
        expected = answer.read()
    assert read_data_url(url, "it", InputError) == expected


def test_base64_may_be_broken_into_lines() -> None:
    content = bytes(range(256))
    url = f"data:audio/wav;base64,{base64.encodebytes(content).decode()}"
    assert read_data_url(url, "it", InputError) == content


@pytest.mark.parametrize("text", ["clip.wav", "", "data", "data.wav", "/data:x,y", "database,x"])
def test_a_path_is_no_data_url(text: str) -> None:
    assert read_data_url(text, "it", InputError) is text


@pytest.mark.parametrize("content", ["UklGR", "Ukl*Rg==", "Ukläßg==", "Ukl=GRg=", "UklGRg==U"])
def test_what_is_not_base64_is_refused(content: str) -> None:
    with pytest.raises(InputError, match=r"^it: its data URL is not in base64, or was cut off$"):
        read_data_url(f"data:audio/wav;base64,{content}", "it", InputError)


def test_a_data_url_of_percent_signs_is_refused() -> None:
    with pytest.raises(InputError, match=r"^it: expected a data URL in base64, got data:text/x,$"):
        read_data_url("data:text/x,a%20b", "it", InputError)


def test_base64_given_as_a_path_is_told_so_and_not_printed_whole() -> None:
    content = base64.b64encode(bytes(9_000)).decode()
    with pytest.raises(
        InputError, match=r"got 12000 characters, 'AAAA.* is taken as a data URL"
    ) as it:
        read_plain(content, 64, "a sound file", InputError)
    assert len(str(it.value)) < 300


@pytest.mark.parametrize("path", ["\ud800.wav", "\0", "ä" * 4_000])
def test_what_can_be_no_path_is_told_so_in_one_line(path: str) -> None:
    with pytest.raises(InputError, match=r": cannot be read: ") as it:
        read_plain(path, 64, "a sound file", InputError)
    assert str(it.value).isprintable()


def test_what_is_no_plain_file_is_never_replaced_by_one(tmp_path: Path) -> None:
    """As /dev/null, where root names it."""
    pipe, link, folder = (tmp_path / name for name in ("pipe", "link", "folder"))
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    folder.mkdir()
    for path in (pipe, link, folder):
        with pytest.raises(OSError, match=r"expected a plain file|Is a directory"):
            write_whole(path, b"x")
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == sorted([pipe, link, folder])


def test_a_path_may_be_made_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "clip.wav").write_bytes(b"RIFF")
    with os.scandir(os.fsencode(tmp_path)) as entries:
        (entry,) = entries
    found: Any = entry
    assert read_plain(found, 64, "a sound file", InputError) == b"RIFF"


def test_nobody_waits_for_a_file_that_only_calls_itself_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As /proc/kmsg does, which not everybody may read: a pipe stands in for it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setattr("stat.S_ISREG", stat.S_ISFIFO)
    writer = os.open(path, os.O_RDWR)
    with ThreadPoolExecutor() as pool:
        read = pool.submit(read_plain, path, 64, "a text", InputError)
        try:
            with pytest.raises(InputError, match=r"is a pipe or a device; expected a text$"):
                read.result(timeout=9)
        finally:
            os.close(writer)  # which ends a wait, too


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.wav", "a.wav"), (b"a.wav", "a.wav"), (Path("a.wav"), "a.wav"), (4, "it"), (None, "it")],
)
def test_a_file_object_is_called_by_its_path_where_it_has_one(name: object, expected: str) -> None:
    file = io.BytesIO()
    assert name_of(file, "it", InputError) == "it"
    named: Any = type("Named", (io.BytesIO,), {"name": name})()
    assert name_of(named, "it", InputError) == expected


def test_a_file_object_that_is_open_as_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(b"\x89PNG")  # which as text cannot even be read
    message = f"^{re.escape(str(path))}: opened as text; expected a file object in binary mode$"
    with path.open(encoding="utf-8") as file, pytest.raises(InputError, match=message):
        name_of(file, "it", InputError)


@pytest.mark.parametrize("form", SOUNDS)
def test_what_libsndfile_writes_in_every_usual_format_is_a_sound(form: str) -> None:
    buffer = io.BytesIO()
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000)
    soundfile.write(buffer, samples, 16_000, format=form)
    assert kind_of(buffer.getvalue()[:HEAD_BYTES]) == "sound"


@pytest.mark.parametrize("form", PICTURES)
def test_every_format_that_pillow_writes_is_a_picture(form: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10)).save(buffer, form)
    assert kind_of(buffer.getvalue()[:HEAD_BYTES]) == "picture"


@pytest.mark.parametrize(
    "head",
    [b"", b"R", b"BMW makes cars.", b"ID3 tags.", b"\xff\xfeT\x00", b"{}", b"RIFF\0\0\0\0AVI "],
)
def test_anything_else_is_neither(head: bytes) -> None:
    assert kind_of(head) is None
    assert foreign_format(head) is None


# https://mimesniff.spec.whatwg.org, and brands of ISO 14496-12 as https://mp4ra.org lists them.
@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01", "WebM or Matroska"),
        (b"\0\0\0\x20ftypisom\0\0\2\0", "MP4 or M4A"),
        (b"\0\0\0\x1cftypM4A \0\0\0\0", "MP4 or M4A"),
        (b"\0\0\0\x24ftypheic\0\0\0\0", "HEIC or AVIF"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "HEIC or AVIF"),
        (b"\xff\xf1\x50\x80\x2e\x7f\xfc", "AAC"),
    ],
)
def test_a_format_that_nothing_reads_has_its_name(head: bytes, found: str) -> None:
    assert kind_of(head) is None
    assert foreign_format(head) == found
    with pytest.raises(AudioFileError, match=f"is {found}; expected a sound file"):
        AudioFile(head, 16_000)
    with pytest.raises(InputError, match=f"is {found}; expected a picture"):
        image.load(head)
