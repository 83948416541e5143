"""The command line: one module a command, and `program.py` for what all command lines share."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module

from earlet.cli import program
from earlet.errors import AudioFileError, MicrophoneError

# Each command and its module, which is imported where the command is the one that is named, and
# with all others for `earlet --help`.
COMMANDS = {
    "listen": "listen",
    "serve": "serve",
    "service": "service",
    "transcribe": "transcribe",
    "classify": "classify",
    "tune": "tune",
    "explain": "explain",
    "replay": "replay",
    "bundles": "inspect",
    "verify": "inspect",
    "devices": "inspect",
    "bench": "bench",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run `earlet` with these arguments (the process's own by default); return its exit code."""
    first = (sys.argv[1:] if argv is None else argv)[:1]
    modules = [COMMANDS[name] for name in first if name in COMMANDS] or COMMANDS.values()
    parser = partial(_parser, tuple(dict.fromkeys(modules)))
    return program.run("earlet", parser, argv, failures=(AudioFileError, MicrophoneError))


def _parser(modules: Sequence[str]) -> argparse.ArgumentParser:
    from earlet import __version__

    parser = program.Parser(
        prog="earlet",
        description="Commands, speech, sounds, pictures and texts, on this device, offline.",
    )
    parser.add_argument("--version", action="version", version=f"earlet {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in modules:
        import_module(f"earlet.cli.{module}").add_to(commands)
    return parser
