"""What operations are given: the model of this process, and its limits."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from earlet.arrays import FloatArray
from earlet.audio.file import AudioFile
from earlet.errors import AudioFileError, InputError
from earlet.files import HEAD_BYTES, kind_of
from earlet.server.workers.interrupts import Interrupts
from earlet.tasks import Pipelines

if TYPE_CHECKING:
    from earlet.server.body import JsonValue
    from earlet.server.workers.streams import LiveStream

Arguments = Mapping[str, Any]
Result = Union["JsonValue", Iterator["JsonValue"]]
# One answer, or one after the other; each is sent as soon as it is there.
Operation = Callable[["Loaded", Arguments, bytes], Result]


class TooLongError(InputError):
    """The sound is longer than a call may bring."""


class UnsupportedKindError(InputError):
    """The file is of no kind that the model takes."""


class DamagedFileError(InputError):
    """The file is of the right kind, and cannot be read."""


@dataclass
class Loaded:
    """The pipeline of a bundle, and what is known of the call that runs."""

    path: Path
    max_audio_s: float
    interrupts: Interrupts
    pipelines: Pipelines = field(default_factory=Pipelines)
    streams: dict[int, "LiveStream"] = field(default_factory=dict)
    audio_s: float = 0.0  # that was heard, of all calls

    def __post_init__(self) -> None:
        self.task: Any = self.pipelines(self.path)  # which of them, the bundle's manifest says

    def sound(self, payload: bytes) -> Iterator[FloatArray]:
        """The chunks of a sound file at the task's rate, as they are decoded.

        Raises:
            DamagedFileError: it cannot be read to its end.
            TooLongError: there is more than `max_audio_s` of it.
            UnsupportedKindError: it is no sound.
        """
        rate = self.task.sample_rate
        n_samples = 0
        try:
            with self.interrupts.held():
                file = AudioFile(payload, rate)
            with file:
                chunks = iter(file)
                while True:
                    with self.interrupts.held():
                        chunk = next(chunks, None)
                    if chunk is None:
                        return
                    n_samples += len(chunk)
                    if n_samples > self.max_audio_s * rate:
                        raise TooLongError(f"the audio: longer than {self.max_audio_s:g} s")
                    self.audio_s += len(chunk) / rate
                    yield chunk
        except AudioFileError as problem:
            if kind_of(payload[:HEAD_BYTES]) == "sound":
                raise DamagedFileError(str(problem)) from None
            raise UnsupportedKindError(str(problem)) from None
