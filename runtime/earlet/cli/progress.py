"""A progress bar on the terminal; nothing where stderr is a file or a pipe."""

import shutil
import sys
import time
from types import TracebackType

from earlet.errors import printable

WIDTH = 24  # characters
INTERVAL_S = 0.1  # between two drawings


class Progress:
    """How much of a recording is done."""

    def __init__(self, name: str, duration_s: float) -> None:
        self._name = printable(name)
        self._duration_s = duration_s
        self._done_s = 0.0
        self._shown = sys.stderr.isatty()
        self._drawn_at = 0.0

    def advance(self, seconds: float) -> None:
        """So much more of the recording is done."""
        self._done_s += seconds
        now = time.monotonic()
        if self._shown and now - self._drawn_at >= INTERVAL_S:
            self._drawn_at = now
            share = min(1.0, self._done_s / self._duration_s) if self._duration_s > 0 else 0.0
            bar = "█" * round(share * WIDTH)
            times = f"{_clock(self._done_s)} of {_clock(self._duration_s)}"
            line = f"{bar:·<{WIDTH}} {share:4.0%}  {times}  {self._name}"
            # What wraps to a second line would stay there.
            line = line[: shutil.get_terminal_size().columns - 1]
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
