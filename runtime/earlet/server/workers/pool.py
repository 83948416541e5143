"""What all routes call: `Pool`. Calls in, answers out; how they come about, `crew.py` sees to."""

import itertools
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from earlet.config import ServeConfig
from earlet.server.models import Model
from earlet.server.workers.crew import Crew
from earlet.server.workers.figures import figures
from earlet.server.workers.job import Job
from earlet.server.workers.process import PROGRAM
from earlet.server.workers.stream import Stream
from earlet.service.metrics import Metric

if TYPE_CHECKING:
    from earlet.server.body import JsonValue

NOTHING: Mapping[str, object] = {}


class Pool:
    """The models that are served. All methods are for the thread of the event loop."""

    def __init__(
        self, models: Mapping[str, Model], config: ServeConfig, *, program: Sequence[str] = PROGRAM
    ) -> None:
        """`program` is what a worker runs."""
        self.models = models
        self._crew = Crew(models, config, program)
        self._streams = itertools.count(1)

    @property
    def loaded(self) -> set[str]:
        """The models that answer at once."""
        return {process.model.name for process in self._crew.roster if process.is_ready}

    async def close(self, drain_s: float) -> None:
        """Refuse new calls; what is there may finish within `drain_s`; then end all processes."""
        await self._crew.close(drain_s)

    async def call(
        self,
        model: str,
        operation: str,
        arguments: Mapping[str, object] = NOTHING,
        payload: bytes = b"",
        *,
        deadline_s: float | None = None,
        hold: bool = True,
    ) -> "JsonValue":
        """The result of an operation; of one with several answers, the last.

        Who cancels it gives the call up.

        Args:
            model: its name.
            operation: one of `operations.py`.
            arguments: of the operation, as JSON.
            payload: bytes beside it.
            deadline_s: within which it must be there; None: the configuration's.
            hold: whether to wait while the model is loaded.

        Raises:
            Failure: there is no answer.
        """
        job = Job(model, operation, arguments, payload)
        self._crew.submit(job, deadline_s, hold=hold)
        try:
            return await job.result
        finally:
            self._crew.withdraw(job)

    async def events(
        self,
        model: str,
        operation: str,
        arguments: Mapping[str, object] = NOTHING,
        payload: bytes = b"",
        *,
        deadline_s: float | None = None,
        hold: bool = True,
    ) -> AsyncGenerator["JsonValue", None]:
        """All answers of a call, each as soon as it is there; the last is its result.

        Who closes it gives the call up. Arguments are those of `call`.

        Raises:
            Failure: there is no further answer.
        """
        job = Job(model, operation, arguments, payload)
        self._crew.submit(job, deadline_s, hold=hold)
        try:
            async for item in job.items():
                yield item
        finally:
            self._crew.withdraw(job)

    async def open(self, model: str, options: Mapping[str, object]) -> Stream:
        """Begin a live stream, which is a context manager; `streams.py` knows the options.

        Raises:
            Failure: it cannot be opened.
        """
        number = next(self._streams)
        job = Job(model, "open", {"stream": number, "options": options}, stream=number)
        self._crew.submit(job)
        try:
            opened: Any = await job.result
            return Stream(self._crew, job, opened)
        except BaseException:  # it may be open all the same: who waits can leave at any point
            if job.process is not None:
                self._crew.forget(job.process, number)
            raise
        finally:
            self._crew.withdraw(job)

    def figures(self) -> list[Metric]:
        """What there is to tell, for Prometheus."""
        return figures(self._crew)
