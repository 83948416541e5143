"""`earlet serve` as people start it: a process on free ports, its log, its end."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.rig.virtual_microphone import WAIT_S, until

ROOT = Path(__file__).parents[2]
# What it says of itself once it answers.
_SERVING = re.compile(
    r"serving on http://127\.0\.0\.1:(?P<http>\d+), Wyoming on tcp://127\.0\.0\.1:(?P<wyoming>\d+)"
)


@dataclass(frozen=True)
class Place:
    """Where somebody answers, on this machine."""

    port: int
    wyoming_port: int
    token: str | None = None  # what requests must bring
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """Of HTTP."""
        return f"http://{self.host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What a request must bring."""
        return {} if self.token is None else {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, kw_only=True)
class Program(Place):
    """A server that answers."""

    log: Path  # its standard error: a line a request, among others
    process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        """Of the process that answers; those that compute are its children."""
        return self.process.pid

    @property
    def children(self) -> set[int]:
        """The processes that compute at the moment."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/children")  # of each thread
        return {int(pid) for task in tasks for pid in task.read_text(encoding="ascii").split()}

    @property
    def told(self) -> str:
        """All that it has written to its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def serving(
    log: Path, *flags: str | Path, token: str | None = None, **settings: object
) -> Iterator[Program]:
    """Run `earlet serve` on free ports, Wyoming too, until it is left; then it is gone.

    Args:
        log: where it writes to; its configuration lies beside.
        flags: of its command line.
        token: what requests must bring.
        settings: of `ServeConfig`; most have no flag.

    Raises:
        RuntimeError: it has ended, with what it said.
        TimeoutError: it does not begin, or does not end, in time.
    """
    environment = {name: value for name, value in os.environ.items() if name != "EARLET_TOKEN"}
    if token is not None:
        environment["EARLET_TOKEN"] = token
    if settings:
        config = log.with_suffix(".yaml")
        config.write_text(yaml.safe_dump({"serve": settings}), encoding="utf-8")
        flags = ("--config", config, *flags)
    command = [sys.executable, "-m", "earlet", "serve", "--port", "0", "--wyoming", "0"]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, *flags],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
        )
    try:
        yield _begun(process, log, token)
        process.terminate()
        process.wait(WAIT_S)
    finally:
        process.kill()
        process.wait(WAIT_S)


def _begun(process: "subprocess.Popen[bytes]", log: Path, token: str | None) -> Program:
    def found() -> re.Match[str] | None:
        told = log.read_text(encoding="utf-8", errors="replace")
        if process.poll() is not None:
            raise RuntimeError(f"earlet serve ended with {process.returncode}: {told[-500:]}")
        return _SERVING.search(told)

    until(lambda: found() is not None, "earlet serve answers")
    match = found()
    assert match is not None
    return Program(int(match["http"]), int(match["wyoming"]), token, log=log, process=process)
