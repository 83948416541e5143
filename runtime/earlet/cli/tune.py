"""`earlet tune`: thresholds for a room, found on recordings of it."""

import argparse
import json
import os
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earlet.audio.source import MICROPHONE, Source, open_source
from earlet.cli.open_line import OpenLine
from earlet.cli.progress import clock
from earlet.config import ListenConfig, read_config
from earlet.errors import InputError
from earlet.schema import nearest
from earlet.tasks import load, open_bundle

if TYPE_CHECKING:
    from earlet.tasks.audio_classification import AudioClassification
    from earlet.tuning.outcome import Outcome
    from earlet.tuning.trial import Setting

# What listens and what tunes is imported late: other commands need none of it.

TARGET = re.compile(r"(\d+\.?\d*|\.\d+)(/h)?")  # false alarms an hour
MAX_HOURS = 1000.0  # of live sound: six weeks


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "tune",
        help="find thresholds for your room",
        description="Play recordings of commands, and of all else, to the detector at many "
        "thresholds, and write the best into the configuration.",
    )
    parser.add_argument("--bundle", metavar="B", help="a spotter (default: that of --config)")
    parser.add_argument(
        "--positives",
        metavar="DIR",
        type=Path,
        required=True,
        help="a folder for each label, with recordings of one command each: DIR/go/1.wav",
    )
    parser.add_argument(
        "--negatives",
        metavar="DIR|mic",
        required=True,
        help="sound without any command, hours of it; mic is listened to now, for --hours",
    )
    parser.add_argument("--hours", type=float, help="how long mic is listened to; Ctrl-C ends it")
    parser.add_argument(
        "--target", default="0.5/h", help="false alarms that are allowed (default: 0.5/h)"
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="read, and then written")
    parser.add_argument("--plot", metavar="PNG", type=Path, help="draw all settings")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure, choose, tell and write."""
    from earlet.tasks.audio_classification import AudioClassification
    from earlet.tasks.listening import SPOTTER
    from earlet.tuning import plot
    from earlet.tuning.outcome import best

    target = _target(arguments.target)
    config = _config(arguments)
    _check_outputs(arguments)
    task = open_bundle(load(config.bundle or SPOTTER), config.threads)
    if not isinstance(task, AudioClassification):
        raise InputError(f"{task.bundle.path}: expected a spotter such as {SPOTTER}")
    others = _others(arguments.negatives, config, task.sample_rate)
    limit_s = _limit_s(arguments.hours, others)
    recordings = _positives(arguments.positives, task.config.thresholds)
    measured = _measured(task, config, recordings, others, limit_s)
    chosen = best(measured, target)
    if arguments.json:
        settings = [outcome.to_json() for outcome in measured]
        print(json.dumps({"target": target, "chosen": chosen.to_json(), "settings": settings}))
    else:
        print(_table(measured, chosen))
        print(_verdict(chosen, target))
    if arguments.plot is not None:
        plot.draw(arguments.plot, measured, chosen, target)
    if chosen.n_missed == chosen.n_said:
        raise InputError(
            "all commands were missed, and nothing is written: does each recording hold the word "
            "that its folder is called?"
        )
    _write(arguments, list(recordings), chosen.setting)
    return 0


def _check_outputs(arguments: argparse.Namespace) -> None:
    """What cannot be written in the end is told before hours of sound are heard."""
    from earlet.tuning import plot
    from earlet.tuning.configuration import with_thresholds

    for path in (arguments.config, arguments.plot):
        if path is None:
            continue
        folder = path.resolve().parent  # a file is replaced, and what is in it does not matter
        if path.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"{path}: cannot be written; may you write to {folder}?")
    with_thresholds("", {}, 1)
    if arguments.plot is not None:
        plot.check()


def _positives(folder: Path, labels: Collection[str]) -> dict[str, list[Path]]:
    """The recordings of each label."""
    from earlet.tuning.play import labelled

    recordings = labelled(folder)
    for label in recordings:
        if label not in labels:
            known = nearest(label, labels)
            raise InputError(f"{folder / label}: {label!r} is no label{known}")
    return recordings


def _others(name: str, config: ListenConfig, sample_rate: int) -> Source:
    """What has no command in it; not open yet."""
    is_microphone = name == MICROPHONE
    return open_source(
        name,
        device=config.device if is_microphone else None,
        channel=config.channel if is_microphone else None,
        sample_rate=sample_rate,
    )


def _measured(
    task: "AudioClassification",
    config: ListenConfig,
    recordings: Mapping[str, Sequence[Path]],
    others: Source,
    limit_s: float | None,
) -> "list[Outcome]":
    """Every setting; on a terminal, how far it is."""
    from earlet.tuning.search import measured

    with OpenLine(sys.stderr) as line:

        def told(what: str, seconds: float) -> None:
            if sys.stderr.isatty():
                line.draw(f"{what}: {clock(seconds)} heard")

        return measured(task, config, recordings, others, limit_s, told)


def _config(arguments: argparse.Namespace) -> ListenConfig:
    config = ListenConfig()
    if arguments.config is not None and arguments.config.exists():
        config = read_config(arguments.config)
    if config.commands and config.wake is None:
        raise InputError(
            "--config: thresholds are found for a spotter, and commands are typed there"
        )
    return config if arguments.bundle is None else replace(config, bundle=arguments.bundle)


def _target(text: str) -> float:
    found = TARGET.fullmatch(text)
    if not found:
        raise InputError(f"--target: expected false alarms an hour, as 0.5/h, got {text!r}")
    return float(found[1])


def _limit_s(hours: float | None, others: Source) -> float | None:
    """How many seconds of other sound are heard; None for all."""
    if not others.is_live:
        if hours is not None:
            raise InputError("--hours is for what does not end; recordings are heard to their end")
        return None
    if hours is None or not 0 < hours <= MAX_HOURS:
        raise InputError(f"live --negatives need --hours, above 0 and at most {MAX_HOURS:g}")
    return hours * 3600


def _table(measured: "Sequence[Outcome]", chosen: "Outcome") -> str:
    """The settings that have the smoothing of the chosen one."""
    lines = ["  threshold  smoothing  missed (95 %)        false alarms  an hour  below (95 %)"]
    for outcome in measured:
        if outcome.setting.smoothing != chosen.setting.smoothing:
            continue
        low, high = outcome.missed_within
        lines.append(
            f"{'>' if outcome == chosen else ' '} {outcome.setting.threshold:9g}  "
            f"{outcome.setting.smoothing:9d}  {outcome.missed:6.1%} "
            f"({low:.1%} - {high:.1%})".ljust(44)
            + f"{outcome.n_false:12d}  {outcome.per_hour:7.2f}  {outcome.per_hour_below:12.2f}"
        )
    return "\n".join(lines)


def _verdict(chosen: "Outcome", target: float) -> str:
    """In words, and how much it is worth."""
    low, high = chosen.missed_within
    sentence = (
        f"threshold {chosen.setting.threshold:g}, smoothing {chosen.setting.smoothing}: "
        f"{chosen.n_missed} of {chosen.n_said} commands missed, {chosen.missed:.1%} "
        f"({low:.1%} to {high:.1%}); {chosen.n_false} false alarms in {chosen.hours:.2f} h, which "
        f"means fewer than {chosen.per_hour_below:.2g} an hour with 95 % confidence (a little "
        "optimistic, for the setting was chosen by these recordings)"
    )
    if chosen.per_hour > target:
        return f"{sentence}. No setting keeps to {target:g} an hour: this one comes nearest"
    if chosen.per_hour_below > target:
        return f"{sentence}. To be as sure of {target:g} an hour, it takes more negatives"
    return sentence


def _write(arguments: argparse.Namespace, labels: Sequence[str], setting: "Setting") -> None:
    from earlet.tuning.configuration import with_thresholds, write_thresholds

    thresholds = dict.fromkeys(labels, setting.threshold)
    if arguments.config is not None:
        write_thresholds(arguments.config, thresholds, setting.smoothing)
        print(f"earlet: written to {arguments.config}", file=sys.stderr)
    elif not arguments.json:
        print("\nfor config.yaml:\n" + with_thresholds("", thresholds, setting.smoothing), end="")
