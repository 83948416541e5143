"""Sound files to waveforms: any format that libsndfile knows, any rate, any number of channels.

    path, bytes or file -> blocks (n, n_channels) -> mono -> resampled -> chunks (n_samples,)

A file is read block by block, so that hours of sound need no more memory than seconds.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from earlet.arrays import FloatArray, as_waveform
from earlet.audio.resample import Resampler
from earlet.errors import AudioFileError, InputError

Source = str | os.PathLike[str] | bytes | BinaryIO
BLOCK_S = 1.0  # seconds of sound read at a time
MIN_RATE_HZ, MAX_RATE_HZ = 1_000, 768_000  # what lies outside is a damaged header


class AudioFile:
    """A sound file, opened: iterate it for mono float32 chunks at `sample_rate`."""

    def __init__(self, source: Source, sample_rate: int) -> None:
        """Open a path, the bytes of an encoded file, or a binary file object.

        Raises:
            AudioFileError: when there is no file, or no sound in it.
        """
        # libsndfile and its codecs: loaded when the first file is.
        import soundfile

        self.name, opened = _opened(source)
        try:
            self._file: Any = soundfile.SoundFile(opened)
        except (soundfile.LibsndfileError, RuntimeError, OSError) as problem:
            raise AudioFileError(f"{self.name}: {_reason(source, problem)}") from None
        self._failure: type[Exception] = soundfile.LibsndfileError
        self._sample_rate = sample_rate
        if not MIN_RATE_HZ <= self._file.samplerate <= MAX_RATE_HZ:
            rate = self._file.samplerate
            self.close()
            raise AudioFileError(
                f"{self.name}: its header says {rate} Hz; "
                f"expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, so the file is damaged"
            )

    @property
    def duration_s(self) -> float:
        """Length in seconds, as the header has it."""
        return float(self._file.frames / self._file.samplerate)

    def __iter__(self) -> Iterator[FloatArray]:
        """Mono float32 chunks at the sample rate asked for, of about a second each.

        Raises:
            AudioFileError: where the file turns out damaged, or holds samples that are no numbers.
        """
        resampler = Resampler(self._file.samplerate, self._sample_rate)
        while True:
            try:
                block = self._file.read(
                    int(self._file.samplerate * BLOCK_S), dtype="float32", always_2d=True
                )
            except self._failure as problem:
                at = self._file.tell() / self._file.samplerate
                raise AudioFileError(
                    f"{self.name}: damaged at about {at:.1f} s: {str(problem).strip()}"
                ) from None
            if not len(block):
                break
            try:
                mono = as_waveform(block.mean(axis=1, dtype=np.float32), self.name)
            except InputError as problem:
                raise AudioFileError(str(problem)) from None
            chunk = resampler.push(mono)
            if len(chunk):
                yield chunk
        rest = resampler.flush()
        if len(rest):
            yield rest

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "AudioFile":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read(source: Source, sample_rate: int) -> FloatArray:
    """A whole sound file as a mono waveform at `sample_rate`, (n_samples,).

    Raises:
        AudioFileError: when it cannot be read.
    """
    with AudioFile(source, sample_rate) as file:
        chunks = list(file)
    return np.concatenate(chunks) if chunks else np.empty(0, dtype=np.float32)


def _opened(source: Source) -> tuple[str, Any]:
    """A name for messages, and what soundfile is to open."""
    if isinstance(source, bytes):
        return "the audio", io.BytesIO(source)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if not path.exists():
            raise AudioFileError(f"{path}: no such file")
        if path.is_dir():
            raise AudioFileError(f"{path}: is a directory; expected a sound file")
        if not path.is_file():
            raise AudioFileError(f"{path}: expected a plain file")
        if not os.access(path, os.R_OK):
            raise AudioFileError(f"{path}: may not be read; check its permissions")
        return str(path), str(path)
    return str(getattr(source, "name", "the audio")), source


def _reason(source: Source, problem: Exception) -> str:
    if isinstance(source, str | os.PathLike) and Path(source).stat().st_size == 0:
        return "is empty"
    # "Error opening 'x.wav': Format not recognised." -> its last part
    reason = str(problem).splitlines()[0].rsplit(": ", 1)[-1].rstrip(".")
    return f"not a sound file that can be read (wav, flac, ogg, mp3 ...): {reason}"
