"""A worker that can also be asked for what workers must not do. Run by the tests, as a program."""

import os
import signal
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from earlet.server.workers.loaded import Arguments, Loaded, Operation
from earlet.server.workers.operations import OPERATIONS
from earlet.server.workers.worker import main


def _sleep(_loaded: Loaded, arguments: Arguments, payload: bytes) -> int:
    """As work: it can be given up at any point."""
    until = time.monotonic() + arguments["seconds"]
    while time.monotonic() < until:
        pass
    return len(payload)


def _hang(_loaded: Loaded, _arguments: Arguments, _payload: bytes) -> None:
    """As a library that never comes back: no signal is heard."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(60)


def _swallow(_loaded: Loaded, arguments: Arguments, _payload: bytes) -> None:
    """Half of the time, an exception that is raised cannot get out."""

    class Deaf:
        def __del__(self) -> None:
            time.sleep(arguments["seconds"])

    for _ in range(arguments["times"]):
        Deaf()
        time.sleep(arguments["seconds"])


def _die(_loaded: Loaded, arguments: Arguments, _payload: bytes) -> None:
    os.kill(os.getpid(), arguments["signal"])
    time.sleep(60)


def _break_off(_loaded: Loaded, arguments: Arguments, _payload: bytes) -> Iterator[int]:
    """It ends in the middle of its answer."""
    yield from range(arguments["n"])
    os._exit(3)


def _count(_loaded: Loaded, arguments: Arguments, _payload: bytes) -> Iterator[int]:
    for i in range(arguments["n"]):
        time.sleep(arguments.get("seconds", 0))
        yield i


def _print(_loaded: Loaded, _arguments: Arguments, _payload: bytes) -> str:
    os.write(1, b"what a library prints\n")
    return os.read(0, 100).decode()


def _babble(_loaded: Loaded, arguments: Arguments, _payload: bytes) -> None:
    """Something else goes where frames go."""
    _write(bytes.fromhex(arguments["bytes"]))
    time.sleep(60)


def _babble_later(_loaded: Loaded, arguments: Arguments, _payload: bytes) -> None:
    """The same, once nobody waits for an answer."""
    threading.Timer(arguments["seconds"], _write, [bytes.fromhex(arguments["bytes"])]).start()


def _write(data: bytes) -> None:
    for number in range(3, 20):
        with suppress(OSError):  # nothing is open there
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                os.write(number, data)


def _eat(_loaded: Loaded, arguments: Arguments, _payload: bytes) -> int:
    return len(bytearray(arguments["bytes"]))


def _keep(loaded: Loaded, arguments: Arguments, _payload: bytes) -> None:
    """Memory that is not given back."""
    loaded.streams[-1] = b"x" * arguments["bytes"]


def _blunder(_loaded: Loaded, _arguments: Arguments, _payload: bytes) -> None:
    raise ZeroDivisionError("a secret of the code")


MISBEHAVIOUR: dict[str, Operation] = {
    "babble": _babble,
    "babble later": _babble_later,
    "blunder": _blunder,
    "break off": _break_off,
    "count": _count,
    "die": _die,
    "eat": _eat,
    "hang": _hang,
    "keep": _keep,
    "print": _print,
    "sleep": _sleep,
    "swallow": _swallow,
}

if __name__ == "__main__":
    main({**OPERATIONS, **MISBEHAVIOUR})
