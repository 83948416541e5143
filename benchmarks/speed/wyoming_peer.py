"""Somebody else's server: wyoming-faster-whisper, in a process of its own."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.line import MissingError
from benchmarks.speed.clients import Address
from benchmarks.speed.recognisers import write_tiny_en
from earlet_quantize.errors import SourceError

HOST = "127.0.0.1"
START_S = 60.0  # that it may take to begin
POLL_S = 0.1


@contextmanager
def wyoming_faster_whisper(cache: Path) -> Iterator[Address]:
    """The server of that name with the weights of tiny.en in int8, as quick as its options allow:
    one thread, greedy.

    Raises:
        MissingError: when the weights cannot be fetched, or it does not begin.
    """
    address = (HOST, free_port())
    with TemporaryDirectory() as folder:
        try:
            write_tiny_en(Path(folder), cache)
        except SourceError as problem:
            raise MissingError(str(problem)) from None
        options = {
            "--model": folder,
            "--data-dir": folder,
            "--uri": f"tcp://{HOST}:{address[1]}",
            "--stt-library": "faster-whisper",
            "--language": "en",
            "--compute-type": "int8",
            "--cpu-threads": "1",
            "--beam-size": "1",
        }
        words = [word for option in options.items() for word in option]
        command = [sys.executable, "-m", "wyoming_faster_whisper", "--local-files-only", *words]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(address, process)
            yield address
        finally:
            process.kill()
            process.wait()


def _wait_for(address: Address, process: "subprocess.Popen[bytes]") -> None:
    """Until somebody answers there."""
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(address).close()
        except ConnectionRefusedError:
            time.sleep(POLL_S)
        else:
            return
    raise MissingError("wyoming-faster-whisper does not begin")


def free_port() -> int:
    """Of TCP, on this machine."""
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])
