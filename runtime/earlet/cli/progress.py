"""How far a job is, on the terminal; nothing where stderr is a file or a pipe."""

import sys
import time

from earlet.cli.cells import n_fitting
from earlet.cli.open_line import OpenLine, n_cells
from earlet.errors import printable
from earlet.jobs.plan import Item
from earlet.jobs.worker import Outcome

WIDTH = 24  # characters
INTERVAL_S = 0.1  # between two drawings


class Progress(OpenLine):
    """One line: how much of the files is done, how fast, and how long the rest may take."""

    def __init__(self, n_files: int) -> None:
        super().__init__(sys.stderr)
        self._n_files = n_files
        self.n_done = 0
        self.audio_s = 0.0  # of the files that are done
        self._at: dict[Item, tuple[float, float]] = {}  # seconds heard, and in all
        self._began = time.monotonic()
        self._drawn_at = 0.0
        self._shown = sys.stderr.isatty()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first file was opened."""
        return time.monotonic() - self._began

    def heard(self, item: Item, done_s: float, all_s: float) -> None:
        """So many seconds of a file have been heard; 0 when it is opened."""
        if not (self._at or self.n_done):
            self._began = time.monotonic()  # loading is over
        self._at[item] = done_s, all_s
        self._draw()

    def finished(self, outcome: Outcome) -> None:
        """A file is done, or has failed."""
        self._at.pop(outcome.item, None)
        self.n_done += 1
        self.audio_s += outcome.audio_s
        self._draw()

    def _draw(self) -> None:
        if self._shown and time.monotonic() - self._drawn_at >= INTERVAL_S:
            self._drawn_at = time.monotonic()
            line = self._line()
            self.draw(line[: n_fitting(line, n_cells())])

    def _line(self) -> str:
        # Files count by their number: how long those to come are, nobody knows.
        begun = sum(min(1.0, done_s / all_s) for done_s, all_s in self._at.values() if all_s > 0)
        share = (self.n_done + begun) / self._n_files
        audio_s = self.audio_s + sum(done_s for done_s, _ in self._at.values())
        position, name = f"{self.n_done} of {self._n_files} files, {clock(audio_s)}", ""
        if self._n_files == 1 and self._at:
            ((item, (_, all_s)),) = self._at.items()
            position, name = f"{clock(audio_s)} of {clock(all_s)}", printable(item.source)
        parts = [f"{'█' * round(share * WIDTH):·<{WIDTH}} {share:4.0%}", position]
        if share > 0:
            left_s = self.elapsed_s * (1 / share - 1)
            parts.append(f"{audio_s / self.elapsed_s:.0f}x  {clock(left_s)} left")
        return "  ".join([*parts, name]).rstrip()


def clock(seconds: float) -> str:
    """1:02:03, or 2:03 where it is less than an hour."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
