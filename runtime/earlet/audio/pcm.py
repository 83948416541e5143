"""Raw PCM from a pipe: `arecord -f S16_LE -r 16000 -t raw | earlet listen --source -`."""

import fcntl
import os
import stat
import struct
import termios
from collections.abc import Iterator
from io import BufferedReader

import numpy as np

from earlet.arrays import INT16_SCALE, FloatArray
from earlet.errors import InputError

SAMPLE_RATE = 16_000  # Hz; raw samples do not say
BYTES_PER_S = 2 * SAMPLE_RATE
READ_BYTES = 6_400  # at most so much at a time: 0.2 s
HEADERS = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3\x03": "MP3", b"ID3\x04": "MP3"}


class PcmPipe:
    """Iterate it for mono s16le samples as float32 chunks, as they arrive.

    Half a sample at the end is dropped.
    """

    def __init__(self, reader: BufferedReader) -> None:
        self._reader = reader

    def __iter__(self) -> Iterator[FloatArray]:
        """Chunks of at most 0.2 s.

        Raises:
            InputError: when the stream is a sound file rather than raw samples.
        """
        pending = data = self._reader.read(4)  # waits for all four, however the pipe is filled
        if kind := HEADERS.get(pending):
            raise InputError(
                f"standard input is a {kind} file; expected raw 16 kHz mono s16le samples: "
                "give the file's path as --source, or record with `arecord -t raw`"
            )
        while data:
            whole = len(pending) - len(pending) % 2
            if whole:
                yield np.frombuffer(pending[:whole], dtype="<i2").astype(np.float32) * INT16_SCALE
            data = self._reader.read1(READ_BYTES)
            pending = pending[whole:] + data

    @property
    def backlog_s(self) -> float:
        """Seconds of sound that wait to be read: what the pipe holds, two seconds on Linux.

        0 where that is not told, and of a file, in which all sound waits from the start.
        """
        return _n_waiting(self._reader) / BYTES_PER_S


def _n_waiting(reader: BufferedReader) -> int:
    """Bytes in a pipe."""
    try:
        descriptor = reader.fileno()
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return 0
        (n_bytes,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    except OSError:
        return 0
    return int(n_bytes)
