"""`earlet listen`: commands, utterances or speech in a live stream, a line each."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from earlet.audio.source import MICROPHONE
from earlet.cli.open_line import OpenLine, drawn, n_cells
from earlet.config import ListenConfig, read_config
from earlet.errors import ConfigError, InputError, printable
from earlet.results import Chunk, Deaf, Detection, Gap, Partial, Rejection, Segment, timed_line
from earlet.service import logs
from earlet.service.systemd import with_credentials

if TYPE_CHECKING:
    from earlet.service.daemon import Daemon, Told


def add_to(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "listen",
        help="spot commands or transcribe, live",
        description="Spot commands, or transcribe utterance by utterance, from a microphone, "
        "a file or a pipe.",
        epilog="SIGTERM ends it within 2 s, SIGHUP has it read --config again.",
    )
    parser.add_argument("--bundle", metavar="B", help="a name or a path (default: commands-en)")
    parser.add_argument(
        "--source",
        metavar="mic|FILE|-",
        help="microphone (default), a sound file or a folder of them, raw 16 kHz mono s16le on "
        "standard input, or the same from tcp://HOST:PORT",
    )
    parser.add_argument("--device", metavar="NAME", help="microphone; see `earlet devices`")
    parser.add_argument("--config", metavar="FILE", help="a config.yaml; flags go before it")
    parser.add_argument(
        "--partials",
        action="store_true",
        help="what is being said, too: on a terminal (dim what may still change) and with --json",
    )
    parser.add_argument(
        "--rejections", action="store_true", help="what came near to a command, too, and was none"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument(
        "--log-format",
        choices=get_args(logs.LogFormat),
        default="text",
        help="of what is told on standard error (default: text)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Listen until the source ends."""
    from earlet.service.daemon import Daemon  # late: no other command listens

    logs.set_up(arguments.log_format)
    config = _config(arguments)

    def read_again() -> ListenConfig:
        new = _config(arguments)
        if new.serve != config.serve:
            raise ConfigError(f"{arguments.config}: serve: a change of it needs a restart")
        return new

    with OpenLine(sys.stdout) as open_line:
        try:
            daemon = Daemon(
                config,
                None if arguments.config is None else read_again,
                _printer(arguments, open_line),
                partials=arguments.partials,
            )
            served = _served(config, daemon)
        except ConfigError as problem:  # what a file alone does not show: a label that nobody knows
            if arguments.config is None:
                raise
            raise ConfigError(f"{arguments.config}: {problem}") from None
        with served:
            daemon.run()
    return 0


def _served(config: ListenConfig, daemon: "Daemon") -> "AbstractContextManager[object]":
    """Programs that ask, answered while the daemon listens; where the configuration says so.

    Raises:
        ConfigError: its address cannot be had, or a token is missing.
        BundleError: what it is to serve is missing or damaged.
        BackendError: a package is missing.
    """
    if config.serve is None:
        return nullcontext()
    from earlet.server.serving import Server  # late: asyncio and its servers take 20 MB

    try:
        return Server(config.serve, daemon.metrics)
    except ConfigError as problem:
        raise ConfigError(f"serve: {problem}") from None


def _config(arguments: argparse.Namespace) -> ListenConfig:
    """The configuration, and what the flags say instead."""
    config = ListenConfig() if arguments.config is None else read_config(arguments.config)
    flags = {name: getattr(arguments, name) for name in ("bundle", "source", "device")}
    config = replace(config, **{name: value for name, value in flags.items() if value is not None})
    if arguments.device is not None and config.source != MICROPHONE:
        raise InputError(f"--device names a microphone, and the source is {config.source}")
    return with_credentials(config, os.environ.get("CREDENTIALS_DIRECTORY"))


def _printer(arguments: argparse.Namespace, open_line: OpenLine) -> "Callable[[Told], None]":
    """What prints the events that were asked for."""
    is_drawn = sys.stdout.isatty()

    def print_lines(event: "Told") -> None:
        if isinstance(event, Rejection) and not arguments.rejections:
            return
        if arguments.json:
            print(json.dumps(event.to_json()), flush=True)
        elif isinstance(event, Partial):
            if is_drawn:
                open_line.draw(drawn(event, n_cells()))
        elif not isinstance(event, Deaf | Gap):  # which are in the log
            open_line.wipe()
            print(_line(event), flush=True)

    return print_lines


def _line(event: Detection | Rejection | Chunk | Segment) -> str:
    """An event for people to read: its times, and what was heard."""
    if isinstance(event, Chunk):
        return timed_line(event.timestamp, event.text)
    text = "speech"
    if isinstance(event, Detection):
        text = f"{event.label:<10} {event.score:.2f}"
    elif isinstance(event, Rejection):
        text = f"({event.label or 'nothing':<8} {event.score:.2f} {event.reason})"
    return timed_line((event.start_s, event.end_s), printable(text))
