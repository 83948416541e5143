"""Tasks: a bundle, put together into something that can be called and listened with."""

from pathlib import Path
from typing import Any, Literal, overload

from earlet import bundle as bundles
from earlet.bundle import Bundle
from earlet.errors import BundleError, InputError
from earlet.schema import nearest
from earlet.tasks.audio_classification import AudioClassification
from earlet.tasks.image_classification import ImageClassification
from earlet.tasks.speech_recognition import SpeechRecognition
from earlet.tasks.text_classification import TextClassification
from earlet.tasks.trace import Example, Trace
from earlet.tasks.voice_activity import VoiceActivityDetection

Listener = AudioClassification | SpeechRecognition | VoiceActivityDetection
Pipeline = Listener | ImageClassification | TextClassification
# task -> what answers it, and its default bundle where there is one
_TASKS: dict[str, tuple[type[Pipeline], str | None]] = {
    "audio-classification": (AudioClassification, "commands-en"),
    "automatic-speech-recognition": (SpeechRecognition, "moonshine-tiny-en"),
    "image-classification": (ImageClassification, None),
    "text-classification": (TextClassification, None),
    "voice-activity-detection": (VoiceActivityDetection, "vad"),
}


@overload
def pipeline(
    task: Literal["audio-classification"], bundle: str | Path | None = None, *, threads: int = 1
) -> AudioClassification: ...
@overload
def pipeline(
    task: Literal["automatic-speech-recognition"],
    bundle: str | Path | None = None,
    *,
    threads: int = 1,
) -> SpeechRecognition: ...
@overload
def pipeline(
    task: Literal["image-classification"], bundle: str | Path | None = None, *, threads: int = 1
) -> ImageClassification: ...
@overload
def pipeline(
    task: Literal["text-classification"], bundle: str | Path | None = None, *, threads: int = 1
) -> TextClassification: ...
@overload
def pipeline(
    task: Literal["voice-activity-detection"], bundle: str | Path | None = None, *, threads: int = 1
) -> VoiceActivityDetection: ...
def pipeline(task: str, bundle: str | Path | None = None, *, threads: int = 1) -> Pipeline:
    """Put a bundle together for a task.

    Args:
        task: "audio-classification", "automatic-speech-recognition", "image-classification",
            "text-classification" or "voice-activity-detection".
        bundle: its path, or its name on the search path; None takes the task's own.
        threads: that the network may use.

    Raises:
        InputError: no such task, or no bundle where the task has none of its own.
        BundleError: no such bundle, a damaged one, or one for another task.
    """
    if not isinstance(task, str) or task not in _TASKS:
        raise InputError(f"task: there is no {task!r}{nearest(str(task), _TASKS)}")
    cls, default = _TASKS[task]
    name = default if bundle is None else bundle
    if name is None:
        raise InputError(f"{task}: comes without a bundle; name one: pipeline({task!r}, bundle)")
    opened = load(name)
    if opened.manifest.task != task:
        raise BundleError(f"{opened.path}: a bundle for {opened.manifest.task}, not for {task}")
    return cls(opened, threads)


def load(bundle: str | Path) -> Bundle:
    """Open a bundle by its path, or by its name on the search path.

    Raises:
        BundleError: no such bundle, or a damaged one.
    """
    return Bundle(bundles.find(bundle))


def open_bundle(bundle: Bundle, threads: int = 1) -> Pipeline:
    """The pipeline of the bundle's own task."""
    cls, _ = _TASKS[bundle.manifest.task]
    return cls(bundle, threads)


def trace(bundle: Bundle, example: Example) -> Trace:
    """What each stage of the bundle's own task makes of an example of its kind."""
    task: Any = open_bundle(bundle)  # which of the kinds it takes, the manifest's task says
    made: Trace = task.trace(example)
    return made
