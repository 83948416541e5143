"""What is tried on a machine; each says what came of it, or raises what went wrong."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("runtime", "quantize", ".")  # what has packages
LISTEN = ("-m", "earlet", "listen", "--json", "--source", "tests/recordings/commands.flac")
SCORE_TOLERANCE = 0.02  # that of commands-en's golden file
CHECK_S = 1200.0  # at most: an emulated program can hang
MAX_LINES = 60  # of what a program that failed wrote last


class CheckError(Exception):
    """earlet does not do there what it does here."""


def verify(python: Path, processor: str = "") -> str:
    """Every bundle that ships, against its golden file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    found = run(python, "-m", "earlet", "verify", *shipped, processor=processor)
    told = [
        line
        for line in found.splitlines()
        if line.startswith(("models", "  features", "  network"))
    ]
    return "\n".join(told)


def test(python: Path, *paths: str) -> str:
    """The tests in these files and folders."""
    options = ("-q", "-p", "no:cacheprovider", "--hypothesis-profile=emulated")
    return run(python, "-m", "pytest", *options, *paths).splitlines()[-1]


def listen(python: Path) -> str:
    """The commands of a recording: each heard as this machine hears it, and when."""
    there, here = (
        [json.loads(line) for line in run(path, *LISTEN).splitlines()]
        for path in (python, Path(sys.executable))
    )
    expected = [(event["label"], event["start_s"], event["end_s"]) for event in here]
    found = [(event["label"], event["start_s"], event["end_s"]) for event in there]
    if found != expected or not found:
        raise CheckError(f"heard {found}, expected {expected}")
    furthest = max(abs(a["score"] - b["score"]) for a, b in zip(there, here, strict=True))
    if furthest > SCORE_TOLERANCE:
        raise CheckError(f"scores differ by {furthest:.2g}, expected {SCORE_TOLERANCE} at most")
    return f"{len(found)} commands, all as here; their scores differ by {furthest:.2g} at most"


def run(python: Path, *arguments: str, processor: str = "") -> str:
    """What a program writes to stdout.

    Args:
        processor: another than the machine's own, as QEMU calls it.

    Raises:
        CheckError: when it fails, or is not done in time; with what it wrote last.
    """
    with tempfile.TemporaryDirectory(prefix="earlet-arm-") as folder:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "TMPDIR": folder,
            "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(str(ROOT / source) for source in SOURCES),
            "OMP_NUM_THREADS": "1",
            "ORT_DISABLE_TELEMETRY": "1",
        }
        if processor:
            environment["QEMU_CPU"] = processor
        # In a session of its own: with it end all programs that it has started itself.
        with subprocess.Popen(
            [python, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                stdout, stderr = process.communicate(timeout=CHECK_S)
            except subprocess.TimeoutExpired:
                raise CheckError(f"not done after {CHECK_S:g} s") from None
            finally:
                _end(process.pid)
    if process.returncode:
        lines = [*stdout.splitlines(), *stderr.splitlines()][-MAX_LINES:]
        raise CheckError("\n".join([f"exit status {process.returncode}", *lines]))
    return stdout


def _end(session: int) -> None:
    try:
        os.killpg(session, signal.SIGKILL)
    except ProcessLookupError:
        return
