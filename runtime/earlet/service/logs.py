"""The log, on standard error: for a terminal, for a file, for journald, or as JSON.

- a terminal: `earlet: what happened`
- a file or a pipe: the same behind date, time and level
- journald: the level as the prefix that sd-daemon(3) defines; the journal knows the time itself
- `--log-format json`: an object a line
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO

from earlet.errors import printable
from earlet.results import Gap

log = logging.getLogger("earlet.daemon")

GAPS_S = 60.0  # between two words about gaps
LogFormat = Literal["text", "json"]
# syslog(3): 3 is an error, 4 a warning, 6 information, 7 for those who debug
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


def set_up(kind: LogFormat, stream: TextIO | None = None) -> None:
    """Write what the loggers named "earlet" tell from now on; for a process of its own."""
    stream = sys.stderr if stream is None else stream
    handler = _Handler(stream)
    handler.setFormatter(_formatter(kind, stream, os.environ))
    logger = logging.getLogger("earlet")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)


def _formatter(kind: LogFormat, stream: TextIO, environment: Mapping[str, str]) -> "_Lines":
    if kind == "json":
        return _Json()
    if _is_journal(stream, environment):
        return _Journal()
    return _Lines() if stream.isatty() else _Dated()


def _is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether the stream leads to journald: systemd.exec(5), JOURNAL_STREAM."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class GapLog:
    """Words about gaps: the first at once, the others of a minute together."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told_at = -GAPS_S
        self._reasons: list[str] = []  # of those that were not told yet
        self._lost_s = 0.0

    def add(self, gap: Gap) -> None:
        """Sound was lost; or none, where a file ends and the next begins."""
        if gap.n_samples == 0:
            return
        self._lost_s += gap.n_samples / gap.sample_rate
        self._reasons.append(gap.reason)

    def tell(self, *, is_end: bool = False) -> None:
        """What there is to tell, if it is time, or the end."""
        if not self._reasons or not (is_end or self._clock() - self._told_at >= GAPS_S):
            return
        times = "" if len(self._reasons) == 1 else f", {len(self._reasons)} times"
        reasons = ", ".join(dict.fromkeys(self._reasons))
        log.warning("%.2f s of sound were lost%s: %s", self._lost_s, times, reasons)
        self._told_at, self._reasons, self._lost_s = self._clock(), [], 0.0


class _Handler(logging.StreamHandler[TextIO]):
    """A log that cannot be written is nobody's to hear of, and ends nothing."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Called by logging, which would print a traceback."""


class _Lines(logging.Formatter):
    """One line a message, whatever it quotes."""

    def format(self, record: logging.LogRecord) -> str:
        return f"earlet: {printable(record.getMessage())}"


class _Dated(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        return f"{_time(record)} {record.levelname.lower()}: {printable(record.getMessage())}"


class _Journal(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        return f"<{PRIORITIES.get(record.levelno, 6)}>{printable(record.getMessage())}"


class _Json(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(told)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
