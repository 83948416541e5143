"""earlet: an on-device inference runtime. `earlet.pipeline(task)` is where to begin.

A name is imported from where it is made when it is first asked for (PEP 562), so that nobody waits
for what is not used: NumPy alone takes longer to import than a small network takes to open.
"""

from importlib import import_module
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from earlet.audio.microphone import Microphone
    from earlet.bundle import Bundle
    from earlet.results import (
        Chunk,
        Classification,
        Detection,
        Match,
        Partial,
        Segment,
        Transcript,
    )
    from earlet.tasks import load, pipeline
else:
    _MADE_IN = {
        "Bundle": "earlet.bundle",
        "Chunk": "earlet.results",
        "Classification": "earlet.results",
        "Detection": "earlet.results",
        "Match": "earlet.results",
        "Microphone": "earlet.audio.microphone",
        "Partial": "earlet.results",
        "Segment": "earlet.results",
        "Transcript": "earlet.results",
        "load": "earlet.tasks",
        "pipeline": "earlet.tasks",
    }

    def __getattr__(name: str) -> object:
        if name not in _MADE_IN:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_MADE_IN[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_MADE_IN})


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
