"""A call: what is asked of which model, what came of it; and the calls that wait."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, cast

from earlet.server.failures import Failure, Internal, TooLarge
from earlet.server.workers import frames

if TYPE_CHECKING:
    from earlet.server.body import JsonValue
    from earlet.server.workers.process import Process

MAX_ITEMS = 100_000  # answers of one call that nobody has taken: the segments of a day


class Job:
    """A call that waits, runs, or is over: then `result` is done."""

    def __init__(
        self,
        model: str,
        operation: str,
        arguments: Mapping[str, object],
        payload: bytes = b"",
        *,
        stream: int = 0,
    ) -> None:
        """`stream` is the number of the live stream that it opens or belongs to.

        Raises:
            TooLarge: more than a worker can be sent.
        """
        self.model = model
        self.operation = operation
        self.payload = payload
        self.stream = stream
        try:
            self.request = frames.encoded(request(operation, arguments), payload)
        except frames.FrameError as problem:
            raise TooLarge(str(problem)) from None
        self.since = time.monotonic()
        self.process: Process | None = None  # that has it, or had
        self.was_returned = False  # its process ended before it could begin
        self.result: asyncio.Future[JsonValue] = asyncio.get_running_loop().create_future()
        self._items: asyncio.Queue[tuple[JsonValue] | None] = asyncio.Queue()
        self._last: JsonValue = None

    @property
    def is_push(self) -> bool:
        """Whether it is a short one of a stream that is open, and not to be held up by calls."""
        return bool(self.stream) and self.operation != "open"

    @property
    def outcome(self) -> str:
        """What came of it, in a word."""
        if not self.result.done() or self.result.cancelled():
            return "given up"
        problem = self.result.exception()
        return problem.kind if isinstance(problem, Failure) else "done"

    def tell(self, item: "JsonValue") -> None:
        """One of its answers."""
        if not self.result.done():
            self._last = item
            self._items.put_nowait((item,))
            if self._items.qsize() > MAX_ITEMS:
                self.fail(Internal())

    def finish(self) -> None:
        """There are no more; the last is the result."""
        if not self.result.done():
            self.result.set_result(self._last)
            self._items.put_nowait(None)

    def fail(self, failure: Failure) -> None:
        """There is no result."""
        if not self.result.done():
            self.result.set_exception(failure)
            self.result.exception()  # looked at: there may be nobody who does
            self._items.put_nowait(None)

    async def items(self) -> AsyncGenerator["JsonValue", None]:
        """Its answers, each as soon as it is there; raises Failure."""
        while (item := await self._items.get()) is not None:
            yield item[0]
        self.result.result()


def request(operation: str, arguments: Mapping[str, object]) -> "JsonValue":
    """What a worker is asked."""
    plain = cast("dict[str, JsonValue]", arguments)  # who calls vouches for it
    return {"operation": operation, "arguments": {**plain}}


class Waiting:
    """Calls that wait: the models take turns, and the calls of each come in their order."""

    def __init__(self) -> None:
        self._of: dict[str, deque[Job]] = {}  # model -> its calls, one at least
        self._turns = itertools.count(1)
        self._served: dict[str, int] = {}  # model -> its last turn

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def add(self, job: Job, *, first: bool = False) -> None:
        """One more; `first`: one that had its turn, and was not served."""
        calls = self._of.setdefault(job.model, deque())
        if first:
            calls.appendleft(job)
        else:
            calls.append(job)

    def heads(self) -> list[Job]:
        """The next call of each model; first of the model whose turn is the longest ago."""
        heads = [calls[0] for calls in self._of.values()]
        return sorted(heads, key=lambda job: (self._served.get(job.model, 0), job.since))

    def take(self, job: Job) -> None:
        """It is served."""
        self.remove(job)
        self._served[job.model] = next(self._turns)

    def remove(self, job: Job) -> None:
        """It waits no more, if it did."""
        calls = self._of.get(job.model)
        if calls is not None and job in calls:
            calls.remove(job)
            if not calls:
                del self._of[job.model]

    def of(self, model: str) -> list[Job]:
        """The calls of a model."""
        return [*self._of.get(model, ())]

    def all(self) -> list[Job]:
        """Every call."""
        return [job for calls in self._of.values() for job in calls]
