"""A clip of any length, cut into windows for a network that hears only so much at once.

    chunks (n_samples,) of any size -> windows (length,), one every hop, and one for the rest

The last window is not filled up: where some of the end is left it is moved back, to end with the
clip. Filled up with zeros it would be mostly silence, and count as much as any other window. A clip
that is no longer than a window is one, just as it is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from earlet.arrays import FloatArray
from earlet.errors import InputError


@dataclass(frozen=True, kw_only=True)
class WindowConfig:
    """How clips are cut; the `decoding` section of a bundle that classifies them."""

    window_s: float | None = None  # seconds heard at once; None: as many as the features take
    hop_s: float | None = None  # seconds from one window to the next; None: window_s
    min_samples: int = 1  # a shorter clip is refused


class Windows:
    """Cuts clips at one sample rate."""

    def __init__(self, config: WindowConfig, sample_rate: int, longest: int) -> None:
        """For features that take in clips of at most `longest` samples.

        Raises:
            InputError: when a window is longer than that, a hop is longer than a window, so that
                sound would be left out, or one of them is shorter than a sample.
        """
        window_s, hop_s = config.window_s, config.hop_s
        # As floats, for a number of seconds may be far too large to count its samples.
        length = longest if window_s is None else np.rint(window_s * sample_rate)
        if not 0 < length <= longest:
            raise InputError(
                f"need window_s above 0 and at most {longest / sample_rate:g}, which is what the "
                f"features take in, got {window_s:g}"
            )
        hop = length if hop_s is None else np.rint(hop_s * sample_rate)
        if not 0 < hop <= length:
            raise InputError(f"need hop_s above 0 and at most window_s, got {hop_s:g}")
        self.length, self.hop = int(length), int(hop)
        if not 1 <= config.min_samples <= self.length:
            raise InputError(
                f"need min_samples of 1 to {self.length}, a window, got {config.min_samples}"
            )
        self._min_samples = config.min_samples
        self._sample_rate = sample_rate

    def cut(self, chunks: Iterable[FloatArray]) -> Iterator[FloatArray]:
        """The windows of a clip, each as soon as it is complete: the same for any chunking.

        Raises:
            InputError: for a clip that is too short.
        """
        held = np.empty(0, dtype=np.float32)  # the last window, and what came after its beginning
        begin = 0  # of the next window, in what is held
        for chunk in chunks:
            held = np.concatenate([held, chunk])
            while len(held) >= begin + self.length:
                held = held[begin:]
                yield held[: self.length]
                begin = self.hop
        if len(held) < self._min_samples:
            raise InputError(
                f"the clip: {len(held)} samples, and this network needs at least "
                f"{self._min_samples} ({self._min_samples / self._sample_rate:.2g} s)"
            )
        if begin == 0 or len(held) > self.length:
            yield held[-self.length :]
