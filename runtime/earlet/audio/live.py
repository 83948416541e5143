"""Sound that comes as it happens, from something that may stop, stall or be unplugged.

    open -> Line -> read: Sound | Loss | nothing -> resampled -> chunks, Deaf, Gap
      ^       |
      +-------+ broken: closed, and opened again with back-off, for ever

A `Line` is one opening of a device; a `LiveSource` outlives all of its lines. Stream time keeps
pace with the clock: what is not heard is counted in a `Gap`.
"""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol, Self

import numpy as np

from earlet.arrays import FloatArray
from earlet.audio.resample import CountingResampler
from earlet.audio.ring import Loss
from earlet.audio.waiting import Beside, Clock
from earlet.errors import MicrophoneError
from earlet.results import Deaf, Gap

SAMPLE_RATE = 16_000  # Hz: what every bundle so far listens at
STALL_S = 3.0  # without anything for so long, a line is broken, and what it holds is stale
HEARTBEAT_S = 0.5  # between two empty chunks while nothing comes
FIRST_DELAY_S, MAX_DELAY_S = 0.5, 30.0  # between attempts to open, doubling
OPEN_S = 15.0  # a sound server that takes longer does not answer
CLOSE_S = 1.0  # whoever is to end has 2 s for everything
EMPTY = np.empty(0, dtype=np.float32)
EMPTY.flags.writeable = False


class Sound(NamedTuple):
    """What a line gave."""

    samples: FloatArray  # (n_samples,) at the line's rate
    began_at: float  # when the first was heard, on the source's clock


class BrokenError(Exception):
    """A line will give nothing more; the message says why."""


class EndedError(BrokenError):
    """Its other side has closed it, or it cannot be read any more."""


class Line(Protocol):
    """One opening of a device."""

    @property
    def rate(self) -> int:
        """Hz."""

    @property
    def backlog_s(self) -> float:
        """Seconds of sound that wait to be read."""

    def read(self, wait_s: float) -> Sound | Loss | None:
        """What comes next; None where nothing does for so long.

        Raises:
            BrokenError: it is over.
        """

    def close(self) -> None:
        """Let the device go; this may hang where its driver does."""


@dataclass(frozen=True)
class Health:
    """How a source is doing."""

    state: Literal["listening", "deaf"] = "listening"
    deaf_since: float | None = None  # on the clock of `time.monotonic`
    reopened: int = 0
    failed: int = 0  # attempts to open it again
    overflows: int = 0  # times that the device itself reported loss
    lost_samples: int = 0  # in all gaps, at the source's rate
    last_error: str | None = None


class LiveSource(ABC):
    """A context manager, open between enter and exit; read by one thread."""

    is_live = True
    ends = False  # whether it is over when its other side closes it
    asked = "the sound system"  # by whoever opens it

    def __init__(self, sample_rate: int = SAMPLE_RATE, clock: Clock | None = None) -> None:
        self.sample_rate = sample_rate
        self.patience_s = 0.0
        self.health = Health()
        self._clock = clock or Clock()
        self._condition = threading.Condition()
        self._is_open = False
        self._line: Line | None = None
        self._attempt: Beside[Line] | None = None  # to open the next one
        self._delay_s = 0.0  # before the attempt after that
        self._opened_at = 0.0
        self._heard_until = 0.0  # how far on the clock the stream has come
        self._n_out = 0  # samples of it, lost ones too
        self._loss: Loss | None = None  # since the last sound
        self._deaf_reason: str | None = None
        # What is still to be given; kept here, for who stops to read may go on later.
        self._pending: deque[FloatArray | Deaf | Gap] = deque()
        self._resampler = CountingResampler(sample_rate, sample_rate)

    @abstractmethod
    def _open(self) -> Line:
        """A line: the first, or another one while `_is_open`. Called in a thread of its own.

        Raises:
            EarletError: none is to be had; the message says why.
        """

    def _is_sound(self, _samples: FloatArray) -> bool:
        """Whether a source that was deaf hears again with this."""
        return True

    def _on_hang(self) -> None:  # noqa: B027, most have nothing to do
        """Called again and again while it takes long to open or to close."""

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            MicrophoneError: it cannot be opened. Later on, that is tried again for ever.
        """
        self.health, self._loss, self._deaf_reason = Health(), None, None
        self._delay_s, self._n_out = 0.0, 0
        self._pending.clear()
        attempt = self._attempt = Beside(self._open, self._condition, _close)
        is_done = False
        try:
            is_done = attempt.wait(self._clock, OPEN_S)
        finally:  # SIGTERM and Ctrl-C come here, too
            if not is_done:
                self.__exit__()
        if not is_done:
            self._on_hang()
            raise MicrophoneError(f"{self.asked} has not answered for {OPEN_S:g} s")
        self._attempt = None
        self._take(attempt.result())
        self._heard_until = self._opened_at
        self._is_open = True
        return self

    def __exit__(self, *_exception: object) -> None:
        line, attempt = self._line, self._attempt
        self._line = self._attempt = None
        self._is_open = False

        def let_go() -> None:
            if attempt is not None:
                attempt.give_up()
            if line is not None:
                line.close()

        if not Beside(let_go, self._condition, lambda _: None).wait(self._clock, CLOSE_S):
            self._on_hang()

    def __iter__(self) -> Iterator[FloatArray]:
        """The sound of `heard()`, as if nothing were ever lost between two chunks."""
        for item in self.heard():
            if isinstance(item, np.ndarray) and len(item):
                yield item

    def heard(self) -> Iterator[FloatArray | Deaf | Gap]:
        """Mono float32 chunks at `sample_rate`, an empty one at least every second.

        `Deaf` comes once when no more sound does, and a `Gap` where some was lost: what is heard
        after it does not follow what was heard before.

        Raises:
            MicrophoneError: it is not open.
        """
        while True:
            yield from self._take_pending()
            if not self._is_open:
                name = type(self).__name__
                raise MicrophoneError(f"it is not open: use `with {name}(...) as source`")
            if self._line is None:
                yield from self._reopen()
                continue
            self._gather(self._line)
            try:
                item = self._line.read(HEARTBEAT_S)
            except BrokenError as problem:
                if self.ends and isinstance(problem, EndedError):
                    tail, _ = self._resampler.end(0)
                    yield self._counted(tail)
                    return
                self._pending += self._fall_deaf(str(problem))
                yield from self._take_pending()
                yield from self._reopen()
            else:
                self._pending += self._hear(item)

    @property
    def backlog_s(self) -> float:
        """Seconds of sound that wait to be read."""
        return 0.0 if self._line is None else self._line.backlog_s

    def _gather(self, line: Line) -> None:
        """Sleep for as long as there is patience: to wake costs more than a little sound does."""
        if (lacking_s := self.patience_s - line.backlog_s) > 0:
            self._clock.sleep(lacking_s)

    def _take_pending(self) -> Iterator[FloatArray | Deaf | Gap]:
        while self._pending:
            yield self._pending.popleft()

    def _hear(self, item: Sound | Loss | None) -> list[FloatArray | Gap]:
        if item is None:
            return [EMPTY]
        if isinstance(item, Loss):
            n_overflows = self.health.overflows + item.n_overflows
            self.health = replace(self.health, overflows=n_overflows)
            # Told when sound comes again: many in a row are one gap.
            self._loss = item if self._loss is None else self._loss + item
            return [EMPTY]
        return self._hear_sound(*item)

    def _hear_sound(self, samples: FloatArray, began_at: float) -> list[FloatArray | Gap]:
        ended_at = began_at + len(samples) / self._resampler.from_rate
        if ended_at - self._opened_at > STALL_S:  # this line is a good one
            self._delay_s = 0.0
        if self._deaf_reason is not None and not self._is_sound(samples):
            return [EMPTY]
        before: list[FloatArray | Gap] = []
        if self._deaf_reason is not None:
            before = [self._hear_again(began_at, self._deaf_reason)]
        elif self._loss is not None:
            tail, n_lost = self._resampler.end(self._loss.n_frames)
            before = [self._counted(tail), self._gap(n_lost, self._loss.reason)]
        self._loss = None
        self._heard_until = ended_at
        return [*before, self._counted(self._resampler.push(samples))]

    def _fall_deaf(self, reason: str) -> list[FloatArray | Deaf]:
        self.health = replace(self.health, last_error=reason)
        if self._deaf_reason is not None:
            return []
        tail, _ = self._resampler.end(0)
        self._counted(tail)
        self._deaf_reason = reason
        self.health = replace(self.health, state="deaf", deaf_since=self._clock.monotonic())
        return [tail, Deaf(self._n_out / self.sample_rate, reason)]

    def _hear_again(self, began_at: float, reason: str) -> Gap:
        self._deaf_reason = None
        self.health = replace(self.health, state="listening", deaf_since=None)
        n_lost = round((began_at - self._heard_until) * self.sample_rate)
        return self._gap(max(0, n_lost), reason)

    def _reopen(self) -> Iterator[FloatArray]:
        """Close the line and open another, until one is there; empty chunks meanwhile."""
        while True:
            if self._attempt is None:
                yield from self._pause(self._delay_s)
                self._delay_s = min(max(FIRST_DELAY_S, 2 * self._delay_s), MAX_DELAY_S)
                try:
                    self._attempt = self._begin()
                except RuntimeError as problem:  # no more threads
                    self._note_failure(problem)
                    continue
            while not self._attempt.wait(self._clock, HEARTBEAT_S):
                self._on_hang()
                yield EMPTY
            attempt, self._attempt = self._attempt, None
            try:
                self._take(attempt.result())
            except Exception as problem:  # noqa: BLE001, for whatever it was, it may be over next time
                self._note_failure(problem)
            else:
                self.health = replace(self.health, reopened=self.health.reopened + 1)
                return

    def _begin(self) -> Beside[Line]:
        broken = self._line

        def reopen() -> Line:
            if broken is not None:
                broken.close()
            return self._open()

        attempt = Beside(reopen, self._condition, _close)
        self._line = None
        return attempt

    def _note_failure(self, problem: Exception) -> None:
        failed = self.health.failed + 1
        self.health = replace(self.health, last_error=str(problem), failed=failed)

    def _take(self, line: Line) -> None:
        self._line = line
        self._opened_at = self._clock.now()
        self._resampler = CountingResampler(line.rate, self.sample_rate)

    def _pause(self, pause_s: float) -> Iterator[FloatArray]:
        until = self._clock.now() + pause_s
        while (left_s := until - self._clock.now()) > 0:
            with self._condition:
                self._clock.wait(self._condition, min(left_s, HEARTBEAT_S))
            yield EMPTY

    def _counted(self, samples: FloatArray) -> FloatArray:
        self._n_out += len(samples)
        return samples

    def _gap(self, n_samples: int, reason: str) -> Gap:
        gap = Gap(self._n_out / self.sample_rate, n_samples, self.sample_rate, reason)
        self._n_out += n_samples
        n_lost = self.health.lost_samples + n_samples
        self.health = replace(self.health, lost_samples=n_lost)
        return gap


def _close(line: Line) -> None:
    line.close()
