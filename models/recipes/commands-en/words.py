"""Where the word is in a clip, how loud it is, and what can be made of it."""

from dataclasses import dataclass

import numpy as np
from data import SAMPLE_RATE

from earlet.arrays import FloatArray

FRAME = 400  # samples: 25 ms
HOP = 160  # samples: 10 ms
ABOVE_NOISE_DB = 6.0  # a frame of the word is that much above the clip's quietest tenth,
BELOW_PEAK_DB = 28.0  # and no more than that below its loudest frame
FLAT_DB = 12.0  # a clip with less between the two is noise all over
LONGEST_GAP_AFTER = 14  # frames: a stop consonant's closure may be as long
LONGEST_GAP_BEFORE = 10
ACTIVE_PERCENTILE = 60  # the louder frames make the active level


@dataclass(frozen=True)
class Word:
    """A clip and where in it the word lies, in samples."""

    clip: FloatArray
    start: int
    end: int

    @property
    def spoken(self) -> FloatArray:
        """Only the word."""
        return self.clip[self.start : self.end]


def find_word(clip: FloatArray) -> Word | None:
    """The loudest word in a clip by its energy, or None when nothing stands out from the noise."""
    if len(clip) < FRAME:
        return None
    emphasised = np.diff(clip, prepend=clip[:1])
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, FRAME)[::HOP]
    level = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-9)
    peak, noise = float(level.max()), float(np.percentile(level, 10))
    if peak - noise < FLAT_DB / 2:
        return None
    threshold = max(noise + ABOVE_NOISE_DB, peak - BELOW_PEAK_DB)
    if peak - noise < FLAT_DB:
        threshold = (noise + peak) / 2
    on = level >= threshold
    top = int(level.argmax())
    last = top + _reach(on[top:], LONGEST_GAP_AFTER)
    first = top - _reach(on[top::-1], LONGEST_GAP_BEFORE)
    return Word(clip, first * HOP, min(len(clip), last * HOP + FRAME))


def _reach(on: np.ndarray, longest_gap: int) -> int:
    """Index of the last True before a run of False that is longer than allowed."""
    reached = 0
    for i in np.flatnonzero(on):
        if i - reached > longest_gap:
            break
        reached = int(i)
    return reached


def active_rms(waveform: FloatArray) -> float:
    """Root mean square of the louder frames: the level of the speech, not of its pauses."""
    if len(waveform) < FRAME:
        return float(np.sqrt(np.square(waveform).mean() + 1e-10))
    frames = waveform[: len(waveform) // FRAME * FRAME].reshape(-1, FRAME)
    energy = np.square(frames).mean(axis=1)
    return float(np.sqrt(energy[energy >= np.percentile(energy, ACTIVE_PERCENTILE)].mean() + 1e-10))


def play_at(waveform: FloatArray, speed: float) -> FloatArray:
    """Faster and higher, or slower and lower, by linear interpolation."""
    positions = np.arange(0, len(waveform) - 1, speed, dtype=np.float64)
    return np.interp(positions, np.arange(len(waveform)), waveform).astype(np.float32)


def fade(waveform: FloatArray, samples: int) -> FloatArray:
    """Ramp both ends."""
    n = min(samples, len(waveform) // 4)
    faded = waveform.copy()
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    faded[:n] *= ramp
    faded[len(faded) - n :] *= ramp[::-1]
    return faded


def seconds(duration: float) -> int:
    """A duration in samples."""
    return int(duration * SAMPLE_RATE)
