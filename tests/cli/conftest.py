"""Two ways to run `earlet`: as a process, and as a call."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from earlet.cli import main
from earlet_quantize.huggingface import import_folder, write

TIMEOUT_S = 60  # ends a hang


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run("listen", "--json", input=b"...")`: a process of its own; input is bytes."""

    def run(*argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
        # Python's own variables change how it buffers and encodes.
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        options["env"] = env | options.get("env", {})
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        command = [sys.executable, "-m", "earlet", *argv]
        result = subprocess.run(command, timeout=TIMEOUT_S, check=False, **options)
        streams = [(stream or b"").decode() for stream in (result.stdout, result.stderr)]
        return subprocess.CompletedProcess(command, result.returncode, *streams)

    return run


@pytest.fixture
def on_terminal(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> Callable[..., tuple[subprocess.CompletedProcess[str], str]]:
    """`result, drawn = on_terminal("stderr", "transcribe", path, columns=60)`: a process that has
    a terminal as this stream, and all that it wrote there."""

    def read(terminal: int) -> str:
        written = b""
        with suppress(OSError):  # a terminal's way to end
            while piece := os.read(terminal, 4096):
                written += piece
        os.close(terminal)
        return written.decode()

    def on_terminal(
        stream: str, *argv: str, columns: int
    ) -> tuple[subprocess.CompletedProcess[str], str]:
        ours, theirs = pty.openpty()
        with ThreadPoolExecutor() as pool:
            drawn = pool.submit(read, ours)  # meanwhile, for a terminal keeps little
            try:
                result = run(*argv, env={"COLUMNS": str(columns)}, **{stream: theirs})
            finally:
                os.close(theirs)
        return result, drawn.result()

    return on_terminal


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`code, out, err = call("bundles")`: within this process."""

    def call(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(argv)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def refused(call: Callable[..., tuple[int, str, str]]) -> Callable[..., str]:
    """`refused("listen", "--foo")`: the one line that is told instead; stdout stays clean."""

    def refused(*argv: str, code: int = 2) -> str:
        found, out, err = call(*argv)
        assert (found, out) == (code, "")
        assert err.startswith("earlet: ")
        assert err.endswith("\n")
        line = err.removesuffix("\n").removeprefix("earlet: ")
        assert line.isprintable()
        return line

    return refused


@pytest.fixture(scope="session")
def clip(golden: Path) -> Path:
    """5.9 s of speech, one utterance; transcripts of it begin with "Mr. Quilter"."""
    return golden / "whisper" / "1272-128104-0000.wav"


@pytest.fixture(scope="session")
def imported(golden: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`imported("vit")`: a tiny bundle; transformers' answers with its network are in
    tests/golden/huggingface."""

    @cache
    def imported(family: str) -> Path:
        out = tmp_path_factory.mktemp("bundles") / family
        made = import_folder(
            golden / "huggingface" / family,
            name=family,
            license="Apache-2.0",
            attribution="none needed",
            source="random numbers",
        )
        write(made, out)
        return out

    return imported


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    """A second in which nothing is said."""
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(16_000), 16_000)
    return path
