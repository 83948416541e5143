"""Pools of real processes, which are gone when the test is over."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from earlet.config import ServeConfig
from earlet.server.models import open_models
from earlet.server.workers.pool import Pool
from earlet.server.workers.process import Process
from earlet.service.metrics import Metric

MISBEHAVING = (sys.executable, "-P", str(Path(__file__).with_name("misbehaving.py")))
WAIT_S = 60.0  # after which a test has failed


Test = Callable[[Pool], Coroutine[Any, Any, None]]
Run = Callable[[Test], None]


def run(test: Test, *bundles: str, program: Sequence[str] = MISBEHAVING, **settings: Any) -> None:
    """Run a test with a pool of these bundles, by default one small one; nothing is left of it."""
    with running(*bundles, program=program, **settings) as run:
        run(test)


@contextmanager
def running(*bundles: str, program: Sequence[str] = MISBEHAVING, **settings: Any) -> Iterator[Run]:
    """What runs one test after another with the same pool."""
    before = children(), descriptors()
    with asyncio.Runner() as runner:
        models = open_models(bundles or ("commands-en",))
        pool = Pool(models, ServeConfig(**settings), program=program)

        def run(test: Test) -> None:
            runner.run(asyncio.wait_for(test(pool), WAIT_S))

        try:
            yield run
        finally:
            runner.run(pool.close(0.0))
    assert (children(), descriptors()) == before


def children() -> set[int]:
    """The processes that this one has started."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:  # it has ended
            continue
        if int(status.rpartition(")")[2].split()[1]) == os.getpid():
            found.add(int(folder.name))
    return found


def descriptors() -> int:
    """How many files and sockets are open."""
    return len([*Path("/proc/self/fd").iterdir()])


def processes(pool: Pool) -> list[Process]:
    """Those of a pool."""
    return [*pool._crew.roster]


def pid(process: Process) -> int:
    """Its number."""
    return process._child.pid


def figure(pool: Pool, name: str) -> Any:
    """One of those for Prometheus."""
    found: dict[str, Metric] = {metric.name: metric for metric in pool.figures()}
    return found[f"earlet_serve_{name}"].value
