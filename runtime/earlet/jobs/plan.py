"""What is to be transcribed, how, and where each text is to go.

paths, some of them folders -> sounds, sorted -> Item(source, output), Item ...
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from earlet.audio.file import SUFFIXES
from earlet.errors import InputError

Format = Literal["txt", "json", "srt", "vtt"]
Timestamps = Literal["none", "segment", "word"]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One sound file, and the file that its text is written to; None: it is handed back."""

    source: str
    output: str | None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How every file is transcribed. Plain values, so that they travel to any process as they are.

    A default stands for "not asked for", and is not passed on to the recogniser.
    """

    bundle: str = "moonshine-tiny-en"  # a name or a path
    threads: int = 1  # of each worker
    format: Format = "txt"
    timestamps: Timestamps = "none"
    language: str | None = None
    task: Literal["transcribe", "translate"] = "transcribe"
    initial_prompt: str | None = None
    hotwords: tuple[str, ...] | None = None  # the lines of a list
    long_form: Literal["vad", "sequential"] = "vad"
    num_beams: int | None = None
    temperature: float | None = None


def plan(paths: Sequence[str], out: str | None, format: Format) -> tuple[list[Item], list[str]]:
    """The sound files that the paths name, and what is wrong with some of the paths, a line each.

    A folder stands for all sound files in it and below, by name, hidden ones and links to folders
    left out; its tree is mirrored under `out`. A file that is named is taken whatever it is called.

    Raises:
        InputError: when two inputs would be written to one output.
    """
    problems: list[str] = []
    found: list[tuple[str, PurePath]] = []  # a sound, and its place in the tree under `out`
    for path in paths:
        # Unlike Path.is_dir, it raises nothing where it may not look: what is there is tried.
        if os.path.isdir(path):  # noqa: PTH112
            sounds = walk(path, SUFFIXES, problems)
            found += ((sound, PurePath(sound).relative_to(path)) for sound in sounds)
        else:
            found.append((path, PurePath(PurePath(path).name)))
    if out is None:
        return [Item(source=source, output=None) for source, _ in found], problems
    outputs = _outputs([place for _, place in found], PurePath(out), format)
    items = [
        Item(source=source, output=output)
        for (source, _), output in zip(found, outputs, strict=True)
    ]
    _refuse_doubles(items)
    return items, problems


def walk(folder: str, suffixes: Sequence[str], problems: list[str]) -> Iterator[str]:
    """The files with one of these suffixes in a folder and below, by name.

    Hidden ones and links to folders are left out. What is wrong goes to `problems`, a line each.
    """
    n_problems, n_files = len(problems), 0

    def unreadable(problem: OSError) -> None:
        problems.append(f"{problem.filename}: cannot be read: {problem.strerror}")

    for place, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if PurePath(name).suffix.lower() in suffixes and not name.startswith("."):
                n_files += 1
                yield str(PurePath(place, name))
    if not n_files and len(problems) == n_problems:
        problems.append(f"{folder}: no file in it ends with one of {' '.join(suffixes)}")


def _outputs(places: list[PurePath], out: PurePath, format: Format) -> Iterator[str]:
    """a/b.wav -> out/a/b.txt; beside a/b.flac, it is out/a/b.wav.txt, for both are wanted."""
    shared = Counter(place.with_suffix("") for place in places)
    for place in places:
        stem = place.with_suffix("")
        # The whole name also where the text might otherwise be written over the sound.
        whole = shared[stem] > 1 or place.suffix == f".{format}"
        yield str(out / f"{place if whole else stem}.{format}")


def _refuse_doubles(items: list[Item]) -> None:
    sources: dict[str | None, str] = {}
    for item in items:
        if item.output in sources:
            raise InputError(
                f"--out: {sources[item.output]} and {item.source} would both be written to "
                f"{item.output}; transcribe them one after the other, or rename one"
            )
        sources[item.output] = item.source
