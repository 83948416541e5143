"""Samples as messages bring them, and as a stream of `workers/streams.py` takes them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from earlet.errors import InputError

PIECE_S = 1.0  # of sound handed on at a time: a message may hold minutes
UNSIGNED_MIDDLE = 128  # of samples of one byte, which have no sign, as in WAV
INT32_SCALE = np.float32(2.0**-31)


@dataclass(frozen=True, kw_only=True)
class AudioFormat:
    """Of raw sound: integers, little endian, the channels of a moment side by side."""

    rate: int  # Hz
    width: int  # bytes a sample
    channels: int

    def __post_init__(self) -> None:
        if self.width not in (1, 2, 4):
            raise InputError(f"width: expected 1, 2 or 4 bytes a sample, got {self.width}")
        if min(self.rate, self.channels) < 1:
            raise InputError(f"expected a rate and channels, got {self.rate} and {self.channels}")

    @property
    def frame_bytes(self) -> int:
        """Of the samples of a moment."""
        return self.width * self.channels

    @property
    def options(self) -> dict[str, object]:
        """How a stream is told of what `pieces` gives; it knows the ranges."""
        samples = "f32le" if self.width == 4 else "s16le"
        return {"rate": self.rate, "channels": self.channels, "format": samples}

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Samples in a format that streams know, at most `PIECE_S` at a time.

        Raises:
            InputError: they are no whole number of frames.
        """
        if len(data) % self.frame_bytes:
            raise InputError(
                f"{len(data)} bytes are no whole number of frames of {self.frame_bytes}"
            )
        step = int(self.rate * PIECE_S) * self.frame_bytes
        for start in range(0, len(data), step):
            yield self._known(data[start : start + step])

    def _known(self, data: bytes) -> bytes:
        if self.width == 1:
            samples = np.frombuffer(data, dtype=np.uint8).astype("<i2")
            return ((samples - UNSIGNED_MIDDLE) * 256).astype("<i2").tobytes()
        if self.width == 4:
            wide = np.frombuffer(data, dtype="<i4").astype(np.float32)
            return (wide * INT32_SCALE).astype("<f4").tobytes()
        return data
