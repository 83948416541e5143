"""A program that prints JSON, a line for each thing that happens; no wait for it is without end."""

import json
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.rig.virtual_microphone import WAIT_S, until

ROOT = Path(__file__).parents[2]
Line = dict[str, Any]


class Program:
    """Runs between enter and exit."""

    def __init__(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        stdin: IO[bytes] | int = subprocess.DEVNULL,
    ) -> None:
        self.seen: list[Line] = []  # of what it has printed, what was waited for or passed over
        self._lines: queue.Queue[Line | None] = queue.Queue()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd=ROOT,  # for `python -m tests...`
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        self._errors.close()

    @property
    def errors(self) -> str:
        """What it has written to standard error."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something of which the program says nothing.

        Raises:
            TimeoutError: when it does not come true.
            RuntimeError: when the program has ended.
        """

        def runs_and_condition() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(self._told("has ended"))
            return condition()

        until(runs_and_condition, what)

    def wait_for(self, wanted: Callable[[Line], bool], within_s: float = WAIT_S) -> Line:
        """The next line that is wanted; others before it are passed over.

        Raises:
            TimeoutError: when it does not come.
            RuntimeError: when the program has ended.
        """
        deadline = time.monotonic() + within_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(self._told(f"did not print it in {within_s:g} s")) from None
            if line is None:
                raise RuntimeError(self._told("has ended"))
            self.seen.append(line)
            if wanted(line):
                return line

    def terminate(self) -> int:
        """Ask it to end (SIGTERM), and take what it still prints; its exit status."""
        self.process.terminate()
        status = self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        while (line := self._lines.get(timeout=WAIT_S)) is not None:
            self.seen.append(line)
        return status

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                self._lines.put(json.loads(line))
        self._lines.put(None)

    def _told(self, what: str) -> str:
        return f"the program {what}; it printed {self.seen}, and on standard error: {self.errors}"
