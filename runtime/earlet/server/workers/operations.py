"""What a worker can be asked for: `(loaded, arguments, payload) -> result, or results`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from earlet.errors import InputError
from earlet.files import HEAD_BYTES, kind_of
from earlet.image import file as image
from earlet.results import Classification
from earlet.schema import nearest
from earlet.server.workers.loaded import (
    Arguments,
    DamagedFileError,
    Loaded,
    Operation,
    Result,
    UnsupportedKindError,
)

if TYPE_CHECKING:
    from earlet.arrays import ByteArray
    from earlet.server.body import JsonValue

SCORING = ("top_k", "function_to_apply")
TRANSCRIBING = (
    *("return_timestamps", "generation_parameters", "language", "task", "initial_prompt"),
    *("hotwords", "long_form"),
)


def classify(loaded: Loaded, arguments: Arguments, payload: bytes) -> "JsonValue":
    """The labels of a sound or a picture (`payload`), or of a text or several (`inputs`).

    Raises:
        InputError: the model answers other questions, or an argument is wrong.
    """
    task = loaded.task
    match loaded.task.bundle.manifest.task:
        case "audio-classification":
            options = known(arguments, SCORING)
            return _labels(task(loaded.sound(payload), **options))
        case "image-classification":
            options = known(arguments, SCORING)
            return _labels(task(_picture(loaded, payload), **options))
        case "text-classification":
            options = known(arguments, ("inputs", *SCORING))
            inputs = options.pop("inputs", None)
            results = task(inputs, **options)
            if isinstance(inputs, list):
                return [_labels(labels) for labels in results]
            return _labels(results)
        case other:
            raise InputError(f"classify: the model is for {other}")


def transcribe(loaded: Loaded, arguments: Arguments, payload: bytes) -> "JsonValue":
    """What is said in a sound file.

    Raises:
        InputError: the model answers other questions, or an argument is wrong.
    """
    if (found := loaded.task.bundle.manifest.task) != "automatic-speech-recognition":
        raise InputError(f"transcribe: the model is for {found}")
    options = known(arguments, TRANSCRIBING)
    transcript: JsonValue = loaded.task(loaded.sound(payload), **options).to_json()
    return transcript


def segments(loaded: Loaded, arguments: Arguments, payload: bytes) -> Iterator["JsonValue"]:
    """What is said in a sound file, piece by piece; as `segments.py` tells."""
    with loaded.interrupts.held():
        from earlet.server.workers import segments  # a spotter has no use for what it brings
    return segments.segments(loaded, arguments, payload)


def known(arguments: Arguments, names: Iterable[str]) -> dict[str, Any]:
    """The arguments, after a look at their names; raises InputError for one that is not known."""
    names = tuple(names)
    for name in arguments:
        if name not in names:
            raise InputError(f"{name}: there is no such parameter{nearest(name, names)}")
    return dict(arguments)


def _picture(loaded: Loaded, payload: bytes) -> "ByteArray":
    try:
        with loaded.interrupts.held():
            return image.load(payload)
    except image.PictureTooLargeError:
        raise
    except InputError as problem:
        if kind_of(payload[:HEAD_BYTES]) == "picture":
            raise DamagedFileError(str(problem)) from None
        raise UnsupportedKindError(str(problem)) from None


def _labels(found: Iterable[Classification]) -> "JsonValue":
    return [{"label": each.label, "score": each.score} for each in found]


def settle(_loaded: Loaded, _arguments: Arguments, _payload: bytes) -> None:
    """Nothing: what comes after it, no signal for a call before it can hit any more."""


def _of_stream(name: str) -> Operation:
    """One of `streams.py`, which imports all that can listen: only a worker with streams does."""

    def operation(loaded: Loaded, arguments: Arguments, payload: bytes) -> Result:
        with loaded.interrupts.held():
            from earlet.server.workers.streams import STREAM_OPERATIONS
        return STREAM_OPERATIONS[name](loaded, arguments, payload)

    return operation


OPERATIONS: Mapping[str, Operation] = {
    "classify": classify,
    "transcribe": transcribe,
    "segments": segments,
    "settle": settle,
    **{name: _of_stream(name) for name in ("open", "push", "flush", "close")},
}
