"""Does earlet run on ARM? Tried on emulated machines; README.md tells which, and what they show.

    python -m tests.arm [--if-possible]

Exits with 0 when every bundle verifies, commands are heard as they are heard here, and the tests
pass; with 1 when not; with 2 where a machine cannot be built. `--if-possible`: where the emulator
is not installed, with 0, and a line that begins with NOT RUN.
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import Process
from pathlib import Path
from typing import NoReturn

from tests.arm.checks import ROOT, CheckError, listen, test, verify
from tests.arm.machines import (
    AARCH64,
    ARMV7,
    ARMV7_LITERT,
    BuildError,
    Machine,
    build,
    missing_tools,
)

INTERRUPTED = 130
MACHINES = ROOT / ".cache" / "arm"
# What computes is what may be wrong on another processor; README.md tells what is left out.
CORE = (
    *("tests/features/test_streams.py", "tests/decoding/test_alignment.py"),
    *("tests/decoding/test_classify.py", "tests/decoding/test_ctc_beam.py"),
    "tests/decoding/test_seq2seq.py",
    *("tests/streaming/test_blocks.py", "tests/streaming/test_endpointer.py"),
    *("tests/streaming/test_partials.py", "tests/streaming/test_spotter.py"),
    *("tests/streaming/test_vad.py", "tests/streaming/test_windows.py"),
)
# Whose oracles, or the versions that are wanted of them, have wheels for aarch64 alone.
WITH_ORACLES = (
    *("tests/features/test_fbank.py", "tests/features/test_log_mel.py"),
    *("tests/features/test_resize.py", "tests/decoding/test_ctc.py", "tests/backends/test_ort.py"),
    *("tests/tokenizers/test_encode.py", "tests/tokenizers/test_decoders.py"),
)
LITERT = (
    *("tests/backends/test_litert.py", "tests/backends/test_litert_packages.py"),
    *("tests/backends/test_tflite_file.py", "tests/tasks/test_keyword_model.py"),
)
PLAN: dict[Machine, dict[str, Callable[[Path], str]]] = {
    AARCH64: {
        "every bundle": verify,
        "every bundle, cortex-a76": partial(verify, processor="cortex-a76"),  # int8 dot products
        "commands": listen,
        "tests": lambda python: test(python, *CORE, *WITH_ORACLES),
    },
    ARMV7: {
        "every bundle": verify,
        "commands": listen,
        "tests": lambda python: test(python, *CORE),
    },
    ARMV7_LITERT: {"tests": lambda python: test(python, *LITERT)},
}


def main() -> int:
    """Try the machines, all at a time."""
    parser = argparse.ArgumentParser(prog="python -m tests.arm")
    parser.add_argument("--if-possible", action="store_true")
    if_possible = parser.parse_args().if_possible
    if missing := missing_tools():
        parser.exit(0 if if_possible else 2, f"NOT RUN: {missing}\n")
    workers = [Process(target=work, args=(machine,)) for machine in PLAN]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    except KeyboardInterrupt:  # which the terminal tells the workers, too
        return INTERRUPTED
    return max(abs(worker.exitcode or 0) for worker in workers)


def work(machine: Machine) -> NoReturn:
    """Try a machine, in a process of its own."""
    try:
        sys.exit(attempt(machine))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def attempt(machine: Machine) -> int:
    """Build a machine and try what is planned; the exit status that follows."""
    begin = time.monotonic()
    try:
        python = build(machine, MACHINES)
    except BuildError as problem:
        say(machine, "not built", str(problem), begin)
        return 2
    status = 0
    for what, check in PLAN[machine].items():
        begin = time.monotonic()
        try:
            say(machine, f"{what}: ok", check(python), begin)
        except CheckError as problem:
            say(machine, f"{what}: FAILED", str(problem), begin)
            status = 1
    return status


def say(machine: Machine, what: str, text: str, begin: float) -> None:
    """In one piece, since others are at work."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    sys.stdout.write(f"{machine.name}, {what} ({time.monotonic() - begin:.0f} s)\n{lines}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
