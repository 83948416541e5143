"""A group in a process of its own: what crashes or hangs there costs its own lines, no others."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from tempfile import TemporaryFile
from threading import Timer
from typing import IO, Any

from benchmarks.line import Curve, Line, from_json
from benchmarks.setting import ROOT

LAST_WORDS = 10_000  # bytes of what a process wrote about its end: a traceback is shorter
SHOWN = 160  # characters of them in the table


def measured(command: Sequence[str], group: str, limit_s: float) -> Iterator[Line | Curve]:
    """What a process tells on standard output, as soon as it does; a line more for a bad end."""
    start = time.monotonic()
    with TemporaryFile() as errors:
        process: Any = subprocess.Popen(  # Any: its pipe is there, which its type does not know
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # so that what it starts can be ended with it
        )
        limit = Timer(limit_s, _end, [process])
        limit.start()
        try:
            for line in process.stdout:
                if line.endswith("\n"):  # else it was ended within a word
                    yield from_json(line)
            code = process.wait()
        finally:
            limit.cancel()
            _end(process)
            process.stdout.close()
        if time.monotonic() - start >= limit_s:
            yield Line(what=f"the rest of {group}", missing=f"stopped after {limit_s:g} s")
        elif code:
            yield Line(
                what=f"the rest of {group}", missing=f"ended with {code}: {_last_words(errors)}"
            )


def _end(process: "subprocess.Popen[str]") -> None:
    """It, and all that it has started, which may outlive it and hold its pipe."""
    with suppress(ProcessLookupError):  # nothing of it is left
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _last_words(errors: IO[bytes]) -> str:
    """The last line, which of a traceback names the exception."""
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - LAST_WORDS))
    lines = errors.read().decode(errors="replace").split("\n")
    words = next((line.strip() for line in reversed(lines) if line.strip()), "without a word")
    return words[:SHOWN]
