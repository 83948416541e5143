"""Recordings of commands, and of all else, played to detectors."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from earlet.arrays import FloatArray
from earlet.audio.file import SUFFIXES, AudioFile
from earlet.audio.source import Source
from earlet.errors import InputError
from earlet.results import Deaf, Detection, Gap
from earlet.tuning.outcome import Said
from earlet.tuning.trial import Setting, Trials

PAUSE_S = 2.0  # of silence after each command: longer than the refractory time of the bundles
MAX_CLIP_S = 10.0  # of a command: what is longer is no single one
Progress = Callable[[float], None]  # is told how many seconds of sound were heard


def labelled(folder: Path) -> dict[str, list[Path]]:
    """The recordings of each label: the sound files in the folder that has its name.

    Raises:
        InputError: there is none.
    """
    try:
        folders = sorted(path for path in folder.iterdir() if path.is_dir())
        found = {path.name: _sounds(path) for path in folders if not path.name.startswith(".")}
    except OSError as problem:
        raise InputError(f"{folder}: cannot be read: {problem.strerror}") from None
    found = {label: paths for label, paths in found.items() if paths}
    if not found:
        raise InputError(
            f"{folder}: expected a folder for each label, with recordings of it: go/1.wav"
        )
    return found


def play_commands(
    trials: Trials, recordings: Mapping[str, Sequence[Path]], sample_rate: int, told: Progress
) -> tuple[list[Said], dict[Setting, list[Detection]]]:
    """One recording after the other as one stream, with silence between them.

    Raises:
        AudioFileError: one cannot be read.
        InputError: one is too long to be a single command.
    """
    said: list[Said] = []
    pause = np.zeros(round(PAUSE_S * sample_rate), dtype=np.float32)
    trials.push(pause)
    for label, paths in recordings.items():
        for path in paths:
            start_s = trials.seconds
            with AudioFile(path, sample_rate) as file:
                for chunk in file:
                    trials.push(chunk)
                    if trials.seconds - start_s > MAX_CLIP_S:
                        raise InputError(
                            f"{path}: longer than {MAX_CLIP_S:g} s; expected one command a file"
                        )
            trials.push(pause)
            said.append(Said(label, start_s, trials.seconds))
            told(trials.seconds)
    trials.flush()
    return said, dict(trials.taken())


def play_others(
    trials: Trials, source: Source, limit_s: float | None, told: Progress
) -> tuple[float, dict[Setting, list[Detection]]]:
    """All that a source gives, or the first `limit_s` seconds; and how many seconds it was."""
    heard_s = 0.0
    with source:
        try:
            for chunk in _until(limit_s, source):
                if isinstance(chunk, Gap):
                    heard_s += trials.seconds
                    trials.flush()
                elif isinstance(chunk, np.ndarray):
                    trials.push(chunk)
                    told(heard_s + trials.seconds)
        except KeyboardInterrupt:  # what a microphone has heard so far is worth something
            if limit_s is None or heard_s + trials.seconds == 0:
                raise
    heard_s += trials.seconds
    trials.flush()
    return heard_s, dict(trials.taken())


def _until(limit_s: float | None, source: Source) -> Iterator[FloatArray | Deaf | Gap]:
    n_left = None if limit_s is None else round(limit_s * source.sample_rate)
    for chunk in source.heard():
        if n_left is not None and isinstance(chunk, np.ndarray):
            chunk = chunk[:n_left]
            n_left -= len(chunk)
        yield chunk
        if n_left == 0:
            return


def _sounds(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
