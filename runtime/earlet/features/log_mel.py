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
from earlet.features.mel import MelBank, MelPlan, check_n_mels, mel_filters
from earlet.features.mel_energies import MelEnergies, MelWork
from earlet.features.spectrum import MAX_FRAMES, MAX_N_FFT, check_constants, window
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
        filters = mel_filters(
            sample_rate=config.sample_rate,
            n_fft=config.n_fft,
            n_mels=config.n_mels,
            f_min=config.f_min,
            f_max=config.f_max,
            scale="slaney",
            straight_in="hz",
            norm="slaney",
        )
        self._energies = MelEnergies(
            MelPlan(
                window=window("hann", config.n_fft),
                hop_length=config.hop_length,
                n_fft=config.n_fft,
                bank=MelBank(filters),
            )
        )
        self.silence = np.float32(np.log10(config.log_floor))  # the log10 energies of zeros

    def __call__(self, waveform: FloatArray) -> FloatArray:
        """(n_samples,) -> (n_frames, n_mels) float32, a frame for each whole hop.

        Without padding, half a window or less gives no frame.
        """
        half = self.win_length // 2
        features = np.empty((self.n_frames(len(waveform)), self.n_features), dtype=np.float32)
        if not len(features):
            return features
        zeros = self.padding(len(waveform))
        before = np.concatenate([waveform[: half + 1], zeros])[half:0:-1]
        after = np.concatenate([waveform[-half - 1 :], zeros])[-2 : -2 - half : -1]
        heard = self._energies(waveform, before, np.concatenate([zeros, after]), features)
        self.log(heard)
        return self._normalize(features, len(heard))

    def n_frames(self, n_samples: int) -> int:
        """Of a clip."""
        n_padded = max(n_samples, self.pad_samples)
        return n_padded // self.hop_length if n_padded > self.win_length // 2 else 0

    def padding(self, n_samples: int) -> FloatArray:
        """The zeros that are put after a clip, as far as frames see anything else with them.

        A window of zeros is all that the clip's last frames can see of the padding. The frames
        after them hold zeros only: their energy is the floor, and they are not computed.
        """
        n_missing = max(self.pad_samples - n_samples, 0)
        return np.zeros(min(n_missing, self.win_length), dtype=np.float32)

    def log(self, energies: FloatArray) -> None:
        """Floor and log10, where they lie."""
        np.maximum(energies, np.float32(self.config.log_floor), out=energies)
        np.log10(energies, out=energies)

    def normalize(self, log_energies: FloatArray) -> FloatArray:
        """The last two steps, which need the whole clip's maximum; same shape."""
        return self._normalize(log_energies.copy(), len(log_energies))

    def _normalize(self, features: FloatArray, n_heard: int) -> FloatArray:
        """Where it lies; what comes after `n_heard` frames is silence, whatever is there."""
        config = self.config
        mean, scale = np.float32(config.mean), np.float32(1 / config.std)
        heard = features[:n_heard]
        least = heard.max(initial=self.silence) - np.float32(config.dynamic_range)
        np.maximum(heard, least, out=heard)
        heard -= mean
        heard *= scale
        features[n_heard:] = (np.maximum(self.silence, least) - mean) * scale
        return features

    def stream(self) -> "LogMelStream":
        """The same frames, before `normalize`, for audio that arrives in chunks."""
        return LogMelStream(self, MelWork(self._energies.plan))


class LogMelStream:
    """`LogMel` for a clip that arrives in chunks: its log10 energies, as soon as they exist.

    What `push` and `flush` returned, concatenated, is for `LogMel.normalize`.
    """

    def __init__(self, log_mel: LogMel, mel_energies: MelWork) -> None:
        self._log_mel = log_mel
        self._mel_energies = mel_energies
        self.reset()

    def push(self, chunk: FloatArray) -> FloatArray:
        """Take any number of samples; return the frames they complete, (n_frames, n_mels)."""
        self._n_samples += len(chunk)
        return self._advance(chunk)

    def flush(self) -> FloatArray:
        """End the clip: return the frames of its padded and reflected end, and begin again."""
        log_mel, half = self._log_mel, self._log_mel.win_length // 2
        n_left = log_mel.n_frames(self._n_samples) - self._n_frames
        zeros = log_mel.padding(self._n_samples)
        reflected = np.concatenate([self._pending, zeros])[-2 : -2 - half : -1]
        last = self._advance(np.concatenate([zeros, reflected]))[:n_left]
        self.reset()
        silent = [(0, n_left - len(last)), (0, 0)]
        return np.pad(last, silent, constant_values=log_mel.silence)

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
        frames = self._mel_energies(self._pending)
        log_mel.log(frames)
        self._pending = self._pending[len(frames) * log_mel.hop_length :]
        self._n_frames += len(frames)
        return frames
