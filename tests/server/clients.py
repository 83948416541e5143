"""Programs that others wrote for the services that earlet answers like: black boxes to be held to.

Each package has an environment of its own under `.cache/clients`, so that several versions can be
there at once. They are installed when EARLET_FETCH=1 is set, and stay.
"""

import json
import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".cache" / "clients"
FETCH = "EARLET_FETCH"
INSTALL_S = 300.0  # over a slow network
WAIT_S = 60.0  # for one answer
# What a client is told of this machine: no token, no proxy, and where programs are.
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR")


def client_python(*requirements: str) -> Path:
    """A Python with these packages: `client_python("huggingface_hub==2.4.0")`."""

    def install(folder: Path) -> None:
        _run(sys.executable, "-m", "venv", folder)
        _run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", *requirements)

    return _environment("python", requirements, install) / "bin" / "python"


def client_node(*packages: str) -> Path:
    """A folder whose programs find these packages: `client_node("@huggingface/inference@4")`."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("needs node and npm")

    def install(folder: Path) -> None:
        folder.mkdir()
        flags = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        _run("npm", "install", "--prefix", folder, *flags, *packages)

    return _environment("node", packages, install)


class Client:
    """A program that is told what to do, and answers, a line of JSON at a time."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def ask(self, **question: object) -> Any:
        """What it answers; raises TimeoutError when it does not."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], WAIT_S)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            raise TimeoutError(f"no answer in {WAIT_S:g} s to {question!r:.200}")
        return json.loads(line)


@contextmanager
def talking(*command: str | Path) -> Iterator[Client]:
    """Run a program that reads questions and writes answers, until it is left."""
    with TemporaryDirectory() as home:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=_surroundings(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            yield Client(process)
        finally:
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                with suppress(BrokenPipeError):
                    pipe.close()
            process.kill()
            process.wait(WAIT_S)


def _environment(kind: str, packages: Sequence[str], install: Callable[[Path], None]) -> Path:
    """The folder that `install` has filled, now or in an earlier run."""
    folder = ENVIRONMENTS / "-".join([kind, *(re.sub(r"[^\w.]+", "-", name) for name in packages)])
    if folder.is_dir():
        return folder
    if os.environ.get(FETCH) != "1":
        pytest.skip(f"needs {', '.join(packages)}, installed where {FETCH}=1 is set")
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=ENVIRONMENTS, prefix=".partial-") as scratch:
        partial = Path(scratch) / folder.name
        install(partial)
        with suppress(OSError):  # another run was faster
            partial.rename(folder)
    return folder


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        command, check=False, timeout=INSTALL_S, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    if done.returncode != 0:
        told = " ".join(done.stderr.decode(errors="replace").split())
        pytest.skip(f"needs a package registry; {command[0]} cannot install: {told:.200}")


def _surroundings(home: str) -> dict[str, str]:
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"HOME": home}
