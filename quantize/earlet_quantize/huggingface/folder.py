"""A model folder as people have it: its files read with limits, its JSON with typed answers.

Nothing is guessed. A fact is in a file, or it is the documented default of a class that a file
names (`Facts.over`), or it is a FolderError that names file and key.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NoReturn, TypeVar

from earlet import schema
from earlet.bundle import MANIFEST
from earlet.files import read_plain
from earlet_quantize.errors import FolderError

T = TypeVar("T")
CONFIG, GENERATION = "config.json", "generation_config.json"
PREPROCESSOR = "preprocessor_config.json"
TOKENIZER, TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
Variant = Literal["float", "quantized"]
SUFFIXES: dict[Variant, str] = {"float": "", "quantized": "_quantized"}  # of transformers.js
MAX_COUNT = 10_000_000  # of anything that a network has; beyond it a file is mistaken
MAX_BYTES = 64_000_000  # of a file read as text; the largest tokenizer.json has about 35 MB


class Folder:
    """A folder of files; links that lead out of it are refused."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            there = "a file; unpack it first" if path.exists() else "none"
            raise FolderError(f"{path}: expected a model folder, there is {there}")
        if (path / MANIFEST).exists():
            raise FolderError(f"{path}: expected a model folder, this is a bundle already")
        self.path = path

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return (self.path / name).is_file()

    def file(self, name: str) -> Path:
        """The path of a file of the folder.

        Raises:
            FolderError: when it is not there, or a link that leads elsewhere.
        """
        path = self.path / name
        try:
            real = path.resolve(strict=True)
            if not real.is_relative_to(self.path.resolve()):
                raise FolderError(
                    f"{path}: a link that leads out of the folder; copy the folder with its links "
                    "followed: cp -rL"
                )
        except (OSError, RuntimeError) as problem:  # RuntimeError: links in a circle
            raise FolderError(f"{path}: expected a file: {_reason(problem)}") from None
        if not real.is_file():
            raise FolderError(f"{path}: expected a file")
        return path

    def read_bytes(self, name: str) -> bytes:
        """A file's content, of at most MAX_BYTES."""
        path = self.file(name)
        data = read_plain(path, MAX_BYTES + 1, "a file", FolderError)
        if len(data) > MAX_BYTES:
            raise FolderError(f"{path}: expected at most {MAX_BYTES} bytes")
        return data

    def read_text(self, name: str) -> str:
        """A file's content as UTF-8."""
        try:
            return self.read_bytes(name).decode("utf-8")
        except UnicodeDecodeError as problem:
            raise FolderError(f"{self.path / name}: not UTF-8 at byte {problem.start}") from None

    def facts(self, name: str) -> "Facts":
        """A file that holds a JSON object."""
        where = str(self.path / name)
        text = self.read_text(name)
        try:
            values = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as problem:
            raise FolderError(f"{where}: not the JSON that was expected: {problem}") from None
        if not isinstance(values, dict):
            raise FolderError(f"{where}: expected a JSON object, got a {type(values).__name__}")
        return Facts(values, where)

    def network(self, variant: Variant, *stems: str) -> Path:
        """The ONNX file of a network: "model", "encoder_model" ...; the first of several names.

        Raises:
            FolderError: when there is none of that variant, or two of a name.
        """
        for stem in stems:
            name = f"{stem}{SUFFIXES[variant]}.onnx"
            found = [at for at in (f"onnx/{name}", name) if os.path.lexists(self.path / at)]
            if len(found) > 1:
                raise FolderError(f"{self.path}: expected {' or '.join(found)}, it has both")
            if found:
                return self.file(found[0])
        there = sorted(
            path.relative_to(self.path).as_posix()
            for pattern in ("onnx/*.onnx", "*.onnx")
            for path in self.path.glob(pattern)
        )
        raise FolderError(
            f"{self.path}: expected {stems[0]}{SUFFIXES[variant]}.onnx, at its top or in onnx/, "
            f"for --variant {variant}; it has {', '.join(there) or 'no ONNX file at all'}"
        )


class Facts:
    """A JSON object that answers with values of the type that was asked for."""

    def __init__(self, values: Mapping[str, object], where: str) -> None:
        # Hugging Face writes null for what is not set.
        self.values = {key: value for key, value in values.items() if value is not None}
        self.nulls = values.keys() - self.values.keys()  # the keys of those
        self.where = where  # how messages name the file

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def get(self, key: str, hint: type[T]) -> T:
        """The value of a key, of the type `hint`; see `schema.convert`.

        Raises:
            FolderError: when the key is missing, or its value of another type.
        """
        if key not in self.values:
            raise FolderError(f"{self.where}: expected the key {key!r}, it is missing")
        value: T = schema.convert(hint, self.values[key], f"{self.where}: {key}", FolderError)
        return value

    def section(self, key: str) -> "Facts":
        """The value of a key that holds a JSON object."""
        return Facts(self.get(key, dict[str, object]), f"{self.where}: {key}")

    def count(self, key: str, at_most: int = MAX_COUNT) -> int:
        """A whole number above 0."""
        number = self.get(key, int)
        if not 1 <= number <= at_most:
            self.refuse(key, f"1 to {at_most}")
        return number

    def token(self, key: str) -> str:
        """A token, which a tokenizer's files write as a string or as an object with `content`."""
        if isinstance(self.values.get(key), Mapping):
            return self.section(key).get("content", str)
        return self.get(key, str)

    def over(self, defaults: Mapping[str, object]) -> "Facts":
        """The same on top of the documented defaults of the class that the file names."""
        return Facts({**defaults, **self.values}, self.where)

    def refuse(self, key: str, expected: object) -> NoReturn:
        """Raise the error for a value that earlet cannot honour."""
        raise FolderError(f"{self.where}: {key}: expected {expected}, got {self.values.get(key)!r}")

    def expect(self, key: str, value: object) -> None:
        """Raise FolderError unless the value of a key is the only one that earlet can honour."""
        if self.get(key, type(value)) != value:
            self.refuse(key, value)


def agree(first: Facts, key: str, second: Facts, other_key: str) -> None:
    """Raise FolderError where two files state a fact differently; a silent one agrees."""
    if key in first and other_key in second and first.values[key] != second.values[other_key]:
        raise FolderError(
            f"{first.where}: {key} is {first.values[key]!r}, and {second.where} says "
            f"{other_key} {second.values[other_key]!r}; expected the same"
        )


def encode(text: str, where: str) -> bytes:
    """UTF-8; JSON may hold halves of characters, which have none."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as problem:
        half = text[problem.start]
        raise FolderError(f"{where}: expected text, got half a character: {half!r}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _reason(problem: OSError | RuntimeError) -> str:
    return problem.strerror or str(problem) if isinstance(problem, OSError) else str(problem)
