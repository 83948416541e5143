"""Tasks: a bundle, put together into something that can be called and listened with.

A task's module is imported when it is first asked for: a spotter on a small board never loads the
tokenizers, nor `import earlet` any of them.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, Union, overload

from earlet import bundle as bundles
from earlet.bundle import Bundle
from earlet.errors import BundleError, InputError
from earlet.manifest import Task
from earlet.schema import nearest

if TYPE_CHECKING:
    from earlet.tasks.audio_classification import AudioClassification
    from earlet.tasks.image_classification import ImageClassification
    from earlet.tasks.speech_recognition import SpeechRecognition
    from earlet.tasks.text_classification import TextClassification
    from earlet.tasks.trace import Example, Trace
    from earlet.tasks.voice_activity import VoiceActivityDetection

Listener = Union["AudioClassification", "SpeechRecognition", "VoiceActivityDetection"]
Pipeline = Union[Listener, "ImageClassification", "TextClassification"]
_DEFAULTS = {  # the bundle of a task
    "audio-classification": "commands-en",
    "automatic-speech-recognition": "moonshine-tiny-en",
    "image-classification": "efficientnet-lite0",
    "text-classification": "sentiment-en",
    "voice-activity-detection": "vad",
}


@overload
def pipeline(
    task: Literal["audio-classification"], bundle: str | Path | None = None, *, threads: int = 1
) -> "AudioClassification": ...
@overload
def pipeline(
    task: Literal["automatic-speech-recognition"],
    bundle: str | Path | None = None,
    *,
    threads: int = 1,
) -> "SpeechRecognition": ...
@overload
def pipeline(
    task: Literal["image-classification"], bundle: str | Path | None = None, *, threads: int = 1
) -> "ImageClassification": ...
@overload
def pipeline(
    task: Literal["text-classification"], bundle: str | Path | None = None, *, threads: int = 1
) -> "TextClassification": ...
@overload
def pipeline(
    task: Literal["voice-activity-detection"], bundle: str | Path | None = None, *, threads: int = 1
) -> "VoiceActivityDetection": ...
def pipeline(task: str, bundle: str | Path | None = None, *, threads: int = 1) -> Pipeline:
    """Put a bundle together for a task; what comes back is for one thread at a time.

    Args:
        task: "audio-classification", "automatic-speech-recognition", "image-classification",
            "text-classification" or "voice-activity-detection".
        bundle: its path, or its name on the search path; None takes the task's own.
        threads: that the network may use; of a recogniser, the utterances that it works on at once.

    Raises:
        InputError: no such task.
        BundleError: no such bundle, a damaged one, or one for another task.
    """
    if not isinstance(task, str) or task not in _DEFAULTS:
        raise InputError(f"task: there is no {task!r}{nearest(str(task), _DEFAULTS)}")
    opened = load(_DEFAULTS[task] if bundle is None else bundle)
    if opened.manifest.task != task:
        raise BundleError(f"{opened.path}: a bundle for {opened.manifest.task}, not for {task}")
    return open_bundle(opened, threads)


def load(bundle: str | Path) -> Bundle:
    """Open a bundle by its path, or by its name on the search path.

    Raises:
        BundleError: no such bundle, or a damaged one.
    """
    return Bundle(bundles.find(bundle))


def open_bundle(bundle: Bundle, threads: int = 1) -> Pipeline:
    """The pipeline of the bundle's own task.

    Raises:
        BundleError: when the parts of the bundle do not fit together.
    """
    return _pipeline_class(bundle.manifest.task)(bundle, threads)


class Pipelines:
    """The pipelines of bundles, each opened once: whoever asks again shares it.

    So several streams, or both stages of one, take the memory of one network. All must run in one
    thread.
    """

    def __init__(self) -> None:
        self._opened: dict[tuple[Path, int], Pipeline] = {}

    def __call__(self, bundle: str | Path, threads: int = 1) -> Pipeline:
        """The pipeline of the bundle with that path, or with that name on the search path.

        Raises:
            BundleError: no such bundle, or a damaged one.
        """
        path = bundles.find(bundle)
        known = path.resolve(), threads
        if known not in self._opened:
            self._opened[known] = open_bundle(Bundle(path), threads)
        return self._opened[known]


def listens(task: Pipeline) -> TypeGuard[Listener]:
    """Whether it takes streams."""
    return hasattr(task, "listen")


def trace_bundle(bundle: Bundle, example: "Example") -> "Trace":
    """What each stage of the bundle's own task makes of an example of its kind."""
    task: Any = open_bundle(bundle)  # which of the kinds it takes, the manifest's task says
    made: Trace = task.trace(example)
    return made


def _pipeline_class(task: Task) -> type[Pipeline]:
    match task:
        case "audio-classification":
            from earlet.tasks.audio_classification import AudioClassification

            return AudioClassification
        case "automatic-speech-recognition":
            from earlet.tasks.speech_recognition import SpeechRecognition

            return SpeechRecognition
        case "image-classification":
            from earlet.tasks.image_classification import ImageClassification

            return ImageClassification
        case "text-classification":
            from earlet.tasks.text_classification import TextClassification

            return TextClassification
        case "voice-activity-detection":
            from earlet.tasks.voice_activity import VoiceActivityDetection

            return VoiceActivityDetection
