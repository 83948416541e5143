"""A job on a Ray cluster: actors with a bundle each, on as many machines as the cluster has.

    items -> an idle actor -> Worker.run there -> Outcome, in the order in which they finish

Every machine needs the same earlet, and sees the current folder, the sounds and the place of the
texts by the same paths: a shared folder. This process runs on a machine of the cluster, too.
`local` starts a cluster of this machine alone, for this job alone: it listens on the loopback
interface, admits only who has its token, and is gone afterwards.

An actor is a process. It may end at any moment, with its machine perhaps; another one takes its
place, and the item that it had is given out again. Where an actor was only out of reach, a text may
be written a second time: it is the same text, renamed into its place like the first. When the head
of the cluster is lost, Ray ends this process within a minute, and `--resume` goes on elsewhere.

Ray serialises what it sends by itself; here it is given dicts of plain values and strings.
"""

import logging
import os
import platform
import secrets
import socket
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from earlet import __version__
from earlet.errors import BackendError, EarletError, InputError
from earlet.jobs.plan import Item, Settings
from earlet.jobs.worker import Outcome, Worker

LOCAL = "local"
ATTEMPTS = 2  # at a file at which an actor ended
READY_S = 300.0  # within which a first actor must be ready: a cluster may have to add a machine
CONNECT_S = 5.0  # for the cluster's head to answer
OBJECT_STORE = 80 << 20  # bytes: a little above Ray's least, for texts are short

# What Ray reads when it is imported.
ALWAYS = {"RAY_USAGE_STATS_ENABLED": "0"}  # it calls home unless told not to
THERE = {"RAY_NUM_REDIS_GET_RETRIES": "1"}  # 40 s to find that it is no Ray that answers
HERE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # loopback only; on Linux too, whatever its name
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(),  # one for all clusters of this process
}


def run(
    items: Iterable[Item], settings: Settings, *, address: str, n_workers: int | None = None
) -> Iterator[Outcome]:
    """Transcribe the items on a cluster.

    Args:
        items: their paths are absolute, or relative to the current folder.
        settings: its bundle is looked for on every machine.
        address: HOST:PORT of the cluster's head, or "local".
        n_workers: actors, each with `settings.threads` cores; None: as many as there are cores for.

    Raises:
        InputError: for what is no address.
        BackendError: when Ray is not installed, the cluster cannot be reached or is lost, or its
            machines cannot load the bundle.
    """
    threads = max(1, settings.threads)  # what is wrong with fewer, a worker tells
    with _cluster(address, n_workers and n_workers * threads) as ray:
        n_cores = max(1, int(ray.cluster_resources().get("CPU", 0)))
        n_workers = n_workers or max(1, n_cores // threads)
        pool = _Pool(ray, settings, min(threads, n_cores))
        try:
            yield from pool.outcomes(deque(items), n_workers)
        except ray.exceptions.RayError as problem:
            raise BackendError(f"--ray {address}: the cluster is lost: {_line(problem)}") from None


class _Actor:
    """A `Worker` in a process of the cluster."""

    def load(self, folder: str, settings: Mapping[str, Any], version: str) -> str | None:
        """Get ready, in this folder; what keeps it from that, in one line."""
        try:
            if version != __version__:
                return self._problem(f"expected earlet {version}, it has {__version__}")
            os.chdir(folder)
            self._worker = Worker(Settings(**settings))
        except EarletError as problem:
            return self._problem(str(problem))
        except OSError as problem:
            return self._problem(f"{folder}: cannot be entered: {problem.strerror}")
        return None

    def run(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Transcribe one file."""
        return asdict(self._worker.run(Item(**item)))

    def _problem(self, what: str) -> str:
        return f"{platform.node()}: {what}"


class _Busy(NamedTuple):
    """An actor, and the item that it is at."""

    actor: Any
    item: Item


class _Pool:
    """The actors of a job, by the promise of what they do."""

    def __init__(self, ray: Any, settings: Settings, n_cores: int) -> None:
        self._ray = ray
        self._settings = settings
        self._n_cores = n_cores  # of each actor
        self._actor = ray.remote(num_cpus=n_cores)(_Actor)
        self._loading: dict[Any, Any] = {}
        self._busy: dict[Any, _Busy] = {}
        self._idle: list[Any] = []

    def outcomes(self, waiting: deque[Item], n_workers: int) -> Iterator[Outcome]:
        """What comes of the items, with so many actors and no more than there are items."""
        ended_at: Counter[Item] = Counter()
        for _ in range(min(n_workers, len(waiting))):
            self._start()
        while waiting or self._busy:
            while waiting and self._idle:
                self._give(self._idle.pop(), waiting.popleft())
            promise = self._next()
            if promise in self._loading:
                self._loaded(promise)
                continue
            actor, item = self._busy.pop(promise)
            try:
                outcome = self._ray.get(promise)
            except self._ray.exceptions.RayError as problem:
                # It may only be out of reach; two must not be at the same file.
                self._ray.kill(actor)
                self._start()
                ended_at[item] += 1
                if ended_at[item] < ATTEMPTS:
                    waiting.appendleft(item)
                else:
                    yield Outcome(item=item, error=_lost(item, problem))
            else:
                self._idle.append(actor)
                yield Outcome(**{**outcome, "item": item})

    def _start(self) -> None:
        actor = self._actor.remote()
        promise = actor.load.remote(str(Path.cwd()), asdict(self._settings), __version__)
        self._loading[promise] = actor

    def _give(self, actor: Any, item: Item) -> None:
        self._busy[actor.run.remote(asdict(item))] = _Busy(actor, item)

    def _next(self) -> Any:
        """The first promise that is kept, or can no longer be.

        An actor that has an item may take as long as it needs; Ray tells when it ends.
        """
        timeout = None if self._busy else READY_S
        kept, _ = self._ray.wait([*self._loading, *self._busy], timeout=timeout)
        if not kept:
            raise BackendError(
                f"no worker was ready after {READY_S:g} s; `ray status` tells whether a machine "
                f"has {self._n_cores} free cores"
            )
        return kept[0]

    def _loaded(self, promise: Any) -> None:
        actor = self._loading.pop(promise)
        try:
            problem = self._ray.get(promise)
        except self._ray.exceptions.RayError as ended:
            if not (self._loading or self._busy or self._idle):
                raise BackendError(f"no worker could load the bundle: {_line(ended)}") from None
            return  # the others do its work
        if problem is not None:
            raise BackendError(f"a worker cannot start: {problem}")
        self._idle.append(actor)


def _lost(item: Item, problem: Exception) -> str:
    return (
        f"{item.source}: the worker that was at it failed, {ATTEMPTS} times; not done: "
        f"{_line(problem)}"
    )


@contextmanager
def _cluster(address: str, n_cores: int | None) -> Iterator[Any]:
    """The module `ray`, connected; `n_cores` is of a local cluster."""
    options: dict[str, Any] = {}
    with ExitStack() as stack:
        if address == LOCAL:
            folder = tempfile.TemporaryDirectory(prefix="earlet-", ignore_cleanup_errors=True)
            options = {
                "num_cpus": n_cores,
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE,
                "_temp_dir": stack.enter_context(folder),
            }
        ray = _import_ray(ALWAYS | (HERE if address == LOCAL else THERE))
        if address != LOCAL:
            _knock(address)
        stack.callback(ray.shutdown)
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL, **options)
        except ConnectionError as problem:
            raise BackendError(
                f"--ray {address}: {_line(problem)}; is it of the same version, and if it asks "
                "for a token, is RAY_AUTH_MODE=token set here, too?"
            ) from None
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as problem:
            raise BackendError(f"--ray {address}: {_line(problem)}") from None
        yield ray


def _knock(address: str) -> None:
    """Ray takes minutes to find that nobody is there, deaf to Ctrl-C."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or "/" in host:
        raise InputError(f"--ray: expected HOST:PORT of a cluster's head, or local, got {address}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError, UnicodeError) as problem:
        raise BackendError(
            f"--ray {address}: there is no cluster: {problem}; "
            "`ray start --head` begins one and tells its address"
        ) from None


def _import_ray(environment: Mapping[str, str]) -> Any:
    for name, value in environment.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise BackendError("--ray: Ray is not installed; pip install 'earlet[cluster]'") from None
    # That an actor has ended, it would print among the results, on stdout.
    ray._private.worker._worker_logs_enabled = False
    return ray


def _line(problem: Exception) -> str:
    """The first line of what Ray tells, or of what raised it, without colours."""
    lines = str(getattr(problem, "cause", None) or problem).splitlines()
    return lines[0] if lines else type(problem).__name__
