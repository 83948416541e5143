"""How far a job is: one line, whatever the files are called."""

import io
import sys
import time

import pytest

from earlet.cli.progress import Progress, clock
from earlet.jobs.plan import Item
from earlet.jobs.worker import Outcome


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_name_of_wide_characters_does_not_wrap(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "70")
    Progress(1).heard(Item(source=40 * "日", output=None), 1.0, 2.0)
    line = terminal.getvalue().removeprefix("\r\x1b[K")
    assert line.startswith("████████████············  50%  0:01 of 0:02  ")
    wide = line.count("日")
    assert wide
    assert len(line) + wide in (68, 69)  # two cells each; the last of 70 stays free


def test_speed_and_time_left_are_those_of_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "100")
    progress = Progress(4)
    item = Item(source="a.wav", output=None)
    progress.heard(item, 0.0, 300.0)  # opened
    progress.finished(Outcome(item=item, audio_s=300.0))
    now = 110.0
    progress.heard(Item(source="b.wav", output=None), 100.0, 200.0)
    last = terminal.getvalue().split("\r\x1b[K")[-1]
    # 1.5 of 4 files took 10 s, so 2.5 take 16.7; 400 s of sound in 10 s.
    assert last == "█████████···············  38%  1 of 4 files, 6:40  40x  0:17 left"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0:00"), (59.6, "1:00"), (3_599.4, "59:59"), (3_599.5, "1:00:00"), (360_061, "100:01:01")],
)
def test_times_are_told_as_by_a_clock(seconds: float, expected: str) -> None:
    assert clock(seconds) == expected
