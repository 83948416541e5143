"""Keeps the sound round each detection and near miss, with what is needed to hear it again.

    samples -> stretches of a second, each with the state of listening before it
            -> where something was told: the stretches from before it until after it -> a thread
            -> `recordings/folder.py`

What is told before a recording is over belongs to it, too. Encoding and writing are the thread's:
a slow disk delays no microphone, and what it cannot keep up with is lost, and said.
"""

import logging
import queue
import time
from collections import deque
from contextlib import suppress
from threading import Thread
from typing import TypeGuard

from earlet.arrays import FloatArray
from earlet.config import RecordConfig
from earlet.errors import ConfigError, InputError
from earlet.results import Chunk, Detection, Event, Rejection
from earlet.service.recordings.file import RecordedEvent, Recording, start_s
from earlet.service.recordings.folder import Recordings
from earlet.service.recordings.stretch import Stretch, joined
from earlet.tasks.listening import Listening

STRETCH_S = 1.0  # from one snapshot to the next
LONGEST_EVENT_S = 10.0  # of which the beginning is still there when it is told
MAX_S = 60.0  # of a recording; what is told after it begins another
MAX_WAITING = 4  # recordings that are still to be written
BYTES_PER_MB = 1_000_000

log = logging.getLogger("earlet.recorder")


class Recorder:
    """`Listening` with a memory: what is pushed goes through it."""

    def __init__(self, config: RecordConfig, listening: Listening, *, is_live: bool = True) -> None:
        """A source that is not live waits for the disk, and nothing of it is lost.

        Raises:
            ConfigError: nothing can be written there, or nothing is ever detected.
        """
        if not listening.labels:
            raise ConfigError(
                f"record: keeps what is detected, and {listening.description} detects nothing"
            )
        self._config = config
        self._listening = listening
        rate = listening.sample_rate
        self._stretch = round(STRETCH_S * rate)  # samples
        self._before, self._after = round(config.before_s * rate), round(config.after_s * rate)
        self._kept = self._before + round(LONGEST_EVENT_S * rate)
        self._longest = round(MAX_S * rate)
        self._stretches: deque[Stretch] = deque()
        self._about: RecordedEvent | None = None  # for what the recording is kept that is going on
        self._begin = 0  # its first sample
        self._until = 0  # the sample at which it is over
        folder = Recordings(config.folder, round(config.max_mb * BYTES_PER_MB))
        self._writer = _Writer(folder, waits=not is_live)

    def push(self, samples: FloatArray, *, late: bool = False) -> list[Event]:
        """As `Listening.push`."""
        events = []
        for start in range(0, len(samples), self._stretch):
            events += self._push(samples[start : start + self._stretch], late=late)
        return events

    def flush(self) -> list[Event]:
        """As `Listening.flush`."""
        return self._ended(self._present().flush())

    def skip(self, n_samples: int) -> list[Event]:
        """As `Listening.skip`: no recording spans a gap."""
        return self._ended(self._present().skip(n_samples))

    def close(self, timeout_s: float) -> None:
        """Wait until all recordings are written, and so long at most."""
        self._writer.close(timeout_s)

    def _push(self, samples: FloatArray, *, late: bool) -> list[Event]:
        stretch = self._present()
        events = stretch.push(samples, late=late)
        self._note(events)
        if self._about and stretch.end >= min(self._until, self._begin + self._longest):
            self._write(self._about, is_end=False)
        self._forget()
        return events

    def _ended(self, events: list[Event]) -> list[Event]:
        """What comes next has nothing to do with what was before."""
        self._note(events)
        if self._about:
            self._write(self._about, is_end=True)
        self._stretches.clear()
        return events

    def _present(self) -> Stretch:
        """The stretch that goes on."""
        last = self._stretches[-1] if self._stretches else None
        if last is None or last.end - last.start >= self._stretch:
            last = Stretch(self._listening)
            self._stretches.append(last)
        return last

    def _note(self, events: list[Event]) -> None:
        """Begin a recording where something was told that is worth it, or have it go on."""
        worth = [event for event in events if self._is_worth(event)]
        if not worth:
            return
        self._until = self._stretches[-1].end + self._after
        if self._about is None:
            self._about = worth[0]
            wanted = min(map(start_s, worth)) * self._listening.sample_rate - self._before
            early = [stretch.start for stretch in self._stretches if stretch.start <= wanted]
            self._begin = early[-1] if early else self._stretches[0].start

    def _is_worth(self, event: Event) -> TypeGuard[RecordedEvent]:
        if isinstance(event, Rejection):
            if not event.label:  # near to nothing
                return False
            threshold = self._listening.thresholds[event.label]
            return event.score >= self._config.near_miss * threshold
        return isinstance(event, Detection | Chunk)

    def _write(self, about: RecordedEvent, *, is_end: bool) -> None:
        stretches = [stretch for stretch in self._stretches if stretch.start >= self._begin]
        self._writer.put(joined(stretches, self._listening, is_end=is_end, about=about))
        self._about = None

    def _forget(self) -> None:
        """Drop what no recording can begin with any more."""
        first = self._begin if self._about else self._stretches[-1].end - self._kept
        while len(self._stretches) > 1 and self._stretches[1].start <= first:
            self._stretches.popleft()


class _Writer:
    """A thread that writes recordings."""

    def __init__(self, folder: Recordings, *, waits: bool) -> None:
        self._folder = folder
        self._waits = waits
        self._waiting: queue.Queue[Recording | None] = queue.Queue(MAX_WAITING)
        self._thread: Thread | None = None
        self._is_failing = False  # which is said once

    def put(self, recording: Recording) -> None:
        """Have it written; returns at once, unless somebody `waits`."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="earlet-recorder", daemon=True)
            self._thread.start()
        try:
            self._waiting.put(recording, block=self._waits)
        except queue.Full:
            log.warning("a recording is lost: the disk is too slow")

    def close(self, timeout_s: float) -> None:
        """End, once all is written; wait so long at most."""
        if self._thread is None:
            return
        until = time.monotonic() + timeout_s
        with suppress(queue.Full):  # then the thread is stuck, and ends with the process
            self._waiting.put(None, timeout=timeout_s)
            self._thread.join(max(0.0, until - time.monotonic()))

    def _run(self) -> None:
        while (recording := self._waiting.get()) is not None:
            try:
                path = self._folder.keep(recording)
            except InputError as problem:
                if not self._is_failing:
                    log.error("%s; listening goes on, nothing is recorded", problem)
                self._is_failing = True
            else:
                log.info("recorded %s", path)
                self._is_failing = False
