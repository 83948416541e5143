"""`earlet listen`: commands, utterances or speech in a live stream, a line each."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeGuard

from earlet.arrays import FloatArray
from earlet.audio.file import AudioFile
from earlet.audio.microphone import Microphone
from earlet.audio.pcm import PcmPipe
from earlet.cli.open_line import OpenLine, drawn, n_cells
from earlet.config import ListenConfig, read_config
from earlet.errors import ConfigError, InputError, printable
from earlet.results import Chunk, Detection, Partial, Segment, timed_line
from earlet.tasks import Listener, listens, load, open_bundle
from earlet.tasks.audio_classification import AudioClassification

if TYPE_CHECKING:
    from earlet.tasks.speech_recognition import SpeechRecognition

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
    parser.add_argument(
        "--partials",
        action="store_true",
        help="what is being said, too: on a terminal (dim what may still change) and with --json",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Listen until the source ends."""
    config = _config(arguments)
    bundle = config.bundle or "commands-en"
    task = open_bundle(load(bundle), config.threads)
    if not listens(task):
        raise InputError(f"{bundle}: is for {task.bundle.manifest.task}, not for sound")
    listen = _listener(task, config, arguments)
    with _source(config, task.sample_rate) as chunks:
        if config.source == "mic":
            name = printable(task.bundle.manifest.name)
            print(f"listening with {name}; Ctrl-C ends", file=sys.stderr)
        try:
            _print(listen(chunks), arguments.json)
        finally:
            if lost_s := getattr(chunks, "dropped_s", 0.0):
                print(f"earlet: too slow: {lost_s:.1f} s of sound were lost", file=sys.stderr)
    return 0


def _print(events: Iterator[Event | Partial], as_json: bool) -> None:
    with OpenLine(sys.stdout) as open_line:
        for event in events:
            if as_json:
                print(json.dumps(event.to_json()), flush=True)
            elif isinstance(event, Partial):
                open_line.draw(drawn(event, n_cells()))
            else:
                open_line.wipe()
                print(line(event), flush=True)


def _config(arguments: argparse.Namespace) -> ListenConfig:
    config = ListenConfig() if arguments.config is None else read_config(arguments.config)
    flags = {name: getattr(arguments, name) for name in ("bundle", "source", "device")}
    config = replace(config, **{name: value for name, value in flags.items() if value is not None})
    if arguments.device is not None and config.source != "mic":
        raise InputError(f"--device names a microphone, and the source is {config.source}")
    return config


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
        return nullcontext(PcmPipe(open(0, "rb", closefd=False)))
    return AudioFile(config.source, sample_rate)


def _listener(
    task: Listener, config: ListenConfig, arguments: argparse.Namespace
) -> Callable[[Iterator[FloatArray]], Iterator[Event | Partial]]:
    """From chunks to events; what cannot apply is refused before the source is opened."""
    if arguments.partials and not _transcribes(task):
        raise InputError(f"--partials: {config.bundle} does not transcribe")
    if isinstance(task, AudioClassification):
        asked = {name: own.threshold for name, own in config.labels.items() if own.threshold}
        spotter = task.spotter({**task.config.thresholds, **asked})
        return lambda chunks: (event for chunk in chunks for event in spotter.push(chunk))
    if config.labels:
        raise ConfigError(f"labels: {config.bundle} has no labels that could have any")
    if _transcribes(task) and arguments.partials and (arguments.json or sys.stdout.isatty()):
        return partial(task.listen, partials=True)
    return task.listen


def _transcribes(task: Listener) -> TypeGuard["SpeechRecognition"]:
    return task.bundle.manifest.task == "automatic-speech-recognition"


def line(event: Event) -> str:
    """An event for people to read: its times, and what was heard."""
    if isinstance(event, Chunk):
        (start_s, end_s), text = event.timestamp, event.text
    else:
        start_s, end_s, text = event.start_s, event.end_s, "speech"
    if isinstance(event, Detection):
        text = f"{event.label:<10} {event.score:.2f}"
    return timed_line((start_s, end_s), text)
