"""Whisper's log-mel spectrogram, for a whole clip and for a stream.

Reference: Radford et al., "Robust speech recognition via large-scale weak supervision", 2022,
section 2.2, and OpenAI's `whisper/audio.py`. Held to transformers' WhisperFeatureExtractor in
`tests/features/test_log_mel.py`.

    waveform (n_samples,), zeros up to pad_seconds, reflected by n_fft / 2 at both ends
        -> frames (n_frames, n_fft) -> power (n_frames, n_fft // 2 + 1)
        -> mel energies (n_frames, n_mels) -> log10
        -> no less than the clip's maximum - dynamic_range -> (x - mean) / std

Time goes down the rows, as everywhere in earlet; where a network wants (n_mels, n_frames), the
transpose is part of the network or of its backend.
"""

from dataclasses import dataclass

import numpy as np

from earlet.arrays import FloatArray
from earlet.audio.resample import check_sample_rate
from earlet.errors import InputError
from earlet.features.mel import check_n_mels, mel_filters
from earlet.features.spectrum import (
    BLOCK_FRAMES,
    MAX_FRAMES,
    MAX_N_FFT,
    check_constants,
    frame,
    magnitudes,
    window,
)
from earlet.features.waveform import MAX_CLIP_SAMPLES


@dataclass(frozen=True, kw_only=True)
class LogMelConfig:
    """What a model was trained with; read from its bundle, never guessed."""

    sample_rate: int = 16_000  # Hz
    n_fft: int = 400  # samples: 25 ms, the window's length too
    hop_length: int = 160  # samples: 10 ms
    n_mels: int = 80  # 128 since large-v3
    f_min: float = 0.0  # Hz
    f_max: float = 8_000.0  # Hz
    pad_seconds: float = 30.0  # a shorter clip is padded with zeros to this; 0: no padding
    log_floor: float = 1e-10  # energy
    dynamic_range: float = 8.0  # in log10 energy, below the clip's maximum
    mean: float = -4.0  # of the log10 energies, subtracted
    std: float = 4.0  # divided by

    def __post_init__(self) -> None:
        check_sample_rate(self.sample_rate)
        # A hop of half a window or more would leave a frame to the padding alone.
        if not 0 < self.hop_length < self.n_fft // 2 <= MAX_N_FFT // 2:
            raise InputError(
                f"need 0 < hop_length < n_fft // 2 <= {MAX_N_FFT // 2}, got "
                f"{self.hop_length}, {self.n_fft}"
            )
        check_n_mels(self.n_mels, self.n_fft)
        if not 0 <= self.pad_seconds * self.sample_rate <= MAX_FRAMES * self.hop_length:
            raise InputError(
                f"need pad_seconds of 0 to {MAX_FRAMES} frames, got {self.pad_seconds:g} s"
            )
        if not self.dynamic_range >= 0:
            raise InputError(f"need dynamic_range of 0 or more, got {self.dynamic_range:g}")
        check_constants(self, positive=("log_floor", "std"), others=("mean", "dynamic_range"))


class LogMel:
    """The log-mel spectrogram of a clip: `LogMel(config)(waveform)`."""

    def __init__(self, config: LogMelConfig) -> None:
        self.config = config
        self.sample_rate = config.sample_rate
        self.win_length = config.n_fft
        self.hop_length = config.hop_length
        self.n_features = config.n_mels
        self.pad_samples = round(config.pad_seconds * config.sample_rate)
        self.max_samples = self.pad_samples or MAX_CLIP_SAMPLES
        self._filters = mel_filters(
            sample_rate=config.sample_rate,
            n_fft=config.n_fft,
            n_mels=config.n_mels,
            f_min=config.f_min,
            f_max=config.f_max,
            scale="slaney",
            straight_in="hz",
            norm="slaney",
        )
        self._window = window("hann", config.n_fft)

    def __call__(self, waveform: FloatArray) -> FloatArray:
        """(n_samples,) -> (n_frames, n_mels) float32, a frame for each whole hop.

        A clip is a stream of one chunk. Without padding, half a window or less gives no frame.
        """
        stream = self.stream()
        return self.normalize(np.concatenate([stream.push(waveform), stream.flush()]))

    def normalize(self, log_energies: FloatArray) -> FloatArray:
        """The last two steps, which need the whole clip's maximum; same shape."""
        if not log_energies.size:
            return log_energies
        least = log_energies.max() - np.float32(self.config.dynamic_range)
        features: FloatArray = np.maximum(log_energies, least)
        features -= np.float32(self.config.mean)
        features *= np.float32(1 / self.config.std)
        return features

    def log_energies(self, centred: FloatArray) -> FloatArray:
        """log10 mel energies of the whole frames of a stretch of signal, (n_frames, n_mels)."""
        frames = frame(centred, self.win_length, self.hop_length)
        energies = np.empty((len(frames), self.n_features), dtype=np.float32)
        for start in range(0, len(frames), BLOCK_FRAMES):
            block = frames[start : start + BLOCK_FRAMES] * self._window
            power = magnitudes(block, self.win_length)
            np.square(power, out=power)
            np.matmul(power, self._filters, out=energies[start : start + len(block)])
        np.maximum(energies, np.float32(self.config.log_floor), out=energies)
        np.log10(energies, out=energies)
        return energies

    def stream(self) -> "LogMelStream":
        """The same frames, before `normalize`, for audio that arrives in chunks."""
        return LogMelStream(self)


class LogMelStream:
    """`LogMel` for a clip that arrives in chunks: its log10 energies, as soon as they exist.

    What `push` and `flush` returned, concatenated, is for `LogMel.normalize`.
    """

    def __init__(self, log_mel: LogMel) -> None:
        self._log_mel = log_mel
        self.reset()

    def push(self, chunk: FloatArray) -> FloatArray:
        """Take any number of samples; return the frames they complete, (n_frames, n_mels)."""
        self._n_samples += len(chunk)
        return self._advance(chunk)

    def flush(self) -> FloatArray:
        """End the clip: return the frames of its padded and reflected end, and begin again."""
        log_mel, half = self._log_mel, self._log_mel.win_length // 2
        total = max(self._n_samples, log_mel.pad_samples)
        n_left = total // log_mel.hop_length - self._n_frames
        # A window of zeros is all that the clip's last frames can see of the padding. The frames
        # after them hold zeros only: their energy is the floor, and they are not computed.
        frames = [self._advance(np.zeros(min(total - self._n_samples, 2 * half), np.float32))]
        if self._n_frames:
            frames.append(self._advance(self._pending[-2 : -2 - half : -1]))
        else:
            n_left = 0
        self.reset()
        tail = np.concatenate(frames)[:n_left]
        silence = np.full(
            (n_left - len(tail), log_mel.n_features),
            np.log10(log_mel.config.log_floor),
            dtype=np.float32,
        )
        return np.concatenate([tail, silence])

    def reset(self) -> None:
        """Forget the clip so far."""
        self._pending = np.empty(0, dtype=np.float32)
        self._n_samples = 0
        self._n_frames = 0

    def _advance(self, samples: FloatArray) -> FloatArray:
        log_mel, half = self._log_mel, self._log_mel.win_length // 2
        self._pending = np.concatenate([self._pending, samples])
        if not self._n_frames:
            if len(self._pending) <= half:
                return np.empty((0, log_mel.n_features), dtype=np.float32)
            # The first frame is centred on the first sample, and the signal reflected around it.
            self._pending = np.concatenate([self._pending[half:0:-1], self._pending])
        frames = log_mel.log_energies(self._pending)
        self._pending = self._pending[len(frames) * log_mel.hop_length :]
        self._n_frames += len(frames)
        return frames
