"""Hours of sound through `earlet listen`, as fast as it takes them: what it hears and costs."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from earlet.arrays import INT16_SCALE, FloatArray
from earlet.audio.microphone import BLOCK_S
from earlet.streaming.blocks import Reblocker
from tests.soak.sound import SAMPLE_RATE, Recordings, hour_of_sound

BLOCK = round(SAMPLE_RATE * BLOCK_S)  # samples at a time: as the microphone gives them
READING_S = 300.0  # of sound, from one look at the process to the next
START_S = 60.0  # for all that takes time when there is no sound
SLOWEST = 2  # times as fast as the sound: a process that is slower hangs, however busy the machine

Event = dict[str, Any]  # a line of `earlet listen --json`


@dataclass(frozen=True)
class Reading:
    """A process, after so many hours of sound."""

    hours: float
    rss_mb: float
    n_descriptors: int
    n_threads: int
    cpu_s: float


@dataclass(frozen=True)
class Run:
    """What was heard in each hour, in the time of that hour, and how the process did."""

    events: tuple[tuple[Event, ...], ...]
    readings: tuple[Reading, ...]


def listened(
    hours: Sequence[int], config: Path, recordings: Recordings, hour_s: float, log: Path
) -> Run:
    """The hours one after the other, through the pipe of one process.

    Raises:
        RuntimeError: it ended otherwise than well.
    """
    command: list[str | Path] = [sys.executable, "-m", "earlet", "listen", "--config", config]
    options = ["--source", "-", "--json", "--rejections"]
    pipe = subprocess.PIPE
    with (
        log.open("ab") as errors,
        subprocess.Popen([*command, *options], stdin=pipe, stdout=pipe, stderr=errors) as process,
    ):
        limit = threading.Timer(START_S + len(hours) * hour_s / SLOWEST, process.kill)
        limit.daemon = True  # an error in here must not wait for it
        limit.start()
        assert process.stdin is not None
        assert process.stdout is not None
        events: list[Event] = []
        reader = threading.Thread(target=_read, args=(process.stdout, events))
        reader.start()
        readings: list[Reading] = []
        try:
            with process.stdin:
                _play(hours, recordings, hour_s, process, readings)
        except BrokenPipeError:
            pass  # it has ended: its status says more
        status = process.wait()
        reader.join()
        limit.cancel()
    if status:
        told = log.read_text(encoding="utf-8", errors="replace")[-500:]
        raise RuntimeError(f"earlet listen ended with {status}: {told}")
    return Run(by_hour(events, len(hours), hour_s), tuple(readings))


def _play(
    hours: Sequence[int],
    recordings: Recordings,
    hour_s: float,
    process: "subprocess.Popen[bytes]",
    readings: list[Reading],
) -> None:
    """Write the sound to the process, and look at it now and then."""
    assert process.stdin is not None
    n_heard = 0
    for place, hour in enumerate(hours):
        next_at = place * hour_s * SAMPLE_RATE
        for block in blocks(hour_of_sound(hour, recordings, hour_s)):
            process.stdin.write((block / INT16_SCALE).astype("<i2").tobytes())
            n_heard += len(block)
            if n_heard > next_at:
                readings.append(reading(process.pid, n_heard / SAMPLE_RATE / 3600))
                next_at += READING_S * SAMPLE_RATE


def by_hour(events: Iterable[Event], n_hours: int, hour_s: float) -> tuple[tuple[Event, ...], ...]:
    """Those of each hour, in its own time. An hour's silent end lets none come too late for it."""
    hours: list[list[Event]] = [[] for _ in range(n_hours)]
    for event in events:
        if "end_s" not in event:  # deaf, or sound lost
            raise RuntimeError(f"expected nothing but what was heard, got {event}")
        place = int(event["end_s"] // hour_s)
        times = {key: round(event[key] - place * hour_s, 6) for key in ("start_s", "end_s")}
        hours[place].append({**event, **times})
    return tuple(map(tuple, hours))


def blocks(chunks: Iterable[FloatArray]) -> Iterator[FloatArray]:
    """The same sound as the microphone gives it; less than a block at the end is left out."""
    reblocker = Reblocker(BLOCK)
    for chunk in chunks:
        yield from reblocker.push(chunk)


def reading(process_id: int, hours: float) -> Reading:
    """A process, now. Linux only."""
    process = Path("/proc") / str(process_id)
    status = (process / "status").read_text(encoding="ascii")
    (rss_kb,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    (n_threads,) = re.findall(r"Threads:\s+(\d+)", status)
    # After the name, which stands in brackets: user and system time are the 12th and 13th.
    times = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13]
    return Reading(
        hours,
        int(rss_kb) * 1024 / 1e6,  # the kernel's kB are KiB
        len(list((process / "fd").iterdir())),
        int(n_threads),
        sum(map(int, times)) / os.sysconf("SC_CLK_TCK"),
    )


def _read(pipe: IO[bytes], events: list[Event]) -> None:
    for line in pipe:
        events.append(json.loads(line))
