"""The command line: one module a command, and here what they share.

Exit codes: 0 done, 1 some inputs failed, 2 wrong usage or bundle, 130 interrupted.
Results go to stdout, all else to stderr; an error is one line.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from earlet.cli import inspect, listen, transcribe
from earlet.errors import EarletError

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run `earlet` with these arguments (the process's own by default); return its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        # Flushed here, while a closed pipe can still be told from a crash.
        sys.stdout.flush()
    except EarletError as problem:
        print(f"earlet: {problem}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us (`| head`) has had enough; the interpreter must not flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code


def _parser() -> argparse.ArgumentParser:
    from earlet import __version__

    parser = argparse.ArgumentParser(
        prog="earlet", description="Spoken commands and transcription, on this device, offline."
    )
    parser.add_argument("--version", action="version", version=f"earlet {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (listen, transcribe, inspect):
        module.add_to(commands)
    return parser
