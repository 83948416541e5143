"""What the audio tasks have in common: what a caller may hand in.

A path, a data URL, encoded bytes, a file object, samples with their rate, or an iterable of chunks
such as a microphone: all become mono float32 chunks at the network's rate.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, TypeGuard

import numpy as np
import numpy.typing as npt

from earlet.arrays import AnyArray, FloatArray, as_waveform
from earlet.audio.file import AudioFile, Source
from earlet.audio.resample import MAX_RATE_HZ, MIN_RATE_HZ, Resampler
from earlet.errors import InputError
from earlet.results import Deaf, Gap

# The mapping is how `datasets` and transformers' pipelines hand samples about:
# {"array": samples, "sampling_rate": Hz}, or "raw" for "array".
AudioInput = str | os.PathLike[str] | bytes | BinaryIO | AnyArray | Mapping[str, Any]
SAMPLES = ("array", "raw")
Chunks = Iterable[npt.ArrayLike]  # mono, already at the network's rate
CHUNK_S = 1.0  # seconds of an array handed on at a time


def tensor(section: Mapping[str, object]) -> dict[str, int]:
    """How networks name the features of a bundle's `input` section, and how many dimensions.

    A waveform is (1, n_samples), all other features are (1, n_frames, n_features).
    """
    return {"waveform": 2} if section.get("kind") == "waveform" else {"features": 3}


def load(inputs: AudioInput, sampling_rate: int | None, sample_rate: int) -> FloatArray:
    """Anything but an iterable of chunks as one waveform at `sample_rate`.

    Raises:
        InputError: when it is none of these, or the audio cannot be used.
    """
    chunks = list(stream(inputs, sampling_rate, sample_rate))
    return np.concatenate(chunks) if chunks else np.empty(0, dtype=np.float32)


def stream(
    source: AudioInput | Chunks, sampling_rate: int | None, sample_rate: int
) -> Iterator[FloatArray]:
    """The same, and iterables of chunks such as a microphone, as mono chunks at `sample_rate`.

    Raises:
        InputError: as `load`; what is wrong inside a stream is raised when it is reached.
    """
    if isinstance(source, np.ndarray):
        yield from _resampled(source, sampling_rate, sample_rate)
    elif isinstance(source, Mapping):
        yield from _resampled(*_samples(source, sampling_rate), sample_rate)
    elif _is_file(source):
        if sampling_rate is not None:
            raise InputError("sampling_rate belongs to an array of samples; a file brings its own")
        with AudioFile(source, sample_rate) as file:
            yield from file
    elif isinstance(source, Iterable):
        if sampling_rate not in (None, sample_rate):
            raise InputError(
                f"chunks must come at {sample_rate} Hz, got sampling_rate={sampling_rate}"
            )
        n_read = 0
        for chunk in source:
            if np.isscalar(chunk):  # of a list of samples, or of a bytearray
                raise InputError(
                    f"expected chunks of samples, got {type(chunk).__name__}; samples come as an "
                    "array with its sampling_rate, an encoded file as bytes"
                )
            waveform = as_waveform(chunk, "the stream", n_read)
            n_read += len(waveform)
            yield waveform
    else:
        raise InputError(
            "expected a path, a data URL, the bytes of a sound file, a file object, an array of "
            f"samples or an iterable of chunks, got {type(source).__name__}"
        )


def unbroken(
    source: AudioInput | Chunks, sampling_rate: int | None, sample_rate: int
) -> Iterator[tuple[float, Iterator[FloatArray]]]:
    """The same, as stretches between the gaps of a source that loses sound, such as a microphone.

    What is heard after a gap has nothing to do with what was before it: each stretch is a stream of
    its own. It comes with where it begins, in seconds; exhaust it before the next.

    Raises:
        InputError: as `stream`.
    """
    if not hasattr(source, "heard"):
        yield 0.0, stream(source, sampling_rate, sample_rate)
        return
    items = source.heard()
    n_passed = 0  # samples, lost ones too
    is_over = False

    def stretch() -> Iterator[npt.ArrayLike]:
        nonlocal n_passed, is_over
        for item in items:
            if isinstance(item, Gap):
                n_passed += item.n_samples
                return
            if not isinstance(item, Deaf):
                n_passed += len(item)
                yield item
        is_over = True

    while not is_over:
        yield n_passed / sample_rate, stream(stretch(), sampling_rate, sample_rate)


def _is_file(source: object) -> TypeGuard[Source]:
    return isinstance(source, str | os.PathLike | bytes) or hasattr(source, "read")


def _samples(source: Mapping[str, Any], rate: int | None) -> tuple[npt.ArrayLike, int]:
    found = [key for key in SAMPLES if key in source]
    if len(found) != 1 or "sampling_rate" not in source:
        expected = '{"array": samples, "sampling_rate": Hz}'
        raise InputError(f"expected {expected}, got a mapping with the keys {[*source]}")
    if rate is not None:
        raise InputError("sampling_rate belongs to an array of samples; a mapping brings its own")
    return source[found[0]], source["sampling_rate"]


def _resampled(samples: npt.ArrayLike, rate: int | None, sample_rate: int) -> Iterator[FloatArray]:
    if rate is None:
        raise InputError(
            "an array of samples needs its rate in Hz: pipeline(samples, sampling_rate=...)"
        )
    if not isinstance(rate, int | np.integer) or not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise InputError(
            f"sampling_rate: expected a whole number, {MIN_RATE_HZ} to {MAX_RATE_HZ}, got {rate!r}"
        )
    waveform = as_waveform(samples, "the samples")
    resampler = Resampler(int(rate), sample_rate)
    step = int(rate * CHUNK_S)
    for start in range(0, len(waveform), step):
        yield resampler.push(waveform[start : start + step])
    yield resampler.flush()
