"""A job on this machine: in this process, or in several, each with a bundle of its own.

    parent --Item--> process: Worker --READY, seconds heard, Outcome--> parent

The parent waits for messages only. A process that ends closes its end of the pipe, which wakes the
parent. A parent that ends closes all of them, and a process ends with the next message that it
cannot send, which is before it writes what it is at.
"""

import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from typing import cast

from earlet.errors import BackendError, EarletError
from earlet.jobs.plan import Item, Settings
from earlet.jobs.worker import Outcome, Worker

ATTEMPTS = 2  # at a file at which a process ended
EXIT_S = 5.0  # that a process may take to end after its pipe has closed
READY = "ready"  # the bundle is loaded

Heard = Callable[[Item, float, float], None]  # seconds of it that were heard, and that it has
Message = str | tuple[float, float] | Outcome | EarletError | None  # None: the process has ended


def run(
    items: Iterable[Item], settings: Settings, *, n_workers: int, heard: Heard
) -> Iterator[Outcome]:
    """Transcribe the items, by `n_workers` processes where they are more than one.

    Outcomes come in the order in which they finish. A process that ends by itself, for want of
    memory perhaps, is replaced, and its item tried once more.

    Raises:
        EarletError: when the bundle cannot be loaded, or does not know an option.
    """
    if n_workers > 1:
        yield from _in_processes(deque(items), settings, n_workers, heard)
        return
    worker = Worker(settings)
    for item in items:
        yield worker.run(item, partial(heard, item))


def _in_processes(
    waiting: deque[Item], settings: Settings, n_workers: int, heard: Heard
) -> Iterator[Outcome]:
    processes: dict[Connection, _Process] = {}  # by their pipes; each is at an item
    ended_at: Counter[Item] = Counter()
    try:
        while waiting or processes:
            while waiting and len(processes) < n_workers:
                process = _Process(settings, waiting.popleft())
                processes[process.pipe] = process
            for pipe in connection.wait(list(processes)):
                process = processes[cast(Connection, pipe)]
                match process.receive():
                    case EarletError() as problem:
                        raise problem
                    case (float(done_s), float(all_s)):
                        heard(process.item, done_s, all_s)
                    case Outcome() as outcome:
                        if waiting:
                            process.give(waiting.popleft())
                        else:
                            del processes[process.pipe]
                            process.end()
                        yield outcome
                    case None:
                        del processes[process.pipe]
                        reason = process.end()
                        ended_at[process.item] += 1
                        if ended_at[process.item] < ATTEMPTS:
                            waiting.appendleft(process.item)
                        else:
                            yield Outcome(item=process.item, error=_lost(process.item, reason))
    finally:
        for process in processes.values():
            process.kill()


def _lost(item: Item, reason: str) -> str:
    return f"{item.source}: the process that was at it {reason}, {ATTEMPTS} times; not done"


class _Process:
    """A process of its own, and the item that it is at."""

    def __init__(self, settings: Settings, item: Item) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the engine's locks
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, settings), daemon=True)
        self._bundle = settings.bundle
        self._is_ready = False
        # Ctrl-C at a terminal reaches all processes of the job, and is the parent's to handle: the
        # others inherit that it is blocked. Multiprocessing's tracker unblocks it when it is
        # started, as it is with the first process unless it runs already.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        except OSError as problem:
            raise BackendError(
                f"a process cannot be started: {problem.strerror}; take fewer --jobs"
            ) from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
        self.give(item)

    def give(self, item: Item) -> None:
        """The next item; for one that is done with the one before."""
        self.item = item
        with suppress(OSError):  # it has ended: `receive` tells
            self.pipe.send(item)

    def receive(self) -> Message:
        """Its next message; None when it has ended.

        Raises:
            BackendError: when it has ended before it was ready, as would the next one.
        """
        try:
            message: Message = self.pipe.recv()
        except (EOFError, OSError):
            if self._is_ready:
                return None
            raise BackendError(
                f"a process that loaded {self._bundle} {self.end()}; "
                "is there memory for so many --jobs?"
            ) from None
        self._is_ready = True
        return message

    def end(self) -> str:
        """Let it end; how it did."""
        self.pipe.close()
        self._process.join(EXIT_S)
        self.kill()
        code = self._process.exitcode or 0
        return f"was ended by signal {-code}" if code < 0 else f"ended with {code}"

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _serve(pipe: Connection, settings: Settings) -> None:
    """What a process does: load the bundle, then one item after another until the parent ends."""
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # of the parent's end
        try:
            worker = Worker(settings)
        except EarletError as problem:
            pipe.send(problem)
            return
        pipe.send(READY)
        while True:
            pipe.send(worker.run(pipe.recv(), lambda *heard: pipe.send(heard)))
