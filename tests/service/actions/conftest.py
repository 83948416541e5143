"""An event, programs that tell when they are there, and a certificate."""

import os
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from earlet.service.actions.spool import Event
from earlet.service.actions.worker import ActionError, Performer
from tests.service.actions.mosquitto import PATIENCE_S, Mosquitto


@pytest.fixture
def event() -> Event:
    """What actions are given for a detection."""
    return {
        "label": "go",
        "score": 0.98,
        "start_s": 1.25,
        "end_s": 1.75,
        "time": "2026-11-20T17:00:00.000+00:00",
    }


@pytest.fixture
def descriptors() -> Iterator[None]:
    """No more file descriptors are open after the test than before."""

    def opened() -> dict[str, str]:
        paths = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        return {path.name: str(path.readlink()) for path in paths}

    before = opened()
    yield
    more = {number: what for number, what in opened().items() if number not in before}
    assert not more


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that has not begun yet."""
    made = Mosquitto(tmp_path)
    yield made
    made.close()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """`told()`: the next line that was written to `tmp_path / "told"`, a pipe, waited for."""
    path = tmp_path / "told"
    os.mkfifo(path)
    # Open at both ends, so that neither side waits for the other to open it.
    descriptor = os.open(path, os.O_RDWR)

    def told() -> str:
        line = b""
        while not line.endswith(b"\n"):
            assert select.select([descriptor], [], [], PATIENCE_S)[0], "nothing was told"
            line += os.read(descriptor, 1)
        return line.decode().rstrip("\n")

    yield told
    os.close(descriptor)


@pytest.fixture
def performing() -> Callable[[Performer, Event], AbstractContextManager[list[ActionError]]]:
    """`with performing(action, event) as problems`: in a thread, which has ended after it."""

    @contextmanager
    def performing(performer: Performer, event: Event) -> Iterator[list[ActionError]]:
        problems: list[ActionError] = []

        def perform() -> None:
            try:
                performer.perform(event)
            except ActionError as problem:
                problems.append(problem)

        thread = threading.Thread(target=perform)
        thread.start()
        yield problems
        thread.join()

    return performing


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for `localhost` that nobody knows yet, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl, which makes a certificate")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*command.split(), *names, "-keyout", key, "-out", made], check=True, capture_output=True
    )
    return made, key


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """`until(condition)`: wait for what must come."""

    def until(condition: Callable[[], object]) -> None:
        for _ in range(100 * PATIENCE_S):
            if condition():
                return
            time.sleep(0.01)
        raise AssertionError("it did not come")

    return until
