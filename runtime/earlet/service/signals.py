"""SIGTERM and SIGHUP, heard where it does no harm."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

Handler = Callable[[int, FrameType | None], None]


class Terminated(BaseException):
    """SIGTERM: not an error, so that nobody takes it for one."""


class Signals:
    """A context manager: between enter and exit, both are heard. For the main thread."""

    def __init__(self, *, reloads: bool) -> None:
        """`reloads`: whether SIGHUP means to reload; else what it meant before stays."""
        self.reload_asked = False
        self._is_ending = self._may_raise = False
        self._had_terminal = sys.stderr.isatty()
        self._handlers: dict[int, Handler] = {signal.SIGTERM: self._on_sigterm}
        if reloads:
            self._handlers[signal.SIGHUP] = self._on_sighup
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._before = {
            number: signal.signal(number, handler) for number, handler in self._handlers.items()
        }
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what `signal` returned

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Where SIGTERM ends what is being done, by Terminated; elsewhere it waits for that.

        What takes long belongs in here; passing on an event does not, for half of that would be
        worse than the few milliseconds that it takes.
        """
        self._may_raise = True
        try:
            if self._is_ending:
                raise Terminated
            yield
        finally:
            self._may_raise = False

    def _on_sigterm(self, _number: int, _frame: FrameType | None) -> None:
        self._is_ending = True
        if self._may_raise:
            self._may_raise = False
            raise Terminated

    def _on_sighup(self, number: int, frame: FrameType | None) -> None:
        # A terminal that is closed sends it, too: nobody is left to listen for.
        if self._had_terminal and not sys.stderr.isatty():
            self._on_sigterm(number, frame)
        else:
            self.reload_asked = True
