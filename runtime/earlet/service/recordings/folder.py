"""The folder of recordings: of bounded size, private, and nobody else's files are touched.

    earlet-000042-20261120T172031Z-go.wav

Recordings are counted, and the oldest is the one with the least number: a clock may jump. What is
there counts, so that a restart changes nothing, and neither does somebody who deletes some.
"""

import os
import re
import time
from contextlib import suppress
from pathlib import Path

from earlet.errors import AudioFileError, ConfigError, InputError
from earlet.files import PARTIAL, write_whole
from earlet.service.recordings.explanation import explain, headline
from earlet.service.recordings.file import Recording, encode, is_recording

_NAME = re.compile(r"earlet-(\d{6,12})-.*\.wav", re.DOTALL)
_NOT_IN_DATES = re.compile(r"[-:]|\.\d+|\+00:00$")  # of ISO 8601, in the names of files
_NOT_IN_NAMES = re.compile(r"\W+")
MAX_LABEL = 40  # characters of a file's name: a typed command may be a sentence
WRITTEN_S = 60.0  # within which a recording is written, also by another earlet, or never will be
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


class Recordings:
    """The folder in which recordings are kept."""

    def __init__(self, folder: str, max_bytes: int) -> None:
        """Make the folder if it is not there; what was left half written there is removed.

        Raises:
            ConfigError: when nothing can be written there.
        """
        self._folder = Path(folder).expanduser()
        self._max_bytes = max_bytes
        try:
            self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            for partial in self._folder.glob(PARTIAL.format("*")):
                with suppress(FileNotFoundError):  # whoever writes it is done
                    if time.time() - partial.stat().st_mtime > WRITTEN_S:
                        partial.unlink()
        except OSError as problem:
            raise ConfigError(f"record: {self._folder}: {problem.strerror}") from None
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise ConfigError(f"record: {self._folder}: expected a folder that can be written to")

    def keep(self, recording: Recording) -> Path:
        """Write a recording; the oldest make room for it.

        Raises:
            InputError: when it is larger than all may be, or cannot be written.
        """
        data = encode(recording)
        if len(data) > self._max_bytes:
            raise InputError(
                f"record: a recording takes {len(data) / 1e6:.1f} MB, and max_mb allows "
                f"{self._max_bytes / 1e6:g}"
            )
        when = _NOT_IN_DATES.sub("", recording.facts.heard_at)
        label = headline(recording, explain(recording)).label
        what = _NOT_IN_NAMES.sub("-", label)[:MAX_LABEL].strip("-") or "speech"
        try:
            found = self._found()
            number = max((number for number, *_ in found), default=0) + 1
            path = self._folder / f"earlet-{number:06d}-{when}-{what}.wav"
            self._make_room(found, len(data))
            write_whole(path, data, PRIVATE_FILE)
        except OSError as problem:
            raise InputError(f"record: {self._folder}: {problem.strerror}") from None
        return path

    def _found(self) -> list[tuple[int, Path, int]]:
        """The recordings that are there: number, path and size in bytes, the oldest first.

        Where two earlets share the folder, two may have the same number. What only has such a name
        is not ours, and neither is what a link leads to.
        """
        found = []
        for path in self._folder.iterdir():
            match = _NAME.fullmatch(path.name)
            with suppress(AudioFileError, FileNotFoundError):  # gone meanwhile
                if match and not path.is_symlink() and is_recording(path):
                    found.append((int(match[1]), path, path.stat().st_size))
        return sorted(found)

    def _make_room(self, found: list[tuple[int, Path, int]], n_bytes: int) -> None:
        """Delete the oldest, until so many bytes more are not too many."""
        total = sum(size for *_, size in found) + n_bytes
        for _, path, size in found:
            if total <= self._max_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size
