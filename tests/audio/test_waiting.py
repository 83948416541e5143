"""Work beside: what became of it is told once, to whoever still wants it."""

import threading

import pytest

from earlet.audio.waiting import Beside, Clock

LONG_S = 60.0


def test_the_result_is_that_of_the_work() -> None:
    beside = Beside(lambda: 3, threading.Condition(), lambda _: None)
    assert beside.wait(Clock(), LONG_S)
    assert beside.result() == 3


def test_what_it_raised_is_raised_again() -> None:
    def fail() -> int:
        raise ValueError("a reason")

    beside = Beside(fail, threading.Condition(), lambda _: None)
    assert beside.wait(Clock(), LONG_S)
    with pytest.raises(ValueError, match="a reason"):
        beside.result()
    beside.give_up()  # there is nothing to discard


@pytest.mark.parametrize("ends_first", [True, False])
def test_what_nobody_wants_any_more_is_discarded_once(ends_first: bool) -> None:
    may_end, discarded = threading.Event(), threading.Semaphore(0)

    def work() -> str:
        may_end.wait()
        return "a device"

    beside = Beside(work, threading.Condition(), lambda _: discarded.release())
    assert not beside.wait(Clock(), 0.0)
    if ends_first:
        may_end.set()
        assert beside.wait(Clock(), LONG_S)
        beside.give_up()
    else:
        beside.give_up()
        may_end.set()
    assert discarded.acquire(timeout=LONG_S)
    assert beside.wait(Clock(), LONG_S)
    assert not discarded.acquire(blocking=False)
