"""Servers to talk to: `earlet serve` in processes of their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.server.program import Program, serving

TOKEN = "an-ear-for-an-ear"  # noqa: S105  of servers that nobody else can reach


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """All bundles of the repository, no token; for tests that leave it as it was."""
    yield from _in_order(tmp_path_factory.mktemp("server") / "log")


@pytest.fixture(scope="session")
def guarded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The same where every request must bring a token."""
    yield from _in_order(tmp_path_factory.mktemp("guarded") / "log", token=TOKEN)


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """`start_server("--no-access-log", queue=1)`: one for the test alone, which ends with it; flags
    of `earlet serve`, and settings of `ServeConfig`."""
    numbers = count()
    with ExitStack() as running:

        def start(*flags: str | Path, token: str | None = None, **settings: object) -> Program:
            log = tmp_path / f"server-{next(numbers)}.log"
            return running.enter_context(serving(log, *flags, token=token, **settings))

        yield start


def _in_order(log: Path, token: str | None = None) -> Iterator[Program]:
    """A server that must end well when it is told to, and never have met what it did not expect."""
    with serving(log, token=token) as program:
        yield program
    told = program.told
    assert "Traceback" not in told, told
    assert program.process.returncode == 0, told
