"""Whole files or none, one run at a time, and what counts as done."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from earlet.errors import InputError
from earlet.jobs.output import RECORD, DiskFullError, claimed, render, write
from earlet.jobs.plan import Item, Settings
from earlet.results import Chunk

OPTIONS: dict[str, object] = {"bundle": "tiny 1.0.0", "format": "txt", "language": None}


def items(folder: Path, *names: str) -> list[Item]:
    return [Item(source=f"{name}.wav", output=str(folder / f"{name}.txt")) for name in names]


def left(folder: Path, names: str, *, resume: bool = True, **options: object) -> list[str]:
    """Claim the folder and let it go; the names of what is to be done."""
    todo = items(folder, *names)
    with claimed(str(folder), todo, OPTIONS | options, resume=resume) as remaining:
        return [Path(item.source).stem for item in remaining]


def age(path: Path, seconds: float) -> None:
    status = path.stat()
    os.utime(path, (status.st_atime, status.st_mtime - seconds))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`broken(errno.ENOSPC)`: from now on nothing can be flushed to the disk."""

    def broken(number: int) -> None:
        def fsync(_: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)

    return broken


def test_a_text_is_written_into_folders_that_are_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.txt"
    write(str(path), "é\n")
    assert path.read_bytes() == b"\xc3\xa9\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_never_sees_half_a_text(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("of yesterday")
    with path.open() as reader:
        write(str(path), "of today")
        assert reader.read() == "of yesterday"  # all of it: the new text is in a new file
    assert path.read_text() == "of today"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_what_cannot_be_written_leaves_what_stood_there_and_nothing_else(
    tmp_path: Path, broken: Callable[[int], None], number: int
) -> None:
    path = tmp_path / "x.txt"
    path.write_text("of yesterday")
    broken(number)
    with pytest.raises(InputError, match=rf"x\.txt: cannot be written: {os.strerror(number)}"):
        write(str(path), "of today")
    assert path.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "full"),
    [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EROFS, True), (errno.EIO, False)],
)
def test_only_what_keeps_all_others_from_being_written_counts_as_a_full_disk(
    tmp_path: Path, broken: Callable[[int], None], number: int, full: bool
) -> None:
    broken(number)
    with pytest.raises(InputError) as caught:
        write(str(tmp_path / "x.txt"), "")
    assert isinstance(caught.value, DiskFullError) == full


def test_only_resuming_leaves_out_what_is_there(tmp_path: Path) -> None:
    assert left(tmp_path, "abc") == ["a", "b", "c"]
    write(str(tmp_path / "b.txt"), "")
    assert left(tmp_path, "abc") == ["a", "c"]
    assert left(tmp_path, "abc", resume=False) == ["a", "b", "c"]


def test_what_is_older_than_the_options_is_done_anew(tmp_path: Path) -> None:
    left(tmp_path, "ab")
    write(str(tmp_path / "a.txt"), "in English")
    age(tmp_path / "a.txt", 10)
    age(tmp_path / RECORD, 10)
    assert left(tmp_path, "ab") == ["b"]
    assert left(tmp_path, "ab", resume=False, language="de") == ["a", "b"]
    # ... which is killed at once:
    assert left(tmp_path, "ab", language="de") == ["a", "b"]


def test_a_folder_in_the_way_is_not_done(tmp_path: Path) -> None:
    left(tmp_path, "a")
    (tmp_path / "a.txt").mkdir()
    assert left(tmp_path, "a") == ["a"]


def test_resuming_with_other_options_is_refused_by_their_names(tmp_path: Path) -> None:
    left(tmp_path, "a")
    write(str(tmp_path / "a.txt"), "")
    with pytest.raises(InputError, match="was begun with format 'txt' and not 'srt', language No"):
        left(tmp_path, "a", format="srt", language="en")
    assert left(tmp_path, "a") == []


def test_options_that_came_to_nothing_bind_nobody(tmp_path: Path) -> None:
    left(tmp_path, "a", language="tlh")
    assert left(tmp_path, "a", language="en") == ["a"]
    write(str(tmp_path / "a.txt"), "")
    with pytest.raises(InputError, match="language 'en' and not 'tlh'"):
        left(tmp_path, "a", language="tlh")


@pytest.mark.parametrize("text", [b"{", b"[1]", b"\xff\xfe\x00", b"[" * 90_000, b"1" * 90_000])
def test_a_damaged_record_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / RECORD).write_bytes(text)
    write(str(tmp_path / "a.txt"), "")
    with pytest.raises(InputError, match=r"\.earlet-transcribe\.json: is damaged; without --resum"):
        left(tmp_path, "a")
    assert left(tmp_path, "a", resume=False) == ["a"]


def test_a_folder_is_for_one_run_at_a_time(tmp_path: Path) -> None:
    with claimed(str(tmp_path), [], OPTIONS, resume=False):
        for resume in (False, True):
            with pytest.raises(InputError, match="another `earlet transcribe` is writing there"):
                left(tmp_path, "a", resume=resume, language="de")
    assert json.loads((tmp_path / RECORD).read_text()) == OPTIONS
    assert left(tmp_path, "a") == ["a"]


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    remains = [tmp_path / "a" / ".earlet-0123.partial", tmp_path / ".earlet-4567.partial"]
    others = tmp_path / "notes.partial"
    (tmp_path / "a").mkdir()
    for path in (*remains, others):
        path.touch()
    with claimed(str(tmp_path), items(tmp_path, "a/x", "y"), OPTIONS, resume=True):
        assert not any(path.exists() for path in remains)
        remains[0].touch()  # of a process that is ended with this run
    assert not remains[0].exists()
    assert others.exists()


def test_a_full_disk_at_the_record_is_one_line(
    tmp_path: Path, broken: Callable[[int], None]
) -> None:
    broken(errno.ENOSPC)
    with pytest.raises(InputError, match=f"--out {tmp_path}: cannot be written to: No space left"):
        left(tmp_path, "a")


def test_words_are_lines_in_text_chunks_in_json_and_cues_in_subtitles() -> None:
    words = [Chunk("Good", (0.0, 0.4)), Chunk("night.", (0.5, 1.0))]
    in_text = render("x.wav", words, Settings(timestamps="word"))
    in_json = render("x.wav", words, Settings(timestamps="word", format="json"))
    in_srt = render("x.wav", words, Settings(timestamps="word", format="srt"))
    assert in_text == "    0.00 -    0.40 s  Good\n    0.50 -    1.00 s  night.\n"
    assert json.loads(in_json) == {
        "path": "x.wav",
        "text": "Good night.",
        "chunks": [word.to_json() for word in words],
    }
    assert in_srt == "1\n00:00:00,000 --> 00:00:01,000\nGood night.\n"
