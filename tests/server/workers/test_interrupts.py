import os
import signal
import sys
from collections.abc import Iterator

import pytest

from earlet.server.workers.interrupts import SIGNAL, Interrupted, Interrupts


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    handler, hook = signal.getsignal(SIGNAL), sys.unraisablehook
    yield Interrupts()
    signal.signal(SIGNAL, handler)
    sys.unraisablehook = hook


def ask() -> None:
    os.kill(os.getpid(), SIGNAL)


def test_what_is_allowed_is_left_at_once(interrupts: Interrupts) -> None:
    done = []

    def work() -> None:
        with interrupts.allowed():
            ask()
            done.append("more")

    with pytest.raises(Interrupted):
        work()
    assert done == []


def test_elsewhere_the_signal_means_nothing(interrupts: Interrupts) -> None:
    ask()
    with interrupts.allowed():
        pass
    ask()


def test_what_is_held_comes_to_its_end_and_is_left_then(interrupts: Interrupts) -> None:
    done = []

    def work() -> None:
        with interrupts.allowed():
            with interrupts.held():
                ask()
                done.append("held")
            done.append("more")

    with pytest.raises(Interrupted):
        work()
    assert done == ["held"]


def test_what_was_asked_of_one_call_is_not_asked_of_the_next(interrupts: Interrupts) -> None:
    with pytest.raises(Interrupted), interrupts.allowed():
        ask()
    with interrupts.allowed(), interrupts.held():
        pass


def test_an_interruption_that_is_lost_is_no_fault(
    interrupts: Interrupts, capfd: pytest.CaptureFixture[str]
) -> None:
    class Last:
        def __del__(self) -> None:
            ask()

    class Fault:
        def __del__(self) -> None:
            raise ZeroDivisionError

    with interrupts.allowed():
        Last()
    assert capfd.readouterr().err == ""
    Fault()
    assert "ZeroDivisionError" in capfd.readouterr().err
