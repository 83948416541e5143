"""What networks hear: features of a clip or a stream, configured by a bundle's `input` section.

    {kind: fbank, sample_rate: 16000, n_mels: 40, ...}  -> Fbank      fbank.py
    {kind: log-mel, n_mels: 80, ...}                    -> LogMel     log_mel.py
    {kind: mfcc, n_mels: 40, n_mfcc: 10, ...}           -> Mfcc       mfcc.py
    {kind: waveform, sample_rate: 16000}                -> Waveform   waveform.py

Every other key is a field of the kind's configuration class.
"""

from collections.abc import Mapping
from typing import Protocol

from earlet import schema
from earlet.arrays import FloatArray
from earlet.errors import InputError, ManifestError
from earlet.features.fbank import Fbank, FbankConfig
from earlet.features.log_mel import LogMel, LogMelConfig
from earlet.features.mfcc import Mfcc, MfccConfig
from earlet.features.waveform import Waveform, WaveformConfig

KINDS = ("fbank", "log-mel", "mfcc", "waveform")


class FeatureStream(Protocol):
    """Features of audio that arrives in chunks."""

    def push(self, chunk: FloatArray, /) -> FloatArray:
        """Take any number of samples; return the frames they complete, (n_frames, n_features)."""

    def reset(self) -> None:
        """Begin again, as if nothing had been pushed."""


class Features(Protocol):
    """What all kinds have in common."""

    @property
    def sample_rate(self) -> int:
        """Of the waveform that is expected, in Hz."""

    @property
    def win_length(self) -> int:
        """Samples that one frame sees."""

    @property
    def hop_length(self) -> int:
        """Samples from one frame to the next."""

    @property
    def n_features(self) -> int:
        """Columns of a frame."""

    @property
    def max_samples(self) -> int:
        """The longest clip that is taken in whole."""

    def __call__(self, waveform: FloatArray, /) -> FloatArray:
        """A clip's features: (n_samples,) -> (n_frames, n_features)."""

    def stream(self) -> FeatureStream:
        """The same features for audio that arrives in chunks."""


def from_manifest(
    section: Mapping[str, object], where: str = "input"
) -> Fbank | LogMel | Mfcc | Waveform:
    """The features that a bundle's `input` section asks for; `where` names it in messages.

    Raises:
        ManifestError: the kind or a key is missing or unknown, or a value cannot be used.
    """
    kind = section.get("kind")
    fields = {key: value for key, value in section.items() if key != "kind"}
    try:
        match kind:
            case "fbank":
                return Fbank(schema.read(FbankConfig, fields, where, ManifestError))
            case "log-mel":
                return LogMel(schema.read(LogMelConfig, fields, where, ManifestError))
            case "mfcc":
                return Mfcc(schema.read(MfccConfig, fields, where, ManifestError))
            case "waveform":
                return Waveform(schema.read(WaveformConfig, fields, where, ManifestError))
    except InputError as problem:
        raise ManifestError(f"{where}: {problem}") from None
    if kind is None:
        raise ManifestError(f"{where}: the key 'kind' is missing; known are {', '.join(KINDS)}")
    raise ManifestError(f"{where}.kind: unknown kind {kind!r}{schema.nearest(str(kind), KINDS)}")
