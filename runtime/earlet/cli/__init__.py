"""The command line: one module a command, and here what they share.

Exit codes: 0 done, 1 some inputs failed, 2 wrong usage or bundle, 130 interrupted.
Results go to stdout, all else to stderr; an error is one line.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from earlet.cli import inspect, listen, transcribe
from earlet.errors import AudioFileError, EarletError, InputError, MicrophoneError

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run `earlet` with these arguments (the process's own by default); return its exit code."""
    _prepare_streams()
    try:
        try:
            arguments = _parser().parse_args(argv)
            code: int = arguments.run(arguments)
        finally:
            # Flushed here, while a closed pipe or a full disk can still be told from a crash.
            sys.stdout.flush()
    except EarletError as problem:
        print(f"earlet: {problem}", file=sys.stderr)
        return FAILED if isinstance(problem, AudioFileError | MicrophoneError) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()  # whoever read us (`| head`) has had enough
        return DONE
    except OSError as problem:
        _abandon_stdout()
        print(f"earlet: standard input or output failed: {problem.strerror}", file=sys.stderr)
        return FAILED
    return code


class _Parser(argparse.ArgumentParser):
    """Wrong usage in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see `{self.prog} --help`")


def _parser() -> argparse.ArgumentParser:
    from earlet import __version__

    parser = _Parser(
        prog="earlet", description="Spoken commands and transcription, on this device, offline."
    )
    parser.add_argument("--version", action="version", version=f"earlet {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (listen, transcribe, inspect):
        module.add_to(commands)
    return parser


def _prepare_streams() -> None:
    """A closed stdout or stderr swallows; a file name that is no text prints escaped."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _abandon_stdout() -> None:
    """The interpreter must not flush at exit what cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
