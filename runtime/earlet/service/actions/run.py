"""Start a program: arguments, never a shell. The event is in its environment and on its input.

    EARLET_LABEL=go EARLET_SCORE=0.98 EARLET_END_S=1.7 ... aplay x.wav < event.json

It runs as the leader of a group of processes. When its time is over the group is asked to end, and
then made to. What a program leaves behind that ended in time, such as a daemon, stays.
"""

import errno
import json
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

from earlet.config import Run
from earlet.errors import ConfigError, printable
from earlet.service.actions.spool import Event
from earlet.service.actions.worker import ActionError

MAX_PARALLEL = 8  # processes of one action
MAX_OUTPUT = 2_000  # bytes that the log shows: the last, where a program says what it died of
TICK_S = 0.05  # how often it is looked whether the program has ended
GRACE_S = 0.3  # from SIGTERM to SIGKILL
MAX_VARIABLE = 30_000  # characters of up to four bytes: Linux takes 131,072 bytes
PIPE_BYTES = 65_536  # what is read at a time, and what a pipe of Linux holds
MAX_LEFT = 16  # reads after the end: a daemon that it left may print for ever


class RunProgram:
    """Run it for each event; that it failed is told, and it is not tried again."""

    def __init__(self, action: Run) -> None:
        """Find the program, once.

        Raises:
            ConfigError: when it is not there, or is no program.
        """
        self.name = f"run {Path(action.run[0]).name}"
        self.n_parallel = MAX_PARALLEL if action.parallel else 1
        self._action = action
        self._program = _found(action.run[0])
        self._is_stopped = threading.Event()

    def perform(self, event: Event) -> None:
        """Run it until it ends, or its time is over."""
        try:
            process = subprocess.Popen(
                self._action.run,
                executable=self._program,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment(event)},
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as problem:  # ValueError: a NUL among the arguments
            raise ActionError(f"cannot be started: {_reason(problem)}", again=False) from None
        has_ended, output = False, b""
        try:
            with _Pipes(process, json.dumps(event).encode() + b"\n") as pipes:
                has_ended = self._attend(process, pipes)
                output = pipes.output
        finally:
            if not has_ended:
                _end(process)
            code = _bury(process)
        if not has_ended:
            when = "earlet ends" if self._is_stopped.is_set() else "its time was over"
            raise ActionError(f"was ended: {when}{_shown(output)}", again=False)
        if code:
            how = f"ended with {code}" if code > 0 else f"was ended by signal {-code}"
            raise ActionError(f"{how}{_shown(output)}", again=False)

    def stop(self) -> None:
        """End all processes."""
        self._is_stopped.set()

    def _attend(self, process: subprocess.Popen[bytes], pipes: "_Pipes") -> bool:
        """Stay until it has ended, by itself or not."""
        until = time.monotonic() + self._action.timeout_s
        while not _has_ended(process):
            if time.monotonic() >= until or self._is_stopped.is_set():
                return False
            pipes.move(TICK_S)
        for _ in range(MAX_LEFT):
            if not pipes.move(0):
                break
        return True


class _Pipes:
    """What goes into a program, and the last of what comes out, neither of them waited for."""

    def __init__(self, process: subprocess.Popen[bytes], line: bytes) -> None:
        self.output = b""
        self._line = line
        self._stdin = cast(IO[bytes], process.stdin)
        self._stdout = cast(IO[bytes], process.stdout)
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> "_Pipes":
        for pipe, event in (
            (self._stdin, selectors.EVENT_WRITE),
            (self._stdout, selectors.EVENT_READ),
        ):
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, event)
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        self._stdin.close()
        self._stdout.close()

    def move(self, timeout_s: float) -> bool:
        """Write and read what is possible; False where nothing was within this time."""
        ready = self._selector.select(timeout_s)
        for key, _ in ready:
            if key.fileobj is self._stdin:
                self._write()
            else:
                self._read()
        return bool(ready)

    def _write(self) -> None:
        try:
            self._line = self._line[os.write(self._stdin.fileno(), self._line) :]
        except BrokenPipeError:  # not every program reads it
            self._line = b""
        if not self._line:
            self._selector.unregister(self._stdin)
            self._stdin.close()

    def _read(self) -> None:
        data = os.read(self._stdout.fileno(), PIPE_BYTES)
        if not data:
            self._selector.unregister(self._stdout)
        self.output = (self.output + data)[-MAX_OUTPUT:]


def environment(event: Event) -> Mapping[str, str]:
    """The event as variables: EARLET_LABEL, EARLET_SCORE ...; what is no text is JSON."""
    values = dict(event)
    if isinstance(times := values.pop("timestamp", None), list):  # of a transcript
        values["start_s"], values["end_s"] = times
    texts = {
        name: printable(value) if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
    return {f"EARLET_{name.upper()}": text[:MAX_VARIABLE] for name, text in texts.items()}


def _found(program: str) -> str:
    if (path := shutil.which(program)) is not None:
        return str(Path(path).absolute())
    if os.sep in program and Path(program).is_file():
        raise ConfigError(f"run: {program}: may not be run; chmod +x allows it")
    raise ConfigError(f"run: no program {program!r} is there; write its path, or see $PATH")


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has, without burying it: so long, nobody else's group can have its number."""
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # whoever started earlet has the kernel bury all children
        return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Have the whole group end, even if the program itself just did."""
    _signal(process, signal.SIGTERM)
    until = time.monotonic() + GRACE_S
    while not _has_ended(process) and time.monotonic() < until:
        time.sleep(TICK_S)
    _signal(process, signal.SIGKILL)


def _bury(process: subprocess.Popen[bytes]) -> int:
    """The exit code."""
    try:
        return process.wait(GRACE_S)
    except subprocess.TimeoutExpired:  # of another user: sudo; subprocess buries it some time
        return -signal.SIGKILL


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _shown(output: bytes) -> str:
    text = output.decode(errors="replace").strip()
    return f"; it said: {text}" if text else ""


def _reason(problem: OSError | ValueError) -> str:
    if isinstance(problem, FileNotFoundError):  # for it was there when earlet began
        return "it is gone, or what the #! of its first line names is not there"
    if isinstance(problem, OSError) and problem.errno == errno.ENOEXEC:
        return "it is no program; the first line of a script is such as #!/bin/sh"
    return (isinstance(problem, OSError) and problem.strerror) or str(problem)
