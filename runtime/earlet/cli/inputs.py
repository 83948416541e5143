"""What the arguments of `earlet classify` stand for: files, folders of them, or texts.

arguments -> Input(name, task, source), Input ... -> what a pipeline takes

A file goes to the task of its kind: told by its suffix, and where that says nothing by its first
bytes. What is neither sound nor picture is text.
"""

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from earlet.audio import file as audio
from earlet.errors import InputError
from earlet.files import HEAD_BYTES, kind_of, read_plain
from earlet.image import file as image
from earlet.jobs.plan import walk
from earlet.manifest import Task

TEXT: Task = "text-classification"
SUFFIXES: dict[Task, tuple[str, ...]] = {
    "audio-classification": audio.SUFFIXES,
    "image-classification": image.SUFFIXES,
    TEXT: (".txt",),
}
PIPE = "-"  # the argument that stands for standard input
MAX_CHARS = 1_000_000  # of a text: what a tokenizer takes
MAX_BYTES = 4 * MAX_CHARS  # of a text's file: UTF-8 has 4 for a character at most
NUL = b"\0"  # no text has it, and nearly every other file


@dataclass(frozen=True)
class Input:
    """One file or text, or all lines of standard input."""

    name: str  # the path, or the text itself
    task: Task
    source: Literal["file", "text", "pipe"]

    def content(self) -> str:
        """What a pipeline is given: a path, and of a text file the text.

        Raises:
            InputError: when the file holds no text, or cannot be read.
        """
        return _read_text(self.name) if self.task == TEXT and self.source == "file" else self.name


def plan(arguments: Sequence[str], task: Task | None) -> tuple[list[Input], list[str]]:
    """The inputs that arguments name, and what is wrong with some of the arguments, a line each.

    A folder stands for all files in it and below that have a suffix of the task, or of any where
    `task` is None. A file that is named is taken whatever it is called.

    Raises:
        InputError: for an empty argument, and for standard input where it is not texts.
    """
    suffixes = SUFFIXES[task] if task else tuple(s for each in SUFFIXES.values() for s in each)
    inputs: list[Input] = []
    problems: list[str] = []
    for argument in arguments:
        if not argument.strip():  # as of a variable that is not set
            raise InputError("expected paths and texts, got an empty one")
        if argument == PIPE:
            if task not in (None, TEXT):
                raise InputError(f"standard input is read as texts, a line each; {task} takes none")
            inputs.append(Input(argument, TEXT, "pipe"))
        elif os.path.isdir(argument):  # noqa: PTH112, for it raises nothing where it may not look
            found = walk(argument, suffixes, problems)
            inputs += (Input(path, task or _task_of(path), "file") for path in found)
        elif task in (None, TEXT) and not _is_path(argument):
            inputs.append(Input(argument, TEXT, "text"))
        else:
            try:
                inputs.append(Input(argument, task or _task_of(argument), "file"))
            except InputError as problem:
                problems.append(str(problem))
    return inputs, problems


def expanded(inputs: Sequence[Input]) -> Iterator[Input]:
    """The inputs, with one for each line of standard input, as soon as it is there."""
    for item in inputs:
        if item.source == "pipe":
            yield from (Input(line, item.task, "text") for line in _lines())
        else:
            yield item


def _is_path(argument: str) -> bool:
    """Whether somebody who writes this means a file: one that is there, or should be."""
    if os.path.exists(argument):  # noqa: PTH110, for it raises nothing where a text is too long
        return True
    if argument.startswith(("/", "./", "../")) or _task_of_suffix(argument) is not None:
        return True
    return "/" in argument and not any(map(str.isspace, argument))


def _task_of(path: str) -> Task:
    """Of a file.

    Raises:
        InputError: when it has to be looked into, and cannot be read or is none.
    """
    if by_suffix := _task_of_suffix(path):
        return by_suffix
    head = read_plain(path, HEAD_BYTES, "a sound, a picture or a text", InputError)
    match kind_of(head):
        case "sound":
            return "audio-classification"
        case "picture":
            return "image-classification"
    if NUL in head:
        raise InputError(f"{path}: neither a sound nor a picture that can be read, nor a text")
    return TEXT


def _task_of_suffix(path: str) -> Task | None:
    suffix = PurePath(path).suffix.lower()
    return next((task for task, suffixes in SUFFIXES.items() if suffix in suffixes), None)


def _read_text(path: str) -> str:
    data = read_plain(path, MAX_BYTES + 1, "a text", InputError)
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB; expected a text")
    try:
        text = data.decode("utf-8-sig")  # some editors begin their files with a mark
    except UnicodeDecodeError as problem:
        raise InputError(f"{path}: not UTF-8 at byte {problem.start}; expected a text") from None
    if NUL in data:
        raise InputError(f"{path}: has a NUL, as binary files and UTF-16 do; expected UTF-8")
    if not text.strip():
        raise InputError(f"{path}: is empty; expected a text")
    return text.rstrip("\r\n")


def _lines() -> Iterator[str]:
    """Standard input, without blank lines.

    Bytes that are no UTF-8 become surrogates. A tokenizer refuses these, and a line that is too
    long, of which no more is kept than shows that it is.

    Raises:
        InputError: when it begins like a file that is no text, which would fail at every line.
    """
    with open(0, "rb", closefd=False) as binary:
        head = binary.peek(HEAD_BYTES)
        if not head:
            return  # reading on would ask a terminal for its end a second time
        if (kind := kind_of(head)) or NUL in head:
            raise InputError(
                f"standard input: is {f'a {kind}' if kind else 'no text in UTF-8'}; "
                "expected texts, a line each"
            )
        file = io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape")
        while line := file.readline(MAX_CHARS + 1):
            rest = line
            while len(rest) > MAX_CHARS and not rest.endswith("\n"):
                rest = file.readline(MAX_CHARS + 1)
            if line.strip():
                yield line.removesuffix("\n")
