"""The command line: one module a command, and `program.py` for what all command lines share."""

import argparse
from collections.abc import Sequence

from earlet.cli import (
    classify,
    explain,
    inspect,
    listen,
    program,
    replay,
    serve,
    service,
    transcribe,
    tune,
)
from earlet.errors import AudioFileError, MicrophoneError


def main(argv: Sequence[str] | None = None) -> int:
    """Run `earlet` with these arguments (the process's own by default); return its exit code."""
    return program.run("earlet", _parser, argv, failures=(AudioFileError, MicrophoneError))


def _parser() -> argparse.ArgumentParser:
    from earlet import __version__

    parser = program.Parser(
        prog="earlet",
        description="Commands, speech, sounds, pictures and texts, on this device, offline.",
    )
    parser.add_argument("--version", action="version", version=f"earlet {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (listen, serve, service, transcribe, classify, tune, explain, replay, inspect):
        module.add_to(commands)
    return parser
