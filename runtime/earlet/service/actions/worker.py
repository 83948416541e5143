"""An action, done for event after event in a thread of its own that lives while there is work.

    submit -> waiting -> perform -> done
                 ^          |
                 └── rest ──┘  failed: again after 1 s, 2 s, 4 s ... a minute

The order of the events is kept: one that failed is the next again. While it rests, it and those
behind it are kept on disk. What waits is bounded in number and age: a light that goes on an hour
late surprises people.
"""

import logging
import threading
import time
from collections import Counter, deque
from typing import Literal, Protocol

from earlet.audio.waiting import boot_s
from earlet.errors import EarletError
from earlet.service.actions.spool import Event, Spool, Waiting

MAX_WAITING = 256  # events; for one more, the oldest is dropped
FIRST_DELAY_S = 1.0  # doubled with each failure
MAX_DELAY_S = 60.0

Count = Literal["done", "failed", "retried", "dropped", "waiting"]
log = logging.getLogger("earlet.actions")


class ActionError(EarletError):
    """An action was not done; trying `again` later may help."""

    def __init__(self, reason: str, *, again: bool = True) -> None:
        super().__init__(reason)
        self.again = again


class Performer(Protocol):
    """What an action does with an event."""

    name: str  # in the log; no secret is part of it
    n_parallel: int  # events at a time

    def perform(self, event: Event) -> None:
        """Do it, within a limit of time.

        Raises:
            ActionError: when that did not work.
        """

    def stop(self) -> None:
        """End what is being done, from another thread; nothing is done after that."""


class Worker:
    """All events for which one action is to be done."""

    def __init__(
        self, performer: Performer, key: str, spool: Spool | None, max_age_s: float
    ) -> None:
        """`key` is what the action is known by in `spool`; without one, memory is all there is."""
        self._performer = performer
        self._key = key
        self._spool = spool
        self._max_age_s = max_age_s
        self._changed = threading.Condition()  # guards all that follows
        self._counts: Counter[Count] = Counter()
        self._waiting: deque[Waiting] = deque()
        self._busy: list[Waiting] = []
        self._dropped: list[Waiting] = []  # still to be forgotten, and told
        self._threads: list[threading.Thread] = []
        self._is_failing = False
        self._is_ready = False  # not to rest any longer
        self._is_draining = False
        self._is_stopped = False

    @property
    def counts(self) -> Counter[Count]:
        """What became of the events: `waiting` is how many there are now, all else adds up."""
        with self._changed:
            counts = self._counts.copy()
            counts["waiting"] = len(self._waiting) + len(self._busy)
            return counts

    def submit(self, *events: Waiting) -> None:
        """Have the action done for these; returns at once."""
        with self._changed:
            self._waiting.extend(events)
            while len(self._waiting) > MAX_WAITING:
                self._dropped.append(self._waiting.popleft())
            if not self._is_draining and len(self._threads) < self._performer.n_parallel:
                self._begin()
            self._changed.notify_all()

    def hurry(self) -> None:
        """What was in the way is gone: do not rest any longer."""
        with self._changed:
            self._is_ready = True
            self._changed.notify_all()

    def drain(self) -> None:
        """Do what waits, and try nothing again."""
        with self._changed:
            self._is_draining = True
            self._changed.notify_all()

    def stop(self) -> None:
        """End what is being done, and begin nothing more."""
        with self._changed:
            self._is_stopped = self._is_draining = True
            self._changed.notify_all()
        self._performer.stop()

    def join(self, until: float) -> None:
        """Wait until there is nothing to do, or for `time.monotonic()` to become so much."""
        with self._changed:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def leave(self) -> None:
        """What is not done stays on disk; without a folder it is dropped, and the log says so."""
        with self._changed:
            left = [*self._busy, *self._waiting]
            self._waiting.clear()
        for waiting in left:
            self._keep(waiting)
        if n_lost := sum(waiting.path is None for waiting in left):
            self._count("dropped", n_lost)
            name = self._performer.name
            log.warning("%s: dropped the last %d: earlet ends, and no queue has them", name, n_lost)

    def _begin(self) -> None:
        thread = threading.Thread(target=self._work, name=self._performer.name, daemon=True)
        self._threads.append(thread)
        try:
            thread.start()
        except RuntimeError as problem:  # too many; the next event tries again
            self._threads.remove(thread)
            log.warning("%s: %s", self._performer.name, problem)

    def _work(self) -> None:
        delay_s = FIRST_DELAY_S
        try:
            while (waiting := self._next()) is not None:
                if self._is_done_with(waiting):
                    delay_s = FIRST_DELAY_S
                else:
                    self._rest(delay_s)
                    delay_s = min(2 * delay_s, MAX_DELAY_S)
        finally:
            with self._changed:
                self._leave_threads()

    def _leave_threads(self) -> None:
        if threading.current_thread() in self._threads:
            self._threads.remove(threading.current_thread())

    def _next(self) -> Waiting | None:
        """The next event; None, and the thread is no longer counted, when there is none."""
        while True:
            with self._changed:
                oldest = boot_s() - self._max_age_s
                while self._waiting and self._waiting[0].since < oldest:
                    self._dropped.append(self._waiting.popleft())
                dropped, self._dropped = self._dropped, []
                if not dropped:
                    if self._is_stopped or not self._waiting:
                        self._leave_threads()
                        return None
                    self._is_ready = False
                    self._busy.append(waiting := self._waiting.popleft())
                    return waiting
            self._forget(dropped)

    def _forget(self, dropped: list[Waiting]) -> None:
        """Disk and log, which may take their time: never while others wait for the lock."""
        self._count("dropped", len(dropped))
        name, n, limits = self._performer.name, len(dropped), (MAX_WAITING, self._max_age_s)
        log.warning("%s: dropped %d: more than %d waited, or longer than %g s", name, n, *limits)
        for waiting in dropped:
            if self._spool is not None:
                self._spool.forget(waiting)

    def _is_done_with(self, waiting: Waiting) -> bool:
        """Perform; False when it waits again."""
        again = False
        try:
            self._performer.perform(waiting.event)
            self._tell_done()
        except ActionError as problem:
            again = problem.again
            self._tell_failed(problem)
        except (
            Exception
        ) as problem:  # a fault of earlet's own; it may do better with the next event
            self._count("failed")
            log.exception("%s: cannot be done: %s", self._performer.name, repr(problem))
        finally:
            with self._changed:
                self._busy.remove(waiting)
                if again:
                    self._waiting.appendleft(waiting)
        if not again and self._spool is not None:
            self._spool.forget(waiting)
        return not again

    def _tell_done(self) -> None:
        self._count("done")
        if self._is_failing:
            log.info("%s: done again", self._performer.name)
        self._is_failing = False

    def _tell_failed(self, problem: ActionError) -> None:
        """A server that is down for a day is one line."""
        self._count("retried" if problem.again else "failed")
        level = logging.DEBUG if problem.again and self._is_failing else logging.WARNING
        later = "; trying again" if problem.again else ""
        log.log(level, "%s: %s%s", self._performer.name, str(problem), later)
        self._is_failing = problem.again

    def _rest(self, delay_s: float) -> None:
        until = time.monotonic() + delay_s
        while not self._is_rested(until - time.monotonic()):
            with self._changed:
                unkept = [waiting for waiting in self._waiting if not waiting.was_offered]
            for waiting in unkept:
                self._keep(waiting)

    def _is_rested(self, left_s: float) -> bool:
        """Wait; False when something came that is not kept yet, and there is time for that."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_ready or self._is_draining or self._has_unkept(), left_s
            )
            if self._is_draining:
                self._is_stopped = True
            # Where more comes all the time than the disk takes, a rest must end, too.
            is_over = left_s <= 0 or self._is_ready or self._is_draining
            return is_over or not self._has_unkept()

    def _has_unkept(self) -> bool:
        return any(not waiting.was_offered for waiting in self._waiting)

    def _count(self, what: Count, n: int = 1) -> None:
        with self._changed:
            self._counts[what] += n

    def _keep(self, waiting: Waiting) -> None:
        if self._spool is None:
            waiting.was_offered = True
        elif waiting.path is None:
            self._spool.keep(self._key, waiting)
