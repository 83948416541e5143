"""Several items at once, in threads that wait for each other."""

import threading
from collections.abc import Iterator

import pytest

from earlet.tasks.in_order import THREAD_NAME, WAITING, in_order

PATIENCE_S = 30.0  # for what comes at once unless something is broken


def square(number: int) -> int:
    return number * number


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_results_come_in_the_order_of_the_items(n_threads: int, size: int) -> None:
    batches = [range(i, min(i + size, 100)) for i in range(0, 100, size)]
    assert list(in_order(square, batches, n_threads)) == [i * i for i in range(100)]


def test_so_many_items_are_worked_on_at_once() -> None:
    together = threading.Barrier(3)

    def meet(_: int) -> str:
        together.wait(PATIENCE_S)
        return threading.current_thread().name

    names = list(in_order(meet, [range(6)], 3))
    assert len(set(names)) == 3
    assert all(name.startswith(THREAD_NAME) for name in names)


def test_one_thread_is_the_callers_own() -> None:
    names = in_order(lambda _: threading.current_thread().name, [range(3)], 1)
    assert set(names) == {threading.current_thread().name}


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_no_more_items_are_taken_than_may_wait(n_threads: int) -> None:
    n_taken = 0

    def items() -> Iterator[int]:
        nonlocal n_taken
        for i in range(50):
            n_taken += 1
            yield i

    for n_given, _ in enumerate(in_order(square, [items()], n_threads)):
        assert n_taken - n_given <= WAITING * n_threads + 1


def test_what_is_done_waits_for_no_further_item() -> None:
    given: list[int] = []

    def batches() -> Iterator[list[int]]:
        yield [7]
        for _ in range(10_000_000):  # seconds, of which the thread gets its share
            if given:
                return
            yield []
        pytest.fail("the result was kept back")

    for result in in_order(square, batches(), 2):
        given.append(result)
    assert given == [49]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_error_comes_in_its_place_and_nothing_new_is_begun(n_threads: int) -> None:
    begun = []

    def fail_at_three(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    results = in_order(fail_at_three, [[i] for i in range(50)], n_threads)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert list(results) == []
    assert len(begun) <= 3 + WAITING * n_threads


def test_who_leaves_early_leaves_no_thread_and_no_work_behind() -> None:
    may_end = threading.Event()
    begun = []

    def wait(number: int) -> None:
        begun.append(number)
        may_end.wait(PATIENCE_S)

    def items() -> Iterator[int]:
        yield from range(2 * WAITING)
        raise KeyboardInterrupt  # while both threads are at work

    with pytest.raises(KeyboardInterrupt):
        next(in_order(wait, [items()], 2))
    may_end.set()
    for thread in threading.enumerate():
        if thread.name.startswith(THREAD_NAME):
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
    assert len(begun) <= 2
