"""The processes of a pool: who does what, and which are there at all.

    job -> waiting, in turns between the models -> a free process of its model, or a new one

At most `limit` calls compute at once, models that load among them. Pushes of live streams, which
are short, go before all else and do not count. What takes memory is `roster.py`'s.
"""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from earlet.config import ServeConfig
from earlet.server import failures
from earlet.server.models import Model
from earlet.server.workers import frames
from earlet.server.workers.job import Job, Waiting, request
from earlet.server.workers.loading import LoadHistory
from earlet.server.workers.process import EndedError, Process
from earlet.server.workers.roster import MB, Roster

log = logging.getLogger("earlet.serve")

LOAD_S = 300.0  # within which a model must be loaded
PUSH_S = 120.0  # within which a push must be answered: what was said in half a minute is written
RECENT = 0.1  # share of the last call in the mean
STREAMS = 8  # of one process, before another is started for more


class Crew:
    """Processes, and what they are at. For the thread of the event loop."""

    def __init__(
        self, models: Mapping[str, Model], config: ServeConfig, program: Sequence[str]
    ) -> None:
        """`program` is what each process runs."""
        self.limit = config.workers or os.cpu_count() or 1
        self.waiting = Waiting()
        self.roster = Roster(models, config.memory_mb)
        self.counts: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.seconds: dict[str, float] = {"audio": 0.0, "compute": 0.0}
        self._config = config
        self._program = program
        self._wanted: set[str] = set()  # models to be loaded although no call waits for them
        self._tasks: set[asyncio.Task[None]] = set()
        self._call_s = 0.0  # that calls take, the last ones above all
        self._is_draining = self._is_closed = False

    @property
    def n_busy(self) -> int:
        """Processes that compute or load."""
        return sum(not process.is_free for process in self.roster)

    @property
    def _n_calls(self) -> int:
        """The same, but for pushes: else streams that are never silent would keep calls out."""
        pushing = sum(p.job is not None and p.job.is_push for p in self.roster)
        return self.n_busy - pushing

    def submit(self, job: Job, deadline_s: float | None = None, *, hold: bool = True) -> None:
        """Have it done; `job.result` tells. Who has submitted it withdraws it in the end.

        Raises:
            Failure: it is not taken.
        """
        try:
            self._check(job, hold)
            self.waiting.add(job)
            self._dispatch()
            if job.process is None and len(self.waiting) > self._config.queue:
                self.waiting.remove(job)
                raise failures.Overloaded(
                    f"{self._config.queue} calls are waiting already",
                    retry_s=max(failures.RETRY_S, self._call_s * self._config.queue / self.limit),
                )
        except failures.Failure as failure:
            self.outcomes[failure.kind] += 1
            raise
        self._set_deadline(job, deadline_s or self._config.deadline_s)
        if job.process is None:
            # If no process gets free so soon, another is worth its while.
            wait_s = self.roster.history[job.model].expected_s
            asyncio.get_running_loop().call_later(wait_s, self._dispatch)

    def withdraw(self, job: Job) -> None:
        """Nobody waits for it any more: it is given up, if it is not over."""
        self.outcomes[job.outcome] += 1
        job.result.cancel()
        self._give_up(job)

    def push(self, process: Process, job: Job) -> None:
        """A short call of a stream, of which that process has the state.

        Raises:
            Failure: the stream is lost.
        """
        if process.how:
            raise failures.WorkerLost(f"the process that listened {process.how}")
        if job.stream not in process.streams:
            raise failures.WorkerLost("the stream was given up")
        job.process = process
        process.pushes.append(job)
        self._set_deadline(job, min(self._config.deadline_s, PUSH_S))
        self._dispatch()

    def forget(self, process: Process, stream: int) -> None:
        """A stream is over."""
        if stream in process.streams:
            process.streams.discard(stream)
            process.pushes.append(
                Job(process.model.name, "close", {"stream": stream}, stream=stream)
            )
            self._dispatch()

    async def close(self, drain_s: float) -> None:
        """Refuse new calls; those that are there may finish until then; then end all processes."""
        self._is_draining = True
        until = time.monotonic() + drain_s
        while self._tasks and (left_s := until - time.monotonic()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        self._is_closed = True
        for process in self.roster:
            if process.is_free:
                process.dismiss()
            else:
                process.kill()
        await self.roster.ended()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for job in self.waiting.all():
            job.fail(failures.Draining())

    def _check(self, job: Job, hold: bool) -> None:
        if self._is_draining:
            raise failures.Draining
        history = self.roster.history.get(job.model)
        if history is None:
            raise failures.NotFound(f"there is no model {job.model!r:.100}", field="model")
        if any(process.is_ready for process in self.roster.of(job.model)):
            return
        if history.pause_s:
            raise _paused(history)
        if not hold:
            self._wanted.add(job.model)
            self._dispatch()
            raise failures.Loading(
                f"Model {job.model} is currently loading",  # the words that programs look for
                estimated_s=self.roster.left_s(job.model),
            )

    def _set_deadline(self, job: Job, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.call_later(seconds, self._is_late, job, seconds)
        # Until it is due it would hold the payload of a job that is over.
        job.result.add_done_callback(lambda _result: deadline.cancel())

    def _is_late(self, job: Job, seconds: float) -> None:
        job.fail(failures.DeadlinePassed(f"not done within {seconds:g} s"))
        self._give_up(job)
        if job.stream and job.process is not None:
            self._lose(job.process, job.stream)

    def _lose(self, process: Process, stream: int) -> None:
        """A push of the stream was left in the middle: nothing can go on from there."""
        for job in [*process.pushes]:
            if job.stream == stream:
                process.pushes.remove(job)
                job.fail(failures.WorkerLost("the stream was given up"))
        self.forget(process, stream)

    def _give_up(self, job: Job) -> None:
        self.waiting.remove(job)
        if job.process is not None and job.process.job is job:
            job.process.interrupt()

    def _dispatch(self) -> None:
        """Give out what can be done now."""
        if self._is_closed:
            return
        for process in self.roster:
            if process.is_free and process.pushes:
                self._begin(process, process.pushes.popleft())
        while self._give_one():
            pass
        for model in [*self._wanted]:
            if self.roster.of(model):
                self._wanted.discard(model)
            elif self._n_calls < self.limit and self.roster.make_room(model):
                self._load(model)

    def _give_one(self) -> bool:
        """Serve the first call that can be; whether there was one."""
        for job in self.waiting.heads():
            if self._n_calls >= self.limit:
                return False
            own = self.roster.of(job.model)
            suited = [process for process in own if _suits(process, job)]
            free = [process for process in suited if process.is_free]
            if not free and self._may_load(job, own, suited):
                self._load(job.model)
                return True
            if not suited:  # nor memory for another: calls and streams share one
                free = [process for process in own if process.is_free]
            if free:
                self.waiting.take(job)
                # Streams share a process as far as they can, so that calls have the others.
                self._begin(max(free, key=lambda process: len(process.streams)), job)
                return True
            if not own and (refusal := self._refusal(job)):
                self.waiting.remove(job)
                job.fail(refusal)
                return True
        return False

    def _refusal(self, job: Job) -> failures.Failure | None:
        """Why it would wait in vain for a process of its model; None: there will be one."""
        history = self.roster.history[job.model]
        if history.pause_s:
            return _paused(history)
        if self.roster.is_pinned:
            return failures.Overloaded("live streams take all the memory that there is")
        return None

    def _may_load(self, job: Job, own: Sequence[Process], suited: Sequence[Process]) -> bool:
        """Whether one more process of its model is worth its while, and has room."""
        history = self.roster.history[job.model]
        if history.pause_s or not all(process.is_ready for process in own):
            return False
        if suited:  # they are busy, but not for long perhaps
            waited_s = time.monotonic() - job.since
            return waited_s >= history.expected_s and self.roster.fits(job.model)
        # Where memory is short, models replace each other only as calls come.
        older = {other.model for other in self.waiting.heads() if other.since < job.since}
        return self.roster.make_room(job.model, spared=older)

    def _load(self, model: str) -> None:
        self._wanted.discard(model)
        try:
            process = Process(self.roster.history[model].model, self._program, self._ended)
        except OSError as problem:
            self._cannot_load(model, f"no process can be started: {problem.strerror}")
            return
        self.roster.add(process)
        self._spawn(self._start(process))

    async def _start(self, process: Process) -> None:
        """Have it load its model."""
        model = process.model
        arguments = {"path": str(model.path), "max_audio_s": self._config.max_audio_s}
        try:
            async with asyncio.timeout(LOAD_S):
                answer = await process.ask(frames.encoded(request("load", arguments)))
            why = answer["error"][1] if "error" in answer else None
        except Exception as problem:
            if not isinstance(problem, EndedError | TimeoutError):
                log.exception("the answer of the process of %s makes no sense", model.name)
            process.kill()
            await process.ended()
            if not self._is_closed:
                self._cannot_load(model.name, f"its process {process.how}")
            return
        if why is not None:
            self.roster.dismiss(process)
            self._cannot_load(model.name, why)
            return
        process.is_loaded = True
        process.used_at = time.monotonic()
        self.roster.measured(process)
        self.counts["loads"] += 1
        history = self.roster.history[model.name]
        history.succeeded(process.used_at - process.since, process.bytes)
        log.info("%s is loaded: %.1f s, %d MB", model.name, history.expected_s, process.bytes // MB)
        self._dispatch()

    def _cannot_load(self, model: str, why: str) -> None:
        log.error("%s cannot be loaded: %s", model, why)
        self.counts["load_failures"] += 1
        self.roster.history[model].failed()
        if not self.roster.of(model):
            for job in self.waiting.of(model):
                self.waiting.remove(job)
                job.fail(failures.Internal(f"{model} cannot be loaded; the server's log says why"))
        self._dispatch()

    def _begin(self, process: Process, job: Job) -> None:
        process.job, job.process = job, process
        if job.operation == "open":
            process.streams.add(job.stream)
        self._spawn(self._serve(process, job))

    async def _serve(self, process: Process, job: Job) -> None:
        """Have it done."""
        began = time.monotonic()
        try:
            self._finish(job, await process.ask(job.request, job.payload, job.tell))
        except EndedError as problem:
            if problem.was_asked or job.was_returned or job.stream:
                job.fail(failures.WorkerLost(f"the process that computed {problem}"))
            elif not job.result.done():
                job.was_returned = True
                self.waiting.add(job, first=True)
        except Exception:  # else the process would be at it for ever
            log.exception("the answer of the process of %s makes no sense", job.model)
            job.fail(failures.Internal())
            process.kill()
            await process.ended()
        else:
            process.job = None
            process.used_at = time.monotonic()
            if not job.is_push:
                self._call_s += RECENT * (process.used_at - began - self._call_s)
            self.roster.measured(process)
        self._dispatch()

    def _finish(self, job: Job, answer: Mapping[str, Any]) -> None:
        self.seconds["audio"] += answer.get("audio_s", 0.0)
        self.seconds["compute"] += answer.get("cpu_s", 0.0)
        if "error" in answer:
            error, message = answer["error"]
            refused = failures.Refused(error, message)
            if refused.status >= failures.Internal.status:
                log.error("%s: %s", job.model, message)
            job.fail(refused)
        elif "interrupted" in answer:
            job.fail(failures.Internal())  # unless somebody gave it up, and knows
        elif "result" in answer:
            job.tell(answer["result"])
        job.finish()  # unless it has failed

    def _ended(self, process: Process) -> None:
        """It has; told once of each."""
        if self.roster.discard(process) and process.is_loaded:
            self.counts["crashes"] += 1
        while process.pushes:
            process.pushes.popleft().fail(
                failures.WorkerLost(f"the process that listened {process.how}")
            )
        if process.is_loaded and process.job is None:  # else its last call sees to that
            self._dispatch()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _paused(history: LoadHistory) -> failures.Loading:
    """What is said of a model that could not be loaded, again and again."""
    return failures.Loading(
        f"{history.model.name} cannot be loaded; it is tried again later",
        estimated_s=history.pause_s,
    )


def _suits(process: Process, job: Job) -> bool:
    """Whether it is right for it: live streams are not to wait for long calls."""
    return len(process.streams) < STREAMS if job.operation == "open" else not process.streams
