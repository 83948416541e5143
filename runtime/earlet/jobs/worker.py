"""One loaded bundle, and one file after another through it, wherever the worker runs."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from earlet.arrays import FloatArray
from earlet.audio.file import AudioFile
from earlet.errors import AudioFileError, EarletError
from earlet.jobs.output import DiskFullError, render, write
from earlet.jobs.plan import Item, Settings
from earlet.results import Chunk
from earlet.tasks import pipeline

Heard = Callable[[float, float], None]  # seconds of the file that were heard, and that it has


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a file."""

    item: Item
    audio_s: float = 0.0  # seconds of sound that were heard
    error: str | None = None  # why there is no text, in one line
    disk_full: bool = False  # why: nothing more can be written there
    text: str | None = None  # where the item has no output


class Worker:
    """Transcribes files with settings of one kind."""

    def __init__(self, settings: Settings) -> None:
        """Load the bundle.

        Raises:
            EarletError: when it cannot be loaded, or does not know an option.
        """
        self._settings = settings
        self._recogniser = pipeline(
            "automatic-speech-recognition", settings.bundle, threads=settings.threads
        )
        self._options = _options(settings)
        # No sound: only the options are looked at.
        for _ in self._recogniser.listen([], **self._options):
            pass

    def run(self, item: Item, heard: Heard = lambda _done_s, _all_s: None) -> Outcome:
        """Transcribe a file, write its text where there is an output; no file's fault is raised.

        `heard` is called when the file is opened, and then about once a second of its sound.
        """
        try:
            chunks, audio_s = self._transcribe(item.source, heard)
            text = render(item.source, chunks, self._settings)
            if item.output is not None:
                write(item.output, text)
        except EarletError as problem:
            disk_full = isinstance(problem, DiskFullError)
            return Outcome(item=item, error=str(problem), disk_full=disk_full)
        return Outcome(item=item, audio_s=audio_s, text=text if item.output is None else None)

    def _transcribe(self, source: str, heard: Heard) -> tuple[list[Chunk], float]:
        """All of a file, and how many seconds it has."""
        before = _state(source)
        rate = self._recogniser.sample_rate
        n_samples = 0
        with AudioFile(source, rate) as file:
            heard(0.0, file.duration_s)

            def sound() -> Iterator[FloatArray]:
                nonlocal n_samples
                for chunk in file:
                    yield chunk
                    n_samples += len(chunk)
                    heard(n_samples / rate, file.duration_s)

            events = self._recogniser.listen(sound(), **self._options)
            chunks = [event for event in events if isinstance(event, Chunk)]
        # Of a recording that still goes on, the beginning must not count as all of it.
        if _state(source) != before:
            raise AudioFileError(f"{source}: was changed while it was read; transcribe it again")
        return chunks, n_samples / rate


def _options(settings: Settings) -> dict[str, Any]:
    """What was asked for, by the names of the recogniser."""
    options: dict[str, Any] = {
        name: getattr(settings, name)
        for name in ("language", "task", "initial_prompt", "hotwords", "long_form")
        if getattr(settings, name) != getattr(Settings(), name)
    }
    if settings.timestamps == "word":
        options["return_timestamps"] = "word"
    generation: dict[str, Any] = {}
    if settings.num_beams is not None:
        generation["num_beams"] = settings.num_beams
    if settings.temperature is not None:
        # Seeded, so that a file that is done again gets the same text.
        generation |= {"do_sample": True, "temperature": settings.temperature, "seed": 0}
    return {**options, "generation_parameters": generation} if generation else options


def _state(path: str) -> tuple[int, int] | None:
    """What changes when a file does: its size and its time, None where there is no file."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns
