"""Kaldi log-mel filterbank ("fbank"), for a whole clip and for a stream.

Reference: Kaldi `feat/feature-window.cc` and `feat/mel-computations.cc`, with
`snip_edges=true, dither=0`. Held to kaldi-native-fbank and HTK in `tests/features/test_fbank.py`.

    waveform (n_samples,), prepared as `waveform.py` tells
        -> frames (n_frames, win_length) -> spectrum (n_frames, n_fft // 2 + 1)
        -> mel energies (n_frames, n_mels) -> log -> cut or filled up to n_frames
        -> (x - mean) / std
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from earlet.arrays import FloatArray
from earlet.audio.resample import check_sample_rate
from earlet.errors import InputError
from earlet.features.mel import MelBank, MelPlan, check_n_mels, mel_filters
from earlet.features.mel_energies import MelEnergies, MelWork
from earlet.features.spectrum import (
    MAX_FRAMES,
    MAX_N_FFT,
    WindowName,
    check_constants,
    window,
)
from earlet.features.waveform import (
    MAX_CLIP_SAMPLES,
    Normalize,
    check_clip_samples,
    check_stream,
    prepare,
)

LOG_FLOOR = float(np.finfo(np.float32).eps)  # Kaldi floors energies at epsilon before the log


@dataclass(frozen=True, kw_only=True)
class FbankConfig:
    """What a model was trained with; read from its bundle, never guessed."""

    sample_rate: int = 16_000  # Hz
    normalize: Normalize = "none"  # of the clip; "peak": by its largest sample
    clip_samples: int = 0  # to which a clip is cut, or filled up with zeros; 0: as it comes
    win_length: int = 400  # samples: 25 ms
    hop_length: int = 160  # samples: 10 ms
    n_fft: int = 512  # win_length rounded up to a power of two
    n_mels: int = 80
    f_min: float = 20.0  # Hz
    f_max: float = 8_000.0  # Hz
    window: WindowName = "povey"
    preemphasis: float = 0.97
    remove_dc: bool = True  # subtract each frame's mean
    sample_scale: float = 1.0  # Kaldi itself: 32768, samples as integers
    spectrum: Literal["power", "magnitude"] = "power"  # what the mel filters are applied to
    log_offset: float = 0.0  # added to the energies, before the floor
    log_floor: float = LOG_FLOOR  # energy
    n_frames: int = 0  # to which log energies are cut, or filled up with zeros; 0: as they come
    mean: float = 0.0  # of the log energies, subtracted
    std: float = 1.0  # divided by

    def __post_init__(self) -> None:
        check_sample_rate(self.sample_rate)
        check_clip_samples(self.clip_samples)
        if not 0 < self.hop_length <= self.win_length <= self.n_fft <= MAX_N_FFT:
            raise InputError(
                f"need 0 < hop_length <= win_length <= n_fft <= {MAX_N_FFT}, got "
                f"{self.hop_length}, {self.win_length}, {self.n_fft}"
            )
        check_n_mels(self.n_mels, self.n_fft)
        if not 0 <= self.n_frames <= MAX_FRAMES:
            raise InputError(f"need n_frames of 0 to {MAX_FRAMES}, got {self.n_frames}")
        check_constants(
            self,
            positive=("log_floor", "std", "sample_scale"),
            others=("preemphasis", "log_offset", "mean"),
        )


class Fbank:
    """Log-mel energies of a clip: `Fbank(config)(waveform)`."""

    def __init__(self, config: FbankConfig) -> None:
        self.config = config
        self.sample_rate = config.sample_rate
        self.win_length = config.win_length
        self.hop_length = config.hop_length
        self.n_features = config.n_mels
        self.max_samples = config.clip_samples or MAX_CLIP_SAMPLES
        if config.n_frames:
            framed = (config.n_frames - 1) * config.hop_length + config.win_length
            self.max_samples = min(self.max_samples, framed)
        filters = mel_filters(
            sample_rate=config.sample_rate,
            n_fft=config.n_fft,
            n_mels=config.n_mels,
            f_min=config.f_min,
            f_max=config.f_max,
            scale="htk",
            straight_in="mel",
        )
        self._energies = MelEnergies(
            MelPlan(
                window=window(config.window, config.win_length) * np.float32(config.sample_scale),
                hop_length=config.hop_length,
                n_fft=config.n_fft,
                bank=MelBank(filters),
                squares=config.spectrum == "power",
                preemphasis=config.preemphasis,
                remove_dc=config.remove_dc,
            )
        )
        self._floor = np.array(config.log_floor, dtype=np.float32)

    def __call__(self, waveform: FloatArray) -> FloatArray:
        """(n_samples,) -> (n_frames, n_mels) float32; no frame for less than win_length samples."""
        clip = self.prepare(waveform)
        if self.config.n_frames:
            clip = clip[: self.max_samples]
        return self.features(clip, self._energies)

    def features(self, clip: FloatArray, mel_energies: MelEnergies | MelWork) -> FloatArray:
        """Of a clip as it is framed, by what `mel_energies` makes of it."""
        energies, wanted = mel_energies(clip), self.config.n_frames
        if self.config.log_offset:
            energies += np.float32(self.config.log_offset)
        np.maximum(energies, self._floor, out=energies)
        np.log(energies, out=energies)
        if len(energies) < wanted:
            energies = np.pad(energies, [(0, wanted - len(energies)), (0, 0)])
        if self.config.mean or self.config.std != 1:
            energies -= np.float32(self.config.mean)
            energies *= np.float32(1 / self.config.std)
        return energies

    def prepare(self, waveform: FloatArray) -> FloatArray:
        """The clip as it is before it is framed: (n_samples,) or (clip_samples,)."""
        return prepare(waveform, self.config.normalize, self.config.clip_samples)

    def mel_energies(self, waveform: FloatArray) -> FloatArray:
        """The energies before floor and log, (n_frames, n_mels): where noise adds up linearly."""
        return self._energies(waveform)

    def stream(self) -> "FbankStream":
        """The same features for audio that arrives in chunks.

        Raises:
            InputError: where the whole clip is needed.
        """
        check_stream(self.config.normalize, self.config.clip_samples)
        if self.config.n_frames:
            raise InputError(f"a stream needs n_frames 0, got {self.config.n_frames}")
        return FbankStream(self, MelWork(self._energies.plan))


class FbankStream:
    """`Fbank` for audio that arrives in chunks: the same frames, as soon as they exist."""

    def __init__(self, fbank: Fbank, mel_energies: MelWork) -> None:
        self._fbank = fbank
        self._mel_energies = mel_energies
        self._pending = np.empty(0, dtype=np.float32)

    def push(self, chunk: FloatArray) -> FloatArray:
        """Take any number of samples; return the frames they complete, (n_frames, n_features)."""
        pending = np.concatenate([self._pending, chunk])
        features = self._fbank.features(pending, self._mel_energies)
        self._pending = pending[len(features) * self._fbank.hop_length :]
        return features

    def reset(self) -> None:
        """Forget the samples that wait for a frame to be complete."""
        self._pending = np.empty(0, dtype=np.float32)
