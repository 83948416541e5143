"""What a command line does the same way whatever its commands: streams, errors, exit codes.

Exit codes: 0 done, 1 some inputs failed, 2 wrong usage or bundle, 130 interrupted.
Results go to stdout, all else to stderr; an error is one line.
"""

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from earlet.errors import EarletError, InputError, printable

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class Parser(argparse.ArgumentParser):
    """Wrong usage in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse for what it does not understand."""
        raise InputError(f"{message}; see `{self.prog} --help`")


def run(
    program: str,
    parser: Callable[[], argparse.ArgumentParser],
    argv: Sequence[str] | None,
    failures: tuple[type[EarletError], ...],
) -> int:
    """Parse the arguments, run the command that they name, and return the exit code.

    Args:
        program: what messages begin with.
        parser: makes the parser; each of its commands sets `run`.
        argv: the arguments, the process's own where None.
        failures: the errors whose exit code is 1; that of all others is 2.
    """
    _prepare_streams()
    try:
        try:
            arguments = parser().parse_args(argv)
            code: int = arguments.run(arguments)
        finally:
            # Flushed here, while a closed pipe or a full disk can still be told from a crash.
            sys.stdout.flush()
    except EarletError as problem:
        if _is_of_ctrl_c(problem):
            return INTERRUPTED
        print(f"{program}: {problem}", file=sys.stderr)
        return FAILED if isinstance(problem, failures) else USAGE
    except KeyboardInterrupt:
        if argv is None:
            # A second Ctrl-C ends the process at once, and without a traceback of its exit.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()  # whoever read us (`| head`) has had enough
        return DONE
    except OSError as problem:
        _abandon_stdout()
        what = problem.filename or "standard input or output"
        print(f"{program}: {printable(str(what))} failed: {problem.strerror}", file=sys.stderr)
        return USAGE if problem.filename else FAILED
    return code


def _is_of_ctrl_c(problem: BaseException | None) -> bool:
    """Whether it came of a Ctrl-C, which a library that is being imported turns into its own."""
    while problem is not None and not isinstance(problem, KeyboardInterrupt):
        problem = problem.__cause__ or problem.__context__
    return problem is not None


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
