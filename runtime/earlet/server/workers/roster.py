"""Which processes there are, and how much memory they take.

Where all together would take more than `budget`, those that do nothing are ended, the least used
first. A process with live streams is never ended for that.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Iterator, Mapping

from earlet.server.models import Model
from earlet.server.workers import memory
from earlet.server.workers.loading import LoadHistory
from earlet.server.workers.process import Process

log = logging.getLogger("earlet.serve")

MB = 1 << 20
LEAST_S = 0.1  # that loading still takes, however long it has taken


class Roster:
    """Processes, and the models that they can have."""

    def __init__(self, models: Mapping[str, Model], memory_mb: int | None) -> None:
        """`memory_mb` of all processes together; None: half of the machine's."""
        self.budget = memory.machine_bytes() // 2 if memory_mb is None else memory_mb * MB
        self.history = {name: LoadHistory(model) for name, model in models.items()}
        self.n_evictions = 0
        self._processes: list[Process] = []
        self._ending: set[Process] = set()  # that are not needed any more
        self._told: set[str] = set()  # models that are larger than the budget

    def __iter__(self) -> Iterator[Process]:
        return iter(self._processes[:])

    def of(self, model: str) -> list[Process]:
        """Those that have a model, or load it."""
        return [process for process in self._processes if process.model.name == model]

    @property
    def is_pinned(self) -> bool:
        """Whether all have live streams, so that no memory will get free."""
        return bool(self._processes) and all(process.streams for process in self._processes)

    def left_s(self, model: str) -> float:
        """Until it is loaded, if that takes as long as expected."""
        since = [process.since for process in self.of(model)]
        begun_s = time.monotonic() - min(since) if since else 0.0
        return max(LEAST_S, self.history[model].expected_s - begun_s)

    def add(self, process: Process) -> None:
        """One more, which is about to load its model."""
        process.bytes = self.history[process.model.name].expected_bytes
        self._processes.append(process)

    def discard(self, process: Process) -> bool:
        """It has ended; whether it was needed."""
        self._ending.discard(process)
        if process not in self._processes:
            return False
        self._processes.remove(process)
        return True

    def dismiss(self, process: Process) -> None:
        """It is needed no more."""
        if self.discard(process):
            self._ending.add(process)
            process.dismiss()

    def fits(self, model: str) -> bool:
        """Whether there is memory for one more process of a model."""
        taken = sum(process.bytes for process in self._processes)
        return taken + self.history[model].expected_bytes <= self.budget or not self._processes

    def make_room(self, model: str, spared: Collection[str] = ()) -> bool:
        """The same, once others were ended, but those of the models that are `spared`."""
        while not self.fits(model):
            idle = [process for process in self._idle() if process.model.name not in spared]
            if not idle:
                return False
            self._evict(idle[0])
        return True

    def measured(self, process: Process) -> None:
        """It has done something: how much memory it takes now, and what that means for others."""
        process.measure()
        if process.bytes > self.budget and process.model.name not in self._told:
            self._told.add(process.model.name)
            log.warning(
                "%s takes %d MB, more than the %d MB that all may; it is served all the same",
                process.model.name,
                process.bytes // MB,
                self.budget // MB,
            )
        while sum(each.bytes for each in self._processes) > self.budget:
            idle = [each for each in self._idle() if each is not process]
            if not idle:
                return
            self._evict(idle[0])

    async def ended(self) -> None:
        """Until all have."""
        await asyncio.gather(*(each.ended() for each in (*self._processes, *self._ending)))

    def _idle(self) -> list[Process]:
        """Those that could be ended, the least used first."""
        idle = [p for p in self._processes if p.is_free and not (p.streams or p.pushes)]
        return sorted(idle, key=lambda process: process.used_at)

    def _evict(self, process: Process) -> None:
        log.info("%s is unloaded", process.model.name)
        self.n_evictions += 1
        self.dismiss(process)
