"""Work on several items at once, in threads; what comes of it in the order of the items.

Threads help where the work is done by a network: ONNX Runtime lets go of Python's lock while it
computes.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

Item = TypeVar("Item")
Result = TypeVar("Result")
WAITING = 2  # items for each thread, the one that it is at among them: they differ in length
THREAD_NAME = "earlet-recogniser"


def in_order(
    work: Callable[[Item], Result], batches: Iterable[Iterable[Item]], n_threads: int
) -> Iterator[Result]:
    """What `work` returns for each item, as soon as those before it are done.

    Batches are asked for while the threads work. One may be empty, as a second of silence is: what
    is done by then is handed on all the same. With one thread it is the caller's own.

    Raises:
        Exception: what `work` raised, where its result would have been. What is being worked on
            then goes on to its end, and nothing new is begun.
    """
    if n_threads == 1:
        for batch in batches:
            yield from map(work, batch)
        return
    from concurrent.futures import ThreadPoolExecutor  # 4 ms that most do without

    begun: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(n_threads, THREAD_NAME)
    try:
        for batch in batches:
            for item in batch:
                if len(begun) == WAITING * n_threads:
                    yield begun.popleft().result()
                begun.append(pool.submit(work, item))
            while begun and begun[0].done():
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
