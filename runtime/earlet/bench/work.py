"""What a bundle is given to do, by its task.

| bundle | unit of work | is |
|---|---|---|
| spotter | hop | the sound from one look of the network to the next |
| voice activity | window | what the network hears at once |
| other sounds, speech | clip | the whole example |
| pictures, texts | picture, text | one of them |

The example is that of the bundle's golden file, or what somebody gives.
"""

from collections.abc import Iterator
from functools import partial
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np

from earlet.arrays import FloatArray
from earlet.bench.figures import Unit
from earlet.bench.timing import Call, Stream
from earlet.bundle import Bundle
from earlet.errors import InputError
from earlet.manifest import Manifest

MAX_INPUT_S = 60.0  # of a sound file: a small board may take as long for it
PAUSE_S = 1.0  # silence after the example in live sound, so that what was said is over
N_UTTERANCES = 4  # for a recogniser, whose threads each take one
MAX_LIVE_S = 10.0  # beyond what is asked for, for the sake of a long example


class Work(NamedTuple):
    """A pipeline and an example, ready to be timed."""

    unit: Unit
    unit_s: float | None  # seconds of sound in a unit
    step: Call  # the next unit, the example over and over
    whole: Call  # all of the example
    stream: Stream | None = None  # for live sound; None: it takes none


def is_spotter(manifest: Manifest) -> bool:
    """Whether the bundle hears commands in a stream."""
    return manifest.task == "audio-classification" and bool(manifest.streaming)


def example(bundle: Bundle, sample_rate: int | None, content: str | None) -> Any:
    """What a pipeline is called with: a path's content or a text, or the bundle's golden example.

    Of sound that is {"array": samples, "sampling_rate": Hz}; `sample_rate` is the pipeline's own.

    Raises:
        BundleError: the golden file cannot be used.
        InputError: the input cannot.
    """
    if content is None:
        from earlet.verify import read_golden

        own: Any = read_golden(bundle).example
        return own if sample_rate is None else {"array": own, "sampling_rate": sample_rate}
    if sample_rate is not None:
        return {"array": _beginning(content, sample_rate), "sampling_rate": sample_rate}
    if bundle.manifest.task == "image-classification":
        from earlet.image.file import load

        return load(content)
    return content


def prepare(task: Any, given: Any) -> Work:
    """The work that a pipeline has with an example of its kind.

    Raises:
        InputError: when the example cannot be used.
    """
    manifest: Manifest = task.bundle.manifest
    whole: Call = partial(task, given)
    if manifest.task == "image-classification":
        return Work("picture", None, whole, whole)
    if manifest.task == "text-classification":
        return Work("text", None, whole, whole)
    if manifest.task == "voice-activity-detection":
        return _streamed("window", task.utterance_stream(), task.config.window_samples, task, given)
    if is_spotter(manifest):
        spotter = task.spotter()
        return _streamed("hop", spotter, spotter.hop_length, task, given)
    seconds = len(_waveform(task, given)) / task.sample_rate
    speech = _Speech(task) if manifest.task == "automatic-speech-recognition" else None
    return Work("clip", seconds, whole, whole, speech)


def live_sound(task: Any, given: Any, seconds: float) -> list[FloatArray]:
    """An example over and over, in chunks as a microphone gives them, for so long.

    If that is not too long, all of it comes once, with silence behind.
    """
    from earlet.audio.microphone import BLOCK_S  # late: it is no part of a start

    rate: int = task.sample_rate
    pause = np.zeros(round(PAUSE_S * rate), dtype=np.float32)
    heard = np.concatenate([_waveform(task, given), pause])
    length = max(1, round(BLOCK_S * rate))
    n_chunks = max(round(seconds * rate), min(len(heard), round(MAX_LIVE_S * rate))) // length
    return list(np.resize(heard, (max(1, n_chunks), length)))


def in_turns(task: Any, given: Any) -> Call:
    """What contenders do by turns: all of an example; of a recogniser's, N_UTTERANCES times."""
    if task.bundle.manifest.task != "automatic-speech-recognition":
        return prepare(task, given).whole
    pause = np.zeros(round(PAUSE_S * task.sample_rate), dtype=np.float32)
    heard = np.tile(np.concatenate([_waveform(task, given), pause]), N_UTTERANCES)
    return partial(task, heard, sampling_rate=task.sample_rate)


def n_tokens(task: Any, given: Any) -> int | None:
    """How many tokens a recogniser writes for an example; None where it is no recogniser."""
    if task.bundle.manifest.task != "automatic-speech-recognition":
        return None
    live = task.live()
    events = [*live.push(_waveform(task, given), late=True), *live.flush()]
    return sum(len(segment.tokens) for final in events for segment in final.segments)


class _Speech:
    """What a recogniser writes down of a stream, without what is being said meanwhile."""

    def __init__(self, task: Any) -> None:
        self._live = task.live()

    def push(self, samples: FloatArray) -> object:
        """Take any number of samples."""
        return self._live.push(samples, late=True)

    def flush(self) -> object:
        """The sound is over."""
        return self._live.flush()


def _streamed(unit: Unit, stream: Stream, length: int, task: Any, given: Any) -> Work:
    """Units of `length` samples, pushed one by one."""
    waveform = _waveform(task, given)
    blocks = np.resize(waveform, (-(-len(waveform) // length), length))  # its beginning once more
    coming = cycle(blocks)

    def whole() -> None:
        for block in blocks:
            stream.push(block)

    seconds = length / task.sample_rate
    return Work(unit, seconds, lambda: stream.push(next(coming)), whole, stream)


def _waveform(task: Any, given: Any) -> FloatArray:
    from earlet.tasks import sound

    waveform = sound.load(given, None, task.sample_rate)
    if not len(waveform):
        raise InputError(f"the sound is too short: it has no sample at {task.sample_rate} Hz")
    return waveform


def _beginning(path: str, sample_rate: int) -> FloatArray:
    """Of a sound file, MAX_INPUT_S at most; no more of it is read."""
    from earlet.tasks import sound

    def chunks() -> Iterator[FloatArray]:
        n_missing = round(MAX_INPUT_S * sample_rate)
        for chunk in sound.stream(path, None, sample_rate):
            yield chunk[:n_missing]
            n_missing -= len(chunk)
            if n_missing <= 0:
                return

    return np.concatenate([np.zeros(0, dtype=np.float32), *chunks()])
