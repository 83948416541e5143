"""A live stream, of which one process has the state."""

import asyncio
from typing import TYPE_CHECKING, Any, Self, cast

from earlet.server.failures import Overloaded, WorkerLost
from earlet.server.workers.crew import Crew
from earlet.server.workers.job import Job

if TYPE_CHECKING:
    from earlet.server.body import JsonValue

MAX_WAITING = 4  # pushes of one stream: who sends faster than it is heard must wait


class Stream:
    """What `Pool.open` gives; a context manager that closes it."""

    def __init__(self, crew: Crew, opening: Job, opened: "dict[str, Any]") -> None:
        """`opened` is the answer to `opening`."""
        self.sample_rate: int = opened["sample_rate"]  # Hz, of what is pushed
        self.labels: list[str] = opened["labels"]  # that can be detected
        self.description: str = opened["description"]  # one line for a log
        self._crew = crew
        self._process = opening.process
        self._number = opening.stream
        self._n_waiting = 0
        self._is_closed = False

    async def push(self, samples: bytes, *, late: bool = False) -> "list[JsonValue]":
        """Take samples, by default float32, mono; return what they complete.

        `late`: more sound is waiting already, so that there is no time for partial results. Who
        cancels this has pushed them all the same.

        Raises:
            Failure: the stream is lost, unless it is Refused.
        """
        return await self._ask("push", {"late": late}, samples)

    async def flush(self) -> "list[JsonValue]":
        """What the end of the stream, or of a part of it, completes; it may go on."""
        return await self._ask("flush", {})

    async def close(self) -> None:
        """Forget it. May be called again."""
        if not self._is_closed and self._process is not None:
            self._is_closed = True
            self._crew.forget(self._process, self._number)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def _ask(
        self, operation: str, arguments: "dict[str, JsonValue]", payload: bytes = b""
    ) -> "list[JsonValue]":
        if self._is_closed or self._process is None:
            raise WorkerLost("the stream is closed")
        if self._n_waiting >= MAX_WAITING:
            raise Overloaded(f"{MAX_WAITING} pushes of this stream are waiting already")
        arguments = {"stream": self._number, **arguments}
        job = Job(self._process.model.name, operation, arguments, payload, stream=self._number)
        self._crew.push(self._process, job)
        self._n_waiting += 1
        job.result.add_done_callback(self._answered)
        # Who leaves does not end it, nor its deadline.
        return cast("list[JsonValue]", await asyncio.shield(job.result))

    def _answered(self, _result: "asyncio.Future[JsonValue]") -> None:
        self._n_waiting -= 1
