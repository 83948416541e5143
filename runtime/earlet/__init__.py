"""earlet: an on-device inference runtime. `earlet.pipeline(task)` is where to begin."""

from earlet.audio.microphone import Microphone
from earlet.bundle import Bundle
from earlet.errors import (
    AudioFileError,
    BackendError,
    BundleError,
    BundleNotFoundError,
    ConfigError,
    EarletError,
    InputError,
    ManifestError,
    MicrophoneError,
)
from earlet.results import Chunk, Classification, Detection, Match, Partial, Segment, Transcript
from earlet.tasks import load, pipeline

__version__ = "0.1.0"

__all__ = [
    "AudioFileError",
    "BackendError",
    "Bundle",
    "BundleError",
    "BundleNotFoundError",
    "Chunk",
    "Classification",
    "ConfigError",
    "Detection",
    "EarletError",
    "InputError",
    "ManifestError",
    "Match",
    "Microphone",
    "MicrophoneError",
    "Partial",
    "Segment",
    "Transcript",
    "__version__",
    "load",
    "pipeline",
]
