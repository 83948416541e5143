"""Raw PCM from a pipe: `arecord -f S16_LE -r 16000 -t raw | earlet listen --source -`.

    bytes -> s16le, mono, 16 kHz -> chunks (n_samples,)

No sound is thrown away where the reader is slow: the other side has to wait.
"""

import fcntl
import os
import stat
import struct
import termios
from collections.abc import Iterator

import numpy as np

from earlet.arrays import INT16_SCALE, FloatArray
from earlet.audio.live import (
    EMPTY,
    SAMPLE_RATE,
    STALL_S,
    BrokenError,
    EndedError,
    LiveSource,
    Sound,
)
from earlet.audio.waiting import Clock
from earlet.errors import InputError

STDIN = 0
BYTES_PER_S = 2 * SAMPLE_RATE
READ_BYTES = 6_400  # at most so much at a time: 0.2 s
HEADERS = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3\x03": "MP3", b"ID3\x04": "MP3"}
HEADER_BYTES = 4


class PcmPipe(LiveSource):
    """Standard input: waited for when it stalls, and over when it is closed."""

    ends = True

    def __init__(
        self, descriptor: int = STDIN, sample_rate: int = SAMPLE_RATE, clock: Clock | None = None
    ) -> None:
        super().__init__(sample_rate, clock)
        self._pipe = PcmLine(descriptor, "standard input", self._clock)

    def _open(self) -> "PcmLine":
        return self._pipe

    def _reopen(self) -> Iterator[FloatArray]:
        yield EMPTY  # nothing to open: the same pipe goes on


class PcmLine:
    """Raw samples from a descriptor that somebody else closes.

    Half a sample at the end is dropped.
    """

    rate = SAMPLE_RATE

    def __init__(
        self, descriptor: int, name: str, clock: Clock, error: type[Exception] = InputError
    ) -> None:
        """`name` is what messages call it, `error` what is raised for other than raw samples."""
        self._descriptor = descriptor
        self._name = name
        self._clock = clock
        self._error = error
        self._pending = b""
        self._is_checked = False  # whether it begins like a file
        self._quiet_since: float | None = None

    @property
    def backlog_s(self) -> float:
        """Seconds of sound that wait to be read: what the pipe holds, two seconds on Linux.

        0 where that is not told, and of a file, in which all sound waits from the start.
        """
        return _n_waiting(self._descriptor) / BYTES_PER_S

    def read(self, wait_s: float) -> Sound | None:
        """At most 0.2 s of sound.

        Raises:
            BrokenError: nothing came for STALL_S. It may be read on.
            EndedError: the other side has closed it, or it cannot be read.
            InputError: it is a sound file rather than raw samples. Or the error that was asked for.
        """
        since = self._clock.now() if self._quiet_since is None else self._quiet_since
        is_there = self._clock.readable(self._descriptor, wait_s)
        now = self._clock.now()
        self._quiet_since = None if is_there else since
        if now - since >= STALL_S:  # also when it was this process that stood still
            self._quiet_since = None
            raise BrokenError(f"{self._name}: nothing came for {STALL_S:g} s")
        if not is_there:
            return None
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except OSError as problem:
            raise EndedError(f"{self._name}: cannot be read: {problem.strerror}") from None
        samples = self._decoded(data)
        return Sound(samples, now - len(samples) / SAMPLE_RATE) if len(samples) else None

    def close(self) -> None:
        """Nothing: the descriptor is not ours."""

    def _decoded(self, data: bytes) -> FloatArray:
        self._pending += data
        if not self._is_checked:
            if data and len(self._pending) < HEADER_BYTES:
                return EMPTY
            self._is_checked = True
            if kind := HEADERS.get(self._pending[:HEADER_BYTES]):
                raise self._error(
                    f"{self._name} is a {kind} file; expected raw 16 kHz mono s16le samples: "
                    "give the file's path as --source, or record with `arecord -t raw`"
                )
        elif not data:
            raise EndedError(f"{self._name}: was closed by the other side")
        n_whole = len(self._pending) // 2 * 2
        samples = np.frombuffer(self._pending[:n_whole], dtype="<i2").astype(np.float32)
        self._pending = self._pending[n_whole:]
        return samples * INT16_SCALE


def _n_waiting(descriptor: int) -> int:
    """Bytes in a pipe."""
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return 0
        (n_bytes,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    except OSError:
        return 0
    return int(n_bytes)
