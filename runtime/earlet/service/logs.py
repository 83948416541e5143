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
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Literal, TextIO

from earlet.errors import printable
from earlet.results import Gap

log = logging.getLogger("earlet.daemon")

GAPS_S = 60.0  # between two words about gaps
LIBRARIES = ("asyncio", "python_multipart", "uvicorn", "websockets", "zeroconf")  # of the server
LogFormat = Literal["text", "json"]
# syslog(3): 3 is an error, 4 a warning, 6 information, 7 for those who debug
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


def set_up(kind: LogFormat, stream: TextIO | None = None) -> None:
    """Write what the loggers named "earlet" tell from now on; for a process of its own.

    And what `LIBRARIES` warn of, which else would go to standard error as it is.
    """
    stream = sys.stderr if stream is None else stream
    handler = _Handler(stream)
    handler.setFormatter(_formatter(kind, stream, os.environ))
    for name in ("earlet", *LIBRARIES):
        logging.getLogger(name).handlers = [handler]
    logging.getLogger("earlet").setLevel(logging.INFO)


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
    """One line a message, whatever it quotes; of a fault in earlet the traceback follows."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{self._begin(record)}{printable(record.getMessage())}"
        return line if record.exc_info is None else f"{line}\n{_traceback(record)}"

    def _begin(self, _record: logging.LogRecord) -> str:
        return "earlet: "


class _Dated(_Lines):
    def _begin(self, record: logging.LogRecord) -> str:
        return f"{_time(record)} {record.levelname.lower()}: "


class _Journal(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        level = f"<{PRIORITIES.get(record.levelno, 6)}>"  # of each line: sd-daemon(3)
        return "\n".join(f"{level}{line}" for line in super().format(record).split("\n"))

    def _begin(self, _record: logging.LogRecord) -> str:
        return ""


class _Json(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info is not None:
            told["traceback"] = _traceback(record)
        return json.dumps(told)


def _traceback(record: logging.LogRecord) -> str:
    lines = traceback.format_exception(*record.exc_info) if record.exc_info else []
    return "\n".join(map(printable, "".join(lines).splitlines()))


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
