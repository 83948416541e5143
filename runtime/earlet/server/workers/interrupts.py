"""A call that nobody waits for any more is given up: SIGUSR1, raised where that does no harm.

As in `service/signals.py`, what takes long and keeps no state may be left at any point. What a
library does may not: its imports, its codecs' callbacks. There, it waits.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNAL = signal.SIGUSR1


class Interrupted(BaseException):
    """The call is given up: not an error, so that nobody takes it for one."""


class Interrupts:
    """Hears the signal, in the main thread. It may come again until the call is over: where Python
    cannot let an exception out, as in `__del__`, one is lost."""

    def __init__(self) -> None:
        self._may_raise = False
        self._is_asked = False
        signal.signal(SIGNAL, self._on_signal)
        sys.unraisablehook = _tell_of_others

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Where Interrupted may be raised; elsewhere the signal means nothing."""
        self._is_asked = False
        self._may_raise = True
        try:
            yield
        finally:
            self._may_raise = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within what is allowed: what must not be left in the middle. Interrupted comes after."""
        before, self._may_raise = self._may_raise, False
        try:
            yield
        finally:
            self._may_raise = before
        if before and self._is_asked:
            raise Interrupted

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._is_asked = True
        if self._may_raise:
            raise Interrupted


def _tell_of_others(lost: "sys.UnraisableHookArgs") -> None:
    """Python's own, but for what is no fault."""
    if not isinstance(lost.exc_value, Interrupted):
        sys.__unraisablehook__(lost)
