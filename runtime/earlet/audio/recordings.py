"""Sound files in the place of a microphone: one, or those of a folder one after the other."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np

from earlet.arrays import FloatArray
from earlet.audio.file import SUFFIXES, AudioFile
from earlet.audio.live import Health
from earlet.errors import InputError
from earlet.results import Deaf, Gap


class Recordings:
    """A source that ends, and is as fast as its reader.

    Between two files lies a `Gap` of no length: the second does not follow the first.
    """

    is_live = False
    patience_s = 0.0
    backlog_s = 0.0
    health = Health()

    def __init__(self, path: str, sample_rate: int) -> None:
        """A file, or a folder: the sound files that lie in it, by name, hidden ones left out.

        Raises:
            InputError: there is none in the folder, or it cannot be looked into.
        """
        self.sample_rate = sample_rate
        self._paths = _sounds(path) if os.path.isdir(path) else [path]  # noqa: PTH112, never raises
        self._file: AudioFile | None = None

    def __enter__(self) -> Self:
        """Open the first.

        Raises:
            AudioFileError: it cannot be read.
        """
        self._file = AudioFile(self._paths[0], self.sample_rate)
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __iter__(self) -> Iterator[FloatArray]:
        """The sound of `heard()`."""
        return (item for item in self.heard() if isinstance(item, np.ndarray))

    def heard(self) -> Iterator[FloatArray | Deaf | Gap]:
        """Mono float32 chunks at `sample_rate`, and a `Gap` before each file but the first.

        Raises:
            InputError: it is not open.
            AudioFileError: a file cannot be read; when its turn comes.
        """
        if self._file is None:
            raise InputError("it is not open: use `with open_source(...) as source`")
        n_heard = 0
        for n_ended, path in enumerate(self._paths):
            if n_ended:
                yield Gap(n_heard / self.sample_rate, 0, self.sample_rate, f"{path} begins")
                self._file.close()
                self._file = AudioFile(path, self.sample_rate)
            for chunk in self._file:
                n_heard += len(chunk)
                yield chunk


def _sounds(folder: str) -> list[str]:
    try:
        files = sorted(path for path in Path(folder).iterdir() if path.is_file())
    except OSError as problem:
        raise InputError(f"{folder}: cannot be read: {problem.strerror}") from None
    found = [p for p in files if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
    if not found:
        raise InputError(f"{folder}: no file in it ends with one of {' '.join(SUFFIXES)}")
    return [str(path) for path in found]
