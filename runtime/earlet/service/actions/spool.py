"""Events whose action is still to be done, kept in a folder so that they survive a restart.

    queue/000000000042.json    {"action": key, "submitted": seconds, "event": {...}}

A small file an event, numbered in the order in which they came; for the owner alone. One earlet at
a time has the folder. An event is forgotten after its action was done, so that a power cut between
the two has it done twice, and never not at all.
"""

import fcntl
import itertools
import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from earlet.audio.waiting import boot_s
from earlet.errors import ConfigError, InputError
from earlet.files import PARTIAL, read_plain, write_whole

Event = Mapping[str, object]  # as JSON: what every action is given

MAX_EVENT = 65_536  # bytes of a file; an event takes some hundreds
LOCK = "lock"
_NAME = re.compile(r"[0-9]{12,18}\.json")  # all others in the folder are somebody else's
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700

log = logging.getLogger("earlet.actions")


@dataclass(eq=False)
class Waiting:
    """An event for which an action is still to be done."""

    event: Event
    since: float  # boot_s()
    path: Path | None = None  # where it is kept
    was_offered: bool = False  # to the folder, which may be full


class Spool:
    """The folder."""

    def __init__(self, folder: str) -> None:
        """Make the folder if it is not there.

        Raises:
            ConfigError: when nothing can be written there.
        """
        self._folder = Path(folder).expanduser()
        self._lock: FileIO | None = None
        self._numbers = itertools.count(1)
        self._is_full = False
        try:
            self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        except OSError as problem:
            raise self._unusable(problem) from None
        if not os.access(self._folder, os.R_OK | os.W_OK | os.X_OK):
            raise ConfigError(f"queue: {self._folder}: expected a folder that can be written to")

    def open(self) -> dict[str, list[Waiting]]:
        """Have the folder alone, and what waits there: by the key of its action, the oldest first.

        Raises:
            ConfigError: when another earlet has it, or it cannot be used.
        """
        try:
            self._lock = FileIO(self._folder / LOCK, "a", opener=_private)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for partial in self._folder.glob(PARTIAL.format("*")):
                partial.unlink(missing_ok=True)
            found = (path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))
            paths = sorted(found, key=_number)
        except OSError as problem:
            self.close()
            if isinstance(problem, BlockingIOError):
                raise ConfigError(f"queue: {self._folder}: another earlet uses it") from None
            raise self._unusable(problem) from None
        self._numbers = itertools.count(max(map(_number, paths), default=0) + 1)
        left: dict[str, list[Waiting]] = {}
        for key, waiting in self._readable(paths):
            left.setdefault(key, []).append(waiting)
        return left

    def keep(self, key: str, waiting: Waiting) -> None:
        """Write it down; where that fails it is in memory alone, and the log says so once."""
        waiting.was_offered = True
        age_s = boot_s() - waiting.since
        document = {"action": key, "submitted": time.time() - age_s, "event": waiting.event}
        path = self._folder / f"{next(self._numbers):012d}.json"
        try:
            write_whole(path, json.dumps(document).encode(), PRIVATE_FILE)
        except OSError as problem:
            if not self._is_full:
                log.warning("queue: %s: cannot keep what waits: %s", self._folder, problem.strerror)
            self._is_full = True
        else:
            waiting.path, self._is_full = path, False

    def forget(self, waiting: Waiting) -> None:
        """It is done, or never will be."""
        if waiting.path is not None:
            try:
                waiting.path.unlink(missing_ok=True)
            except OSError as problem:
                log.warning("queue: %s: cannot be deleted: %s", waiting.path, problem.strerror)

    def close(self) -> None:
        """Let go of the folder."""
        if self._lock is not None:
            self._lock.close()

    def _readable(self, paths: list[Path]) -> Iterator[tuple[str, Waiting]]:
        """What is in the files; those that are none of ours are put aside."""
        for path in paths:
            try:
                yield _read(path)
            except InputError as problem:
                log.warning("queue: put aside: %s", problem)
                try:
                    path.rename(path.with_suffix(".broken"))
                except OSError as trouble:
                    log.warning("queue: %s: cannot be renamed: %s", path, trouble.strerror)

    def _unusable(self, problem: OSError) -> ConfigError:
        return ConfigError(f"queue: {self._folder}: cannot be used: {problem.strerror}")


def _number(path: Path) -> int:
    return int(path.stem)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE_FILE)


def _read(path: Path) -> tuple[str, Waiting]:
    """The key of an action, and the event.

    Across a restart only the clock on the wall is there to tell its age. What lies ahead of it was
    written before the clock was set back, and may be of any age: it counts as old.
    """
    data = read_plain(path, MAX_EVENT + 1, "an event that waits", InputError)
    try:
        document = json.loads(data)
        key, submitted, event = (document[name] for name in ("action", "submitted", "event"))
        age_s = time.time() - float(submitted)
        if len(data) > MAX_EVENT or not isinstance(key, str) or not isinstance(event, dict):
            raise ValueError
    except (ValueError, OverflowError, KeyError, TypeError, RecursionError):
        raise InputError(f"{path}: expected an event that waits; this is none") from None
    return key, Waiting(event, boot_s() - age_s if age_s >= 0 else float("-inf"), path)
