"""Mel filterbanks: the two mel scales and the two ways of drawing triangles that models use.

"htk" scale:    1127 ln(1 + f / 700)  (HTK book, section 5.4; Kaldi the same)
"slaney" scale: linear below 1 kHz, logarithmic above (Slaney, "Auditory Toolbox", 1998)

Kaldi draws triangles that are straight in mel, librosa and Whisper triangles that are straight in
hertz. Held to librosa, kaldi-native-fbank and transformers in `tests/features/`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from earlet.arrays import Float64Array, FloatArray
from earlet.errors import InputError

MelScale = Literal["htk", "slaney"]

MAX_MELS = 1_024  # filters; models have 23 to 128
BANDS = 4  # into which filters are divided: the fewer bins a band has, the less there is to add
MIN_BANDED_FRAMES = 24  # for fewer, one product is faster than those of the bands
SLANEY_HZ_PER_MEL = 200 / 3  # below the break frequency
SLANEY_BREAK_HZ = 1000.0
SLANEY_BREAK_MEL = SLANEY_BREAK_HZ / SLANEY_HZ_PER_MEL
SLANEY_LOG_STEP = np.log(6.4) / 27  # above it: 27 mel cover a factor of 6.4


def hz_to_mel(hz: npt.ArrayLike, scale: MelScale) -> Float64Array:
    """Frequencies in hertz on the mel scale, same shape."""
    f = np.asarray(hz, dtype=np.float64)
    if scale == "htk":
        return np.asarray(1127.0 * np.log1p(f / 700.0))
    log_part = SLANEY_BREAK_MEL + np.log(np.maximum(f, 1e-9) / SLANEY_BREAK_HZ) / SLANEY_LOG_STEP
    return np.where(f < SLANEY_BREAK_HZ, f / SLANEY_HZ_PER_MEL, log_part)


def mel_to_hz(mel: npt.ArrayLike, scale: MelScale) -> Float64Array:
    """The inverse of `hz_to_mel`."""
    m = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return np.asarray(700.0 * np.expm1(m / 1127.0))
    log_part = SLANEY_BREAK_HZ * np.exp(SLANEY_LOG_STEP * (m - SLANEY_BREAK_MEL))
    return np.where(m < SLANEY_BREAK_MEL, m * SLANEY_HZ_PER_MEL, log_part)


def check_n_mels(n_mels: int, n_fft: int) -> None:
    """Raise InputError for no filters, or more than a spectrum of n_fft points has bins for."""
    most = min(n_fft // 2, MAX_MELS)
    if not 1 <= n_mels <= most:
        raise InputError(f"need n_mels of 1 to {most}, got {n_mels}")


def mel_filters(
    *,
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    f_min: float,
    f_max: float,
    scale: MelScale,
    straight_in: Literal["mel", "hz"],
    norm: Literal["none", "slaney"] = "none",
) -> FloatArray:
    """Triangular filters as a matrix (n_fft // 2 + 1, n_mels): `power @ mel_filters(...)`.

    norm "slaney" divides each triangle by half its width in hertz, so that all have equal area;
    "none" leaves their peaks at 1. A filter that lies between two FFT bins is all zeros, as
    some of the Audio Spectrogram Transformer's 128 over 512 points are.

    Raises:
        InputError: when the band is empty or not within half the sample rate.
    """
    if not 0 <= f_min < f_max <= sample_rate / 2:
        raise InputError(
            f"need 0 <= f_min < f_max <= {sample_rate / 2:g} Hz, got {f_min:g} and {f_max:g} Hz"
        )
    mel_min, mel_max = hz_to_mel([f_min, f_max], scale)
    edges_mel = np.linspace(mel_min, mel_max, n_mels + 2)
    bins_hz = np.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    edges_hz = mel_to_hz(edges_mel, scale)
    edges, bins = (
        (edges_mel, hz_to_mel(bins_hz, scale)) if straight_in == "mel" else (edges_hz, bins_hz)
    )
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - left) / (centre - left)
    falling = (right - bins[:, None]) / (right - centre)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    if norm == "slaney":
        weights *= 2.0 / (edges_hz[2:] - edges_hz[:-2])
    return weights.astype(np.float32)


class MelBank:
    """Filters as products, each band of neighbours with only the bins that they see."""

    def __init__(self, filters: FloatArray) -> None:
        """`filters` as `mel_filters` gives them, (n_bins, n_mels)."""
        self.n_mels = filters.shape[1]
        self.filters = filters
        self._bands = []
        for mels in np.array_split(np.arange(self.n_mels), min(BANDS, self.n_mels)):
            seen = np.flatnonzero(filters[:, mels].any(axis=1))
            bins = slice(seen[0], seen[-1] + 1) if len(seen) else slice(1)
            columns = slice(mels[0], mels[-1] + 1)
            self._bands.append((bins, columns, filters[bins, columns].copy()))

    def __call__(self, spectrum: FloatArray, energies: FloatArray) -> None:
        """(n_frames, n_bins) -> (n_frames, n_mels), written into `energies`."""
        if len(spectrum) < MIN_BANDED_FRAMES:
            np.matmul(spectrum, self.filters, out=energies)
            return
        for bins, columns, filters in self._bands:
            np.matmul(spectrum[:, bins], filters, out=energies[:, columns])


@dataclass(frozen=True, kw_only=True)
class MelPlan:
    """What becomes of a frame: `mel_energies.py` carries it out."""

    window: FloatArray  # (win_length,)
    hop_length: int  # samples
    n_fft: int  # frames are filled up with zeros to it
    bank: MelBank
    squares: bool = True  # the filters are applied to the power, else to the magnitude
    preemphasis: float = 0.0  # y[i] = x[i] - preemphasis * x[i - 1]; before x[0] is x[0] again
    remove_dc: bool = False  # a frame's mean is taken off before that
