"""A day of listening in minutes: does memory stay flat, is every hour heard as by itself?

    python -m tests.soak [--hours N] [--data FOLDER]

`earlet listen` hears the hours one after the other in one process, each of them in a process of its
own, and one through a real PortAudio. Exits with 0 when nothing grew and all hours are the same.
"""

import argparse
import sys
import tempfile
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from ctypes.util import find_library
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.soak.device import listened_through_a_device
from tests.soak.runs import Run, listened
from tests.soak.sound import read_recordings
from tests.soak.verdict import differences, growth, leaks, slope, too_few

ROOT = Path(__file__).parents[2]
HOURS = 24
HOUR_S = 3600.0
DEVICE_HOUR = 0  # the one that a device plays
# All that works on without end, though most of it is off by default.
CONFIGURATION = """\
record: {{folder: "{folder}/recordings", max_mb: 5}}
metrics: "{folder}/metrics.prom"
labels:
  "*": {{actions: [{{append: "{folder}/events.jsonl"}}]}}
"""


@dataclass(frozen=True)
class Soak:
    """The three ways in which the hours were heard."""

    together: Run
    alone: tuple[Run, ...]
    device: Run | None  # None where there is no PortAudio

    def unequal(self, hour_s: float) -> list[str]:
        """Which hours were heard otherwise than alone, or gave nothing to compare."""
        expected = [run.events[0] for run in self.alone]
        found = [
            *too_few(self.together, hour_s),
            *differences(self.together.events, expected, "one after the other"),
        ]
        if self.device is not None:
            played = [expected[DEVICE_HOUR]]
            found += differences(self.device.events, played, "through a device")
        return found


def soak(n_hours: int, hour_s: float, data: Path | None, folder: Path) -> Soak:
    """Listen to them all, two or three processes at a time."""
    recordings = read_recordings(ROOT / "tests" / "recordings", data)
    config = folder / "config.yaml"
    config.write_text(CONFIGURATION.format(folder=folder), encoding="utf-8")
    device: Future[Run] | None = None
    log = folder / "log"
    with (
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes,
        ThreadPoolExecutor(2) as threads,
    ):
        if find_library("portaudio"):
            device = processes.submit(
                listened_through_a_device, DEVICE_HOUR, config, recordings, hour_s
            )
        together = threads.submit(listened, range(n_hours), config, recordings, hour_s, log)
        alone = [
            threads.submit(listened, [hour], config, recordings, hour_s, log)
            for hour in range(n_hours)
        ]
        return Soak(
            together.result(),
            tuple(run.result() for run in alone),
            None if device is None else device.result(),
        )


def main() -> int:
    """Print an hour a line, and what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--hours", type=int, default=HOURS)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    arguments = parser.parse_args()
    data = arguments.data if arguments.data.is_dir() else None
    print(f"{arguments.hours} hours of sound, made of tests/recordings", end=" ")
    print("alone" if data is None else f"and {data}", flush=True)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="earlet-") as folder:
            done = soak(arguments.hours, HOUR_S, data, Path(folder))
    except RuntimeError as problem:
        print(f"FAILED: {problem}")
        return 1
    report(done, time.monotonic() - began)
    problems = [*done.unequal(HOUR_S), *growth(done.together.readings)]
    if done.device is not None:
        problems += leaks(done.device.readings)
    print("\n".join(["", *(f"FAILED: {problem}" for problem in problems)] if problems else ["OK"]))
    return 1 if problems else 0


def report(done: Soak, took_s: float) -> None:
    """The table, and the figures under it."""
    print("hour  events  memory MB  descriptors  threads  CPU s")
    before_s = 0.0
    for hour, events in enumerate(done.together.events):
        last = [one for one in done.together.readings if one.hours <= hour + 1][-1]
        print(
            f"{hour:4}  {len(events):6}  {last.rss_mb:9.1f}  {last.n_descriptors:11}  "
            f"{last.n_threads:7}  {last.cpu_s - before_s:5.1f}"
        )
        before_s = last.cpu_s
    print(f"memory grows by {slope(done.together.readings):+.4f} MB an hour of sound")
    if done.device is None:
        print("through a device: NOT RUN: it needs PortAudio: apt install libportaudio2")
    else:
        first, last = done.device.readings[0], done.device.readings[-1]
        print(f"through PortAudio: {len(done.device.events[0])} events", end=", ")
        print(f"memory {first.rss_mb:.1f} MB and at the end {last.rss_mb:.1f} MB")
    print(f"it took {took_s / 60:.1f} minutes")


if __name__ == "__main__":
    sys.exit(main())
