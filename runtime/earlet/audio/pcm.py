"""Raw PCM from a pipe: `arecord -f S16_LE -r 16000 -t raw | earlet listen --source -`."""

from collections.abc import Iterator
from io import BufferedReader

import numpy as np

from earlet.arrays import INT16_SCALE, FloatArray
from earlet.errors import InputError

READ_BYTES = 6_400  # at most so much at a time: 0.2 s at 16 kHz
HEADERS = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3\x03": "MP3", b"ID3\x04": "MP3"}


def read_pcm(reader: BufferedReader) -> Iterator[FloatArray]:
    """Mono s16le samples as float32 chunks, as they arrive; half a sample at the end is dropped.

    Raises:
        InputError: when the stream is a sound file rather than raw samples.
    """
    pending = data = reader.read(4)  # waits for all four, however the pipe is filled
    if kind := HEADERS.get(pending):
        raise InputError(
            f"standard input is a {kind} file; expected raw 16 kHz mono s16le samples: "
            "give the file's path as --source, or record with `arecord -t raw`"
        )
    while data:
        whole = len(pending) - len(pending) % 2
        if whole:
            yield np.frombuffer(pending[:whole], dtype="<i2").astype(np.float32) * INT16_SCALE
        data = reader.read1(READ_BYTES)
        pending = pending[whole:] + data
