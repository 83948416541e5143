"""Mel-frequency cepstral coefficients (MFCC): the cosine transform of a log-mel filterbank.

Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word
recognition", 1980; the variants after HTK (HTK book, section 5.6) and Kaldi `feat/feature-mfcc.cc`.
Held to both, to librosa and to the MLPerf Tiny keyword model in `tests/features/test_mfcc.py`.

    waveform (n_samples,) -> log mel energies (n_frames, n_mels) -> cepstra (n_frames, n_mfcc)
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from earlet.arrays import FloatArray
from earlet.errors import InputError
from earlet.features.fbank import Fbank, FbankConfig
from earlet.features.mel_energies import MelEnergies, MelWork
from earlet.features.spectrum import frame

DctNorm = Literal["ortho", "htk"]


@dataclass(frozen=True, kw_only=True)
class MfccConfig(FbankConfig):
    """The filterbank, and what is made of it; `mean` and `std` are of the log energies here too."""

    n_mfcc: int = 13  # c0 among them
    dct: DctNorm = "ortho"  # "htk" scales c0 as the others, by sqrt(2 / n_mels)
    lifter: float = 22.0  # c[k] *= 1 + lifter / 2 * sin(pi k / lifter); 0: none
    use_energy: bool = False  # column 0 is the log energy of the frame's samples, not c0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.n_mfcc <= self.n_mels:
            raise InputError(f"need 0 < n_mfcc <= n_mels, got {self.n_mfcc}, {self.n_mels}")
        if self.use_energy and self.n_frames:
            raise InputError(f"use_energy needs n_frames 0, got {self.n_frames}")
        if not self.lifter >= 0:
            raise InputError(f"need a lifter of 0 or more, got {self.lifter:g}")


class Mfcc(Fbank):
    """MFCC of a clip: `Mfcc(config)(waveform)`; its stream is `Fbank`'s, on the same frames.

    Columns are c0 (or the energy), c1, c2, ...; HTK's own files have the first one last.
    """

    config: MfccConfig

    def __init__(self, config: MfccConfig) -> None:
        super().__init__(config)
        self.n_features = config.n_mfcc
        self._transform = dct_matrix(config.n_mels, config.n_mfcc, config.dct)
        if config.lifter:
            k = np.arange(config.n_mfcc)
            lift = 1 + config.lifter / 2 * np.sin(np.pi * k / config.lifter)
            self._transform *= lift.astype(np.float32)

    def features(self, clip: FloatArray, mel_energies: MelEnergies | MelWork) -> FloatArray:
        """Of a clip as it is framed, (n_frames, n_mfcc)."""
        cepstra = super().features(clip, mel_energies) @ self._transform
        if self.config.use_energy:
            cepstra[:, 0] = self._log_energy(clip)
        return cepstra

    def _log_energy(self, clip: FloatArray) -> FloatArray:
        """Kaldi's "raw energy", of the samples before pre-emphasis and window: (n_frames,)."""
        frames = frame(clip, self.win_length, self.hop_length)
        # In double precision, so that a large mean can be taken out of the sum of squares.
        energy = np.einsum("ij,ij->i", frames, frames, dtype=np.float64)
        if self.config.remove_dc:
            energy -= self.win_length * np.square(frames.mean(axis=1, dtype=np.float64))
        energy *= self.config.sample_scale**2
        log_energy: FloatArray = np.log(np.maximum(energy, self.config.log_floor), dtype=np.float32)
        return log_energy


def dct_matrix(n_mels: int, n_mfcc: int, norm: DctNorm) -> FloatArray:
    """The type-II cosine transform as a matrix (n_mels, n_mfcc): `log_mel @ dct_matrix(...)`."""
    j = np.arange(n_mels)[:, None]
    matrix = np.sqrt(2 / n_mels) * np.cos(np.pi / n_mels * (j + 0.5) * np.arange(n_mfcc))
    if norm == "ortho":
        matrix[:, 0] = np.sqrt(1 / n_mels)
    return np.asarray(matrix, dtype=np.float32)
