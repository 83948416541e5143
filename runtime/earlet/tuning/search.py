"""The settings that are tried, and what each of them does with the same sound."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from earlet.audio.source import Source
from earlet.config import ListenConfig
from earlet.errors import InputError
from earlet.tasks import Pipelines
from earlet.tasks.audio_classification import AudioClassification
from earlet.tasks.spotting import confirmation
from earlet.tuning.outcome import Outcome, outcomes
from earlet.tuning.play import play_commands, play_others
from earlet.tuning.trial import Setting, Trials

# Posteriors: the nearer to 1, the more a small step decides.
THRESHOLDS = (
    *(0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85),
    *(0.9, 0.93, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995),
)
SMOOTHINGS = (1, 2, 3)  # and the bundle's own


def measured(
    task: AudioClassification,
    config: ListenConfig,
    recordings: Mapping[str, Sequence[Path]],
    others: Source,
    limit_s: float | None,
    told: Callable[[str, float], None],
) -> list[Outcome]:
    """Every setting, tried.

    Args:
        task: the spotter.
        config: what else it listens with.
        recordings: those of each label.
        others: sound without any command; not open yet.
        limit_s: how many seconds of it, None for all.
        told: is called again and again with what is heard, and how many seconds of it were.

    Raises:
        InputError: a recording that is no single command, or no other sound at all.
        AudioFileError: a file cannot be read.
    """
    confirmed = confirmation(task, config, Pipelines())
    second = None if confirmed is None else confirmed.stage
    smoothings = sorted({*SMOOTHINGS, task.config.smoothing})
    settings = [Setting(smoothing, t) for smoothing in smoothings for t in THRESHOLDS]
    trials = Trials(task, config, second, list(recordings), settings)
    said, in_commands = play_commands(
        trials, recordings, task.sample_rate, partial(told, "commands")
    )
    heard_s, in_others = play_others(trials, others, limit_s, partial(told, "all else"))
    if not heard_s:
        raise InputError("--negatives: there is no sound in it")
    return outcomes(said, in_commands, in_others, heard_s / 3600)
