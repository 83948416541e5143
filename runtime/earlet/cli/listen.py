"""`earlet listen`: commands, utterances or speech in a live stream, a line each."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from earlet.arrays import FloatArray
from earlet.audio.file import AudioFile
from earlet.audio.microphone import Microphone
from earlet.audio.pcm import read_pcm
from earlet.config import ListenConfig, read_config
from earlet.errors import ConfigError, InputError, printable
from earlet.results import Chunk, Detection, Segment
from earlet.tasks import Listener, listens, load, open_bundle
from earlet.tasks.audio_classification import AudioClassification

Event = Detection | Chunk | Segment


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "listen",
        help="spot commands or transcribe, live",
        description="Spot commands, or transcribe utterance by utterance, from a microphone, "
        "a file or a pipe.",
    )
    parser.add_argument("--bundle", metavar="B", help="a name or a path (default: commands-en)")
    parser.add_argument(
        "--source",
        metavar="mic|FILE|-",
        help="microphone (default), a sound file, or raw 16 kHz mono s16le on standard input",
    )
    parser.add_argument("--device", metavar="NAME", help="microphone; see `earlet devices`")
    parser.add_argument("--config", metavar="FILE", help="a config.yaml; flags go before it")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Listen until the source ends."""
    config = _config(arguments)
    task = open_bundle(load(config.bundle), config.threads)
    if not listens(task):
        raise InputError(f"{config.bundle}: is for {task.bundle.manifest.task}, not for sound")
    listen = _listener(task, config)
    with _source(config, task.sample_rate) as chunks:
        if config.source == "mic":
            name = printable(task.bundle.manifest.name)
            print(f"listening with {name}; Ctrl-C ends", file=sys.stderr)
        for event in listen(chunks):
            print(json.dumps(event.to_json()) if arguments.json else line(event), flush=True)
    return 0


def _config(arguments: argparse.Namespace) -> ListenConfig:
    config = read_config(arguments.config) if arguments.config else ListenConfig()
    flags = {name: getattr(arguments, name) for name in ("bundle", "source", "device")}
    return replace(config, **{name: value for name, value in flags.items() if value is not None})


def _source(config: ListenConfig, sample_rate: int) -> Any:
    """A context manager over mono chunks at `sample_rate`."""
    if config.source == "mic":
        return Microphone(config.device, sample_rate)
    if config.source == "-":
        if sys.stdin is None or sys.stdin.isatty():
            kind = "closed" if sys.stdin is None else "a terminal"
            raise InputError(
                f"--source - reads raw samples from a pipe, and standard input is {kind}; "
                "try: arecord -f S16_LE -r 16000 -t raw | earlet listen --source -"
            )
        return nullcontext(read_pcm(open(0, "rb", closefd=False)))
    return AudioFile(config.source, sample_rate)


def _listener(
    task: Listener, config: ListenConfig
) -> Callable[[Iterator[FloatArray]], Iterator[Event]]:
    """From chunks to events; a wrong threshold is refused before the source is opened."""
    if not isinstance(task, AudioClassification):
        if config.thresholds:
            raise ConfigError(f"thresholds: {config.bundle} has no labels that could have any")
        return task.listen
    spotter = task.spotter({**task.config.thresholds, **config.thresholds})
    return lambda chunks: (event for chunk in chunks for event in spotter.push(chunk))


def line(event: Event) -> str:
    """An event for people to read: its times, and what was heard."""
    if isinstance(event, Chunk):
        (start_s, end_s), text = event.timestamp, event.text
    else:
        start_s, end_s, text = event.start_s, event.end_s, "speech"
    if isinstance(event, Detection):
        text = f"{event.label:<10} {event.score:.2f}"
    return f"{start_s:8.2f} - {end_s:7.2f} s  {text}"
