"""A worker, as the pool sees it: a child process, and a socket to it."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from earlet.server.models import Model
from earlet.server.workers import frames
from earlet.server.workers.interrupts import SIGNAL
from earlet.server.workers.memory import process_bytes

if TYPE_CHECKING:
    from earlet.server.body import JsonValue
    from earlet.server.workers.job import Job

log = logging.getLogger("earlet.serve")

PROGRAM = (sys.executable, "-P", "-m", "earlet.server.workers.worker")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # 1, unless set
NAG_S = 0.1  # from one signal to the next, until a call is given up
GRACE_S = 5.0  # that a call has to be given up: a run of a network cannot be left in the middle
END_S = 2.0  # that a process has to end, once its socket is closed
LOOK_S = 0.005  # from one look whether it has ended to the next
MEASURE_S = 5.0  # from one look at its memory to the next: each takes the kernel a millisecond
SETTLE = frames.encoded({"operation": "settle", "arguments": {}})


def _nobody(_item: "JsonValue") -> None:
    """Told of parts that an answer should not have."""


class EndedError(Exception):
    """The process has ended before it answered."""

    def __init__(self, how: str, *, was_asked: bool = True) -> None:
        """`was_asked`: it can have begun with the answer."""
        super().__init__(how)
        self.was_asked = was_asked


class Process:
    """One child. It is asked for one thing at a time; what the pool knows of it is here, too."""

    def __init__(
        self, model: Model, program: Sequence[str], ended: Callable[["Process"], None]
    ) -> None:
        """Start it; `ended` is told when it has.

        Raises:
            OSError: the machine has no room for one more.
        """
        self.model = model
        self.is_loaded = False  # its model is
        self._is_leaving = False
        self.job: Job | None = None  # what it is at
        self.pushes: deque[Job] = deque()  # of its streams, which go before all else
        self.streams: set[int] = set()
        self.since = self.used_at = time.monotonic()
        self.bytes = 0  # of memory
        self.how = ""  # it ended
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._measure_at = 0.0
        self._number = 0  # of the call
        self._is_interrupted = False
        # The end of the answer to what it is asked, and who is told what comes before. None, if it
        # is asked for nothing; the result is None where it ends without an answer.
        self._answer: asyncio.Future[dict[str, Any] | None] | None = None
        self._told: Callable[[JsonValue], None] = _nobody
        self._socket, theirs = frames.pair()
        try:
            with theirs:
                self._child = subprocess.Popen(
                    [*program],
                    stdin=theirs.fileno(),
                    stdout=2,
                    env={**dict.fromkeys(THREADS, "1"), **os.environ},
                    start_new_session=True,  # a terminal's Ctrl-C is not for it
                )
        except OSError:
            self._socket.close()
            raise
        self._reading = self._loop.create_task(self._read())

    @property
    def is_ready(self) -> bool:
        """Whether its model is loaded, and it is there to stay."""
        return self.is_loaded and not self._is_leaving

    @property
    def is_free(self) -> bool:
        """Whether it may be asked for something."""
        return self.is_ready and self.job is None

    async def ask(
        self,
        request: bytes,
        payload: bytes = b"",
        told: Callable[["JsonValue"], None] = _nobody,
    ) -> dict[str, Any]:
        """The end of its answer; `told` is told what comes before. Who cancels this kills it.

        Raises:
            EndedError: it has ended.
        """
        self._number += 1
        self._is_interrupted = False
        self._told, self._answer = told, self._loop.create_future()
        try:
            await frames.send_soon(self._loop, self._socket, self._number, request, payload)
            answer = await self._answer
        except OSError:
            self.kill()
            await self.ended()
            raise EndedError(self.how, was_asked=False) from None
        finally:
            self._told, self._answer = _nobody, None
        if answer is None:
            raise EndedError(self.how)
        if self._is_interrupted:
            await self._settle()
        return answer

    def interrupt(self) -> None:
        """Have it give up what it is at; it is killed unless that is soon."""
        if self._answer is not None and not self._is_interrupted:
            self._is_interrupted = True
            self._nag(self._number, time.monotonic() + GRACE_S)

    def dismiss(self) -> None:
        """It is needed no more, and ends when nobody talks to it."""
        self._is_leaving = True
        with suppress(OSError):  # it has ended
            self._socket.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """End it at once."""
        self._is_leaving = True
        self._child.kill()

    async def ended(self) -> None:
        """Until it has."""
        await asyncio.shield(self._reading)

    def measure(self) -> None:
        """Look how much memory it takes, unless that was just done."""
        if time.monotonic() >= self._measure_at:
            self.bytes = process_bytes(self._child.pid)
            self._measure_at = time.monotonic() + MEASURE_S

    def _nag(self, number: int, until: float) -> None:
        if self._answer is None or number != self._number:
            return
        if time.monotonic() < until:
            self._child.send_signal(SIGNAL)
            self._loop.call_later(NAG_S, self._nag, number, until)
        else:
            log.warning("the process of %s does not give up its call: ended", self.model.name)
            self.kill()

    async def _settle(self) -> None:
        """Signals that were sent for one call must not hit the next."""
        try:
            async with asyncio.timeout(GRACE_S):
                await self.ask(SETTLE)
        except TimeoutError:
            self.kill()

    async def _read(self) -> None:
        """Until it ends, whatever it sends."""
        try:
            while True:
                self._hear(await frames.receive_soon(self._loop, self._socket))
                await asyncio.sleep(0)  # however fast it talks, others have their turn
        except frames.FrameError as problem:
            log.error("the process of %s sends what is no frame: %s", self.model.name, problem)
            self.kill()
        except (EOFError, OSError):
            pass
        except Exception:
            log.exception("the process of %s cannot be heard", self.model.name)
            self.kill()
        was_ready, self._is_leaving = self.is_ready, True
        self.how = await self._reap()
        self._socket.close()
        if was_ready:
            log.error("the process of %s %s", self.model.name, self.how)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)
        self._ended(self)

    def _hear(self, frame: frames.Frame) -> None:
        """Raises FrameError for what nobody asked."""
        if self._answer is None or self._answer.done() or frame.number != self._number:
            raise frames.FrameError("an answer to what nobody asked")
        if "item" in frame.header:
            self._told(frame.header["item"])
        else:
            self._answer.set_result(frame.header)

    async def _reap(self) -> str:
        """How it ended; it is made to, where it has only closed its socket."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # who still sends is told, in the first sleep
        until = time.monotonic() + END_S
        while True:
            await asyncio.sleep(LOOK_S)
            if (code := self._child.poll()) is not None:
                break
            if time.monotonic() > until:
                self.kill()
        return f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
