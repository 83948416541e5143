"""Sound files to waveforms: any format that libsndfile knows, any rate, any number of channels.

    path, data URL, bytes or file -> blocks (n, n_channels) -> mono -> resampled
        -> chunks (n_samples,)

A file is read block by block, so that hours of sound need no more memory than seconds. A damaged
file is refused, but for one kind of damage: where the header counts more samples than there are,
as in a recording that was cut off, those that are there are taken.
"""

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from earlet.arrays import FloatArray, as_waveform, mono
from earlet.audio.resample import MAX_RATE_HZ, MIN_RATE_HZ, Resampler
from earlet.errors import AudioFileError, InputError
from earlet.files import HEAD_BYTES, foreign_format, kind_of, name_of, read_data_url, read_plain

Source = str | os.PathLike[str] | bytes | BinaryIO
# What is looked for in folders: the usual suffixes of the formats that libsndfile reads, see
# https://libsndfile.github.io/libsndfile/formats.html; MP3 and Opus since its version 1.1.
SUFFIXES = (
    *(".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus"),
    *(".rf64", ".snd", ".w64", ".wav", ".wave"),
)
READ = "wav, flac, ogg, mp3 ..."  # what messages say of the formats
BLOCK_S = 1.0  # seconds of sound read at a time
UNKNOWN_FRAMES = 2**63 - 1  # libsndfile's SF_COUNT_MAX
UTF16_MARK = b"\xff\xfe"  # also like the first bytes of an MP3 frame, so libmpg123 would try it


class AudioFile:
    """A sound file, opened: iterate it for mono float32 chunks at `sample_rate`."""

    def __init__(self, source: Source, sample_rate: int) -> None:
        """Open a path, a data URL, the bytes of an encoded file, or a binary file object.

        Raises:
            AudioFileError: when there is no file, or no sound in it.
        """
        # libsndfile and its codecs: loaded when the first file is.
        import soundfile

        self.name, opened = _opened(source)
        try:
            self._file: Any = soundfile.SoundFile(opened)
        except (soundfile.LibsndfileError, OSError, TypeError) as problem:
            raise AudioFileError(f"{self.name}: {_reason(problem)}") from None
        self._failure: type[Exception] = soundfile.LibsndfileError
        self._sample_rate = sample_rate
        if fault := _fault(self._file.samplerate, self._file.frames):
            self.close()
            raise AudioFileError(f"{self.name}: {fault}")

    @property
    def own_rate(self) -> int:
        """Samples per second in the file, before resampling, as the header has it."""
        return int(self._file.samplerate)

    @property
    def duration_s(self) -> float:
        """Length in seconds, as the header has it."""
        return float(self._file.frames / self._file.samplerate)

    def __iter__(self) -> Iterator[FloatArray]:
        """Mono float32 chunks at the sample rate asked for, of about a second each.

        Raises:
            AudioFileError: where the file turns out damaged, or holds samples that are no numbers,
                or none at all.
        """
        resampler = Resampler(self._file.samplerate, self._sample_rate)
        n_read = 0
        while len(block := self._read_block()):
            with np.errstate(invalid="ignore", over="ignore"):  # as_waveform tells
                mixed = mono(block)
            try:
                waveform = as_waveform(mixed, self.name, n_read)
            except InputError as problem:
                raise AudioFileError(problem.args[0]) from None
            n_read += len(waveform)
            chunk = resampler.push(waveform)
            if len(chunk):
                yield chunk
        if not n_read:
            raise AudioFileError(f"{self.name}: holds no samples; was its recording cut off?")
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

    def _read_block(self) -> FloatArray:
        """The next (n, n_channels); n is 0 at the end."""
        began = self._file.tell()
        try:
            block: FloatArray = self._file.read(
                int(self._file.samplerate * BLOCK_S), dtype="float32", always_2d=True
            )
        except self._failure as problem:
            at_s = max(began, self._file.tell()) / self._file.samplerate  # it may be left at -1
            raise AudioFileError(
                f"{self.name}: damaged at about {at_s:.1f} s: {str(problem).strip()}"
            ) from None
        return block


class _Sought:
    """A file object as libsndfile may use it.

    Of a damaged file it seeks parts that are not there, at -1. The exception would be lost in
    soundfile's callback, and its traceback printed.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> None:
        """Go where there is such a place."""
        with suppress(OSError, ValueError):
            self._file.seek(offset, whence)


def _opened(source: Source) -> tuple[str, Any]:
    """A name for messages, and what soundfile is to open."""
    name = "the audio"
    source = read_data_url(source, name, AudioFileError)
    if isinstance(source, bytes):
        _refuse_other_files(source[:HEAD_BYTES], name)
        return name, _Sought(io.BytesIO(source))
    if isinstance(source, str | os.PathLike):
        name = os.fsdecode(source)
        head = read_plain(name, HEAD_BYTES, "a sound file", AudioFileError)
        _refuse_other_files(head, name)
        # Soundfile does not take every name as str, nor one that ends with a "/".
        return name, os.fsencode(Path(name))
    name = name_of(source, name, AudioFileError)
    try:
        at = source.tell()
        head = source.read(HEAD_BYTES)
        source.seek(at)
    except (AttributeError, OSError, ValueError) as problem:
        raise AudioFileError(
            f"{name}: expected a path, bytes, or a file object that can be sought ({problem})"
        ) from None
    if not isinstance(head, bytes):
        raise AudioFileError(f"{name}: gives {type(head).__name__}; expected one that gives bytes")
    if not head:
        raise AudioFileError(f"{name}: nothing is left to read; expected a sound file")
    _refuse_other_files(head, name)
    return name, _Sought(source)


def _refuse_other_files(head: bytes, name: str) -> None:
    """What is worth a word of its own, and what a codec would stumble over."""
    if not head:
        raise AudioFileError(f"{name}: is empty; expected a sound file")
    if head.startswith(UTF16_MARK):
        raise AudioFileError(f"{name}: is UTF-16 text; expected a sound file")
    if kind_of(head) == "picture":
        raise AudioFileError(f"{name}: is a picture; expected a sound file")
    if found := foreign_format(head):
        raise AudioFileError(f"{name}: is {found}; expected a sound file ({READ})")


def _reason(problem: Exception) -> str:
    # "Error opening 'x.wav': Format not recognised." -> its last part
    reason = str(problem).strip().rsplit(": ", 1)[-1].rstrip(".")
    return f"not a sound file that can be read ({READ}): {reason}"


def _fault(rate: int, n_frames: int) -> str | None:
    """What is wrong with a header that libsndfile takes, if something is."""
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        return (
            f"its header says {rate} Hz; expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, "
            "so the file is damaged"
        )
    if n_frames == UNKNOWN_FRAMES:
        return "its header does not tell its length, as of a FLAC made in a pipe; encode it again"
    return None
