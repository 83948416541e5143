"""Waiting for sound: the clock, and work that may hang, done beside.

All time that `audio/` reads and spends goes through a `Clock`, so that tests can put their own in
its place and have months pass in a second.
"""

import select
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
THREAD_NAME = "earlet-audio"

# Linux counts the time asleep in this clock only; elsewhere a suspended laptop is not noticed.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


def boot_s() -> float:
    """Seconds since the machine was started; sleep counts, and nobody sets this clock."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


class Clock:
    """Seconds that pass; no matter what is done to the time of day."""

    def now(self) -> float:
        """As `boot_s`."""
        return boot_s()

    def monotonic(self) -> float:
        """The clock that callers have, `time.monotonic`."""
        return time.monotonic()

    def wait(self, condition: threading.Condition, wait_s: float) -> None:
        """Until the condition, which the caller holds, is notified, but no longer."""
        condition.wait(wait_s)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def readable(self, descriptor: int, wait_s: float) -> bool:
        """Wait until something can be read, or its end, but no longer; whether there is."""
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(wait_s * 1000))  # ms


class Beside(Generic[T]):
    """Work in a thread of its own: opening a device whose server was stopped may take for ever.

    It cannot be ended from outside. Whoever does not want to wait gives it up.
    """

    def __init__(
        self, work: Callable[[], T], condition: threading.Condition, discard: Callable[[T], object]
    ) -> None:
        """Begin `work`; its end notifies `condition`. `discard` takes what nobody wants by then."""
        self._condition = condition
        self._work = work
        self._discard = discard
        self._result: T | None = None
        self._problem: Exception | None = None
        self._is_done = self._is_given_up = False
        # A daemon: one that hangs must not keep the process.
        threading.Thread(target=self._run, name=THREAD_NAME, daemon=True).start()

    def wait(self, clock: Clock, wait_s: float) -> bool:
        """Until it is done, but no longer; whether it is."""
        until = clock.now() + wait_s
        with self._condition:
            while not self._is_done and (left_s := until - clock.now()) > 0:
                clock.wait(self._condition, left_s)
            return self._is_done

    def result(self) -> T:
        """What `work` returned, once it is done; or what it raised."""
        if self._problem is not None:
            raise self._problem
        return self._result  # type: ignore[return-value]  # which T allows None is for T to say

    def give_up(self) -> None:
        """Let it do what it does: its result goes to `discard`."""
        with self._condition:
            self._is_given_up = True
            if not self._is_done or self._problem is not None:
                return
        self._discard(self.result())

    def _run(self) -> None:
        try:
            self._result = self._work()
        except Exception as problem:  # noqa: BLE001, for it is raised again where it is waited for
            self._problem = problem
        with self._condition:
            self._is_done = True
            is_unwanted = self._is_given_up and self._problem is None
            self._condition.notify_all()
        if is_unwanted:
            self._discard(self.result())
