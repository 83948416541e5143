"""Where texts go: what has its final name is whole, so that it need not be done again.

A text is written beside its place, flushed to the disk and renamed. The folder of `--out` holds a
record of how its texts are made, which also is the lock by which two runs keep apart: the kernel
lets go of it when a process ends, however it ends.
"""

import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from earlet import subtitles
from earlet.errors import InputError
from earlet.files import PARTIAL, write_whole
from earlet.jobs.plan import Item, Settings
from earlet.results import Chunk, Transcript, timed_line

RECORD = ".earlet-transcribe.json"
MAX_RECORD = 100_000  # bytes; a record takes some hundreds
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}  # no other file could be written there either


class DiskFullError(InputError):
    """Nothing more can be written there."""


def render(source: str, chunks: Sequence[Chunk], settings: Settings) -> str:
    """What was heard in a file, in the format that was asked for."""
    if settings.format in ("srt", "vtt"):
        cues = subtitles.cues(chunks) if settings.timestamps == "word" else chunks
        return subtitles.srt(cues) if settings.format == "srt" else subtitles.vtt(cues)
    timed = settings.timestamps != "none"
    text = " ".join(chunk.text for chunk in chunks)
    if settings.format == "json":
        transcript = Transcript(text, tuple(chunks) if timed else None)
        return json.dumps({"path": source, **transcript.to_json()}) + "\n"
    if timed:
        return "".join(f"{timed_line(chunk.timestamp, chunk.text)}\n" for chunk in chunks)
    return f"{text}\n"


def write(path: str, text: str) -> None:
    """Give a file this text, all of it or none.

    Raises:
        DiskFullError: when nothing more can be written there.
        InputError: when this file cannot be written.
    """
    output = Path(path)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, text.encode())
    except OSError as problem:
        error = DiskFullError if problem.errno in FULL else InputError
        raise error(f"{path}: cannot be written: {problem.strerror}") from None


@contextmanager
def claimed(
    folder: str, items: Sequence[Item], options: Mapping[str, object], *, resume: bool
) -> Iterator[list[Item]]:
    """Have the folder alone, and the items that are still to be done; all where not `resume`.

    What earlier runs have left half written there is removed.

    Raises:
        InputError: when another run has the folder, when it cannot be written to, and when what is
            to be resumed was begun with other options.
    """
    with _record(folder) as record:
        begun = _begin(folder, record, options, resume=resume)
        _sweep(items)
        try:
            yield [item for item in items if not (resume and _is_done(item, begun))]
        finally:
            _sweep(items)


@contextmanager
def _record(folder: str) -> Iterator[FileIO]:
    """The folder's record, opened and locked."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        record = FileIO(Path(folder, RECORD), "a+")
    except OSError as problem:
        raise InputError(f"--out {folder}: cannot be used: {problem.strerror}") from None
    with record:
        try:
            fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"--out {folder}: another `earlet transcribe` is writing there; wait until it ends"
            ) from None
        except OSError as problem:
            raise InputError(f"--out {folder}: cannot be locked: {problem.strerror}") from None
        yield record


def _begin(folder: str, record: FileIO, options: Mapping[str, object], *, resume: bool) -> int:
    """Compare the record with the options, or write it; when it was written, in ns."""
    record.seek(0)
    text = record.read(MAX_RECORD)
    # What was begun and came to nothing, as for want of a bundle, binds nobody.
    if resume and text and any(path.is_file() for path in Path(folder).rglob("[!.]*")):
        _refuse_others(folder, text, options)
    else:
        try:
            record.truncate(0)
            record.write(json.dumps(options, indent=1).encode() + b"\n")
            os.fsync(record.fileno())
        except OSError as problem:
            raise InputError(f"--out {folder}: cannot be written to: {problem.strerror}") from None
    return os.fstat(record.fileno()).st_mtime_ns


def _refuse_others(folder: str, text: bytes, options: Mapping[str, object]) -> None:
    try:
        begun = json.loads(text)
    except (ValueError, RecursionError):
        begun = None
    if not isinstance(begun, dict):
        raise InputError(f"{folder}/{RECORD}: is damaged; without --resume all is done anew")
    others = [name for name in options if begun.get(name) != options[name]]
    if others:
        was = ", ".join(f"{name} {begun.get(name)!r} and not {options[name]!r}" for name in others)
        raise InputError(
            f"--resume: {folder} was begun with {was}; ask for the same, or leave out --resume "
            "to do all anew"
        )


def _is_done(item: Item, begun: int) -> bool:
    """Whether its output was written since the record was; an older one has other options."""
    try:
        status = os.stat(item.output or "")  # noqa: PTH116
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(status.st_mode) and status.st_mtime_ns >= begun


def _sweep(items: Iterable[Item]) -> None:
    for folder in {Path(item.output).parent for item in items if item.output is not None}:
        for partial in folder.glob(PARTIAL.format("*")):
            with suppress(OSError):
                partial.unlink()
