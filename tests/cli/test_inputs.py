"""Which arguments are files, which are texts, and which task gets them."""

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from earlet.cli.inputs import MAX_BYTES, MAX_CHARS, SUFFIXES, Input, plan
from earlet.errors import InputError
from earlet.image.file import FORMATS
from earlet.manifest import Task
from earlet.tokenizers import tokenizer

Run = Callable[..., subprocess.CompletedProcess[str]]
Imported = Callable[[str], Path]
SOUND: Task = "audio-classification"
PICTURE: Task = "image-classification"
TEXT: Task = "text-classification"


def only(argument: str, task: Task | None = None) -> Input:
    (found,), problems = plan([argument], task)
    assert problems == []
    return found


@pytest.mark.parametrize(
    "text",
    [
        "good",
        "What a lovely day!",
        "He or she, and/or they: 10/10 would watch again.",
        "see https://example.com for more",
        "-",
        "日本語",
        "x" * 100_000,
        "read.me",
    ],
)
def test_what_no_file_is_called_by_is_a_text(text: str) -> None:
    assert only(text) == Input(text, TEXT, "pipe" if text == "-" else "text")


@pytest.mark.parametrize(
    ("path", "task"),
    [
        ("nowhere.wav", SOUND),
        ("a b.FLAC", SOUND),
        ("nowhere.jpeg", PICTURE),
        ("https://example.com/cat.png", PICTURE),
        ("my notes.txt", TEXT),
    ],
)
def test_what_ends_like_a_file_is_one_whether_it_is_there_or_not(path: str, task: Task) -> None:
    assert only(path) == Input(path, task, "file")


@pytest.mark.parametrize(
    "path", ["photos/cat", "/nowhere to be found", "./x y", "../x y", "and/or"]
)
def test_what_looks_like_a_path_and_leads_nowhere_is_told(path: str) -> None:
    inputs, problems = plan([path, "good"], None)
    assert [item.name for item in inputs] == ["good"]
    assert problems == [f"{Path(path)}: cannot be read: No such file or directory"]


def test_a_file_without_a_telling_suffix_is_looked_into(golden: Path, tmp_path: Path) -> None:
    for name, source in {
        "sound": golden / "kaldi" / "test.wav",
        "picture.of cat": golden / "huggingface" / "photo.png",
        "text": golden / "README.md",
    }.items():
        (tmp_path / name).write_bytes(source.read_bytes())
    tasks = [only(str(path)).task for path in sorted(tmp_path.iterdir())]
    assert tasks == [PICTURE, SOUND, TEXT]


def test_a_file_that_is_there_is_read_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("What a day!").write_text("A dull one.", encoding="utf-8")
    found = only("What a day!")
    assert (found.source, found.content()) == ("file", "A dull one.")


def test_where_the_task_is_known_every_argument_is_its_file_but_texts_are_texts() -> None:
    assert only("good", PICTURE) == Input("good", PICTURE, "file")
    assert only("x.wav", PICTURE) == Input("x.wav", PICTURE, "file")
    assert only("good", TEXT) == Input("good", TEXT, "text")
    assert only("x.wav", TEXT) == Input("x.wav", TEXT, "file")


@pytest.mark.parametrize("argument", ["", " \t\n"])
def test_an_argument_without_a_word_is_refused(argument: str) -> None:
    with pytest.raises(InputError, match="expected paths and texts, got an empty one"):
        plan(["good", argument], None)


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\x18ftypheic\0\0\0\0",  # a phone's photograph
        b"\0\0\0\x20ftypM4A \0\0\0\0",  # a phone's recording
        b"\x7fELF\x02\x01\x01\0",
    ],
)
def test_a_file_of_another_kind_is_not_taken_for_a_text(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "IMG_0001.xyz"
    path.write_bytes(head)
    expected = f"{path}: neither a sound nor a picture that can be read, nor a text"
    assert plan([str(path)], None) == ([], [expected])


@pytest.mark.parametrize("argument", ["", "-"])
def test_what_cannot_be_a_picture_is_refused(argument: str) -> None:
    with pytest.raises(InputError):
        plan([argument], PICTURE)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"What a day!\n", "What a day!"),
        (b"\xef\xbb\xbfTwo\r\nlines \r\n\r\n", "Two\r\nlines "),
        ("日本語".encode(), "日本語"),
    ],
)
def test_a_text_file_is_one_text(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(data)
    assert only(str(path)).content() == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "is empty; expected a text"),
        (b" \n", "is empty; expected a text"),
        (b"na\xefve", "not UTF-8 at byte 2; expected a text"),
        ("na".encode("utf-16-le"), "has a NUL, as binary files and UTF-16 do; expected UTF-8"),
        (b"a" * (MAX_BYTES + 1), "larger than 4 MB; expected a text"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes, expected: str) -> None:
    path = tmp_path / "note.txt"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        only(str(path)).content()
    assert str(caught.value) == f"{path}: {expected}"


def test_as_much_is_read_of_a_text_as_a_tokenizer_takes() -> None:
    assert MAX_CHARS == tokenizer.MAX_CHARS  # which the other commands need not load


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 99, "is a picture"),
        (b"RIFF\0\0\0\0WAVEfmt " + b"\n\xff" * 999, "is a sound"),
        ("Schön\n".encode("utf-16") * 99, "is no text in UTF-8"),
    ],
)
def test_what_is_no_text_is_told_once_and_not_at_every_line(
    run: Run, imported: Imported, data: bytes, expected: str
) -> None:
    result = run("classify", "--bundle", str(imported("distilbert")), "-", input=data)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"earlet: standard input: {expected}; expected texts, a line each\n"


def test_who_types_no_text_ends_it_with_one_ctrl_d(run: Run, imported: Imported) -> None:
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"\x04")
        result = run("classify", "--bundle", str(imported("distilbert")), "-", stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_folder_of_a_task_stands_for_the_files_of_that_task_by_name(tmp_path: Path) -> None:
    for name in ("b.png", "a.txt", "c/d.wav", "c/.e.wav", "f.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for task, names in {
        None: ["a.txt", "b.png", "c/d.wav"],
        SOUND: ["c/d.wav"],
        PICTURE: ["b.png"],
        TEXT: ["a.txt"],
    }.items():
        inputs, problems = plan([str(tmp_path)], task)
        assert [str(Path(item.name).relative_to(tmp_path)) for item in inputs] == names
        assert problems == []


def test_the_suffixes_of_pictures_are_those_by_which_pillow_knows_what_is_read() -> None:
    Image.init()
    known = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    assert set(SUFFIXES[PICTURE]) == known
