"""A process that computes: one bundle, one thread, one call after another.

    frames: load, then calls -> operations.py -> frames: answers

It begins with a socket as its standard input, and ends when that is closed. Its standard output
leads to its standard error. An error that is not on purpose ends it: what that leaves behind is not
to be trusted, and the pool starts another.
"""

import os
import select
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from earlet.errors import EarletError, InputError
from earlet.server.workers import frames
from earlet.server.workers.interrupts import Interrupted, Interrupts
from earlet.server.workers.loaded import Loaded, Operation
from earlet.server.workers.operations import OPERATIONS

if TYPE_CHECKING:
    from earlet.server.body import JsonValue

# Where memory runs out, the kernel is to end a worker, which is replaced, and nothing else; proc(5)
OOM = Path("/proc/self/oom_score_adj")
EXPENDABLE = "500"  # of 1000
LOOK_S = 1.0  # from one look, during a call, whether anybody is there to hear its answer


class Worker:
    """Answers the frames of one pool. For the main thread, which hears the signals."""

    def __init__(self, pool: socket.socket, operations: Mapping[str, Operation]) -> None:
        self._pool = pool
        self._operations = operations
        self._interrupts = Interrupts()
        self._number = 0  # of the call
        self._hung_up = select.poll()
        self._hung_up.register(pool, 0)  # POLLHUP is told without being asked for
        signal.signal(signal.SIGALRM, self._look)

    def run(self) -> None:
        """Load, and answer until the pool closes its end.

        Raises:
            EOFError, ConnectionError: it has.
        """
        self._number, call, _ = frames.receive(self._pool)
        loaded = self._load(call["arguments"])
        while loaded is not None:
            self._serve(loaded)

    def _load(self, arguments: Mapping[str, Any]) -> Loaded | None:
        try:
            loaded = Loaded(Path(arguments["path"]), arguments["max_audio_s"], self._interrupts)
        except EarletError as problem:
            self._tell({"error": [type(problem).__name__, str(problem)]})
            return None
        self._tell({})
        return loaded

    def _serve(self, loaded: Loaded) -> None:
        """One call, of which nothing is kept."""
        self._number, call, payload = frames.receive(self._pool)
        signal.setitimer(signal.ITIMER_REAL, LOOK_S, LOOK_S)
        self._answer(loaded, call["operation"], call["arguments"], payload)
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _answer(
        self, loaded: Loaded, operation: str, arguments: Mapping[str, Any], payload: bytes
    ) -> None:
        audio_s, cpu_s = loaded.audio_s, time.process_time()
        last: dict[str, JsonValue]
        try:
            with self._interrupts.allowed():
                last = self._result(loaded, operation, arguments, payload)
        except Interrupted:
            last = {"interrupted": True}
        except EarletError as problem:
            last = {"error": [type(problem).__name__, str(problem)]}
        last["audio_s"] = loaded.audio_s - audio_s
        last["cpu_s"] = time.process_time() - cpu_s
        self._tell(last)

    def _result(
        self, loaded: Loaded, operation: str, arguments: Mapping[str, Any], payload: bytes
    ) -> "dict[str, JsonValue]":
        """The end of an answer; what comes before it is sent."""
        if operation not in self._operations:
            raise InputError(f"{operation}: there is no such operation")
        result = self._operations[operation](loaded, arguments, payload)
        if not isinstance(result, Iterator):
            return {"result": result}
        for item in result:
            with self._interrupts.held():
                self._tell({"item": item})
        return {}

    def _tell(self, header: "dict[str, JsonValue]") -> None:
        frames.send(self._pool, self._number, header)

    def _look(self, _number: int, _frame: FrameType | None) -> None:
        if self._hung_up.poll(0):
            os._exit(0)  # there is nothing that would have to be ended in peace


def main(operations: Mapping[str, Operation]) -> None:
    """Be a worker; standard input is the socket."""
    # Those of a terminal, and of systemd, which sends them to every process of a service, are for
    # the pool: it lets what runs come to its end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(OSError):  # there is no such file everywhere
        OOM.write_text(EXPENDABLE, encoding="ascii")
    # Nothing that reads its input shall get at the frames.
    pool = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    with suppress(EOFError, ConnectionError):  # the pool is gone, or needs it no more
        Worker(pool, operations).run()


if __name__ == "__main__":
    main(OPERATIONS)
