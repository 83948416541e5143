"""Unplugged, silenced, frozen, suspended, killed: `earlet listen` says so, and hears again."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from earlet.audio.live import STALL_S
from tests.rig.check import COMMAND, recording_of_command
from tests.rig.program import Line, Program
from tests.rig.virtual_microphone import VirtualMicrophone
from tests.soak.runs import reading

LISTEN = [sys.executable, "-m", "earlet", "listen", "--json", "--device", "desk"]

Outage = Callable[[VirtualMicrophone, Program], None]


def unplugged(microphone: VirtualMicrophone, program: Program) -> None:
    microphone.unplug("desk")
    program.wait_for(is_deaf)
    microphone.plug_in("desk", noise=True)


def unplugged_with_another_there(microphone: VirtualMicrophone, program: Program) -> None:
    microphone.plug_in("camera")
    microphone.unplug("desk")  # who listened is moved to the other, and given zeros but no error
    program.wait_for(is_deaf)
    microphone.plug_in("desk", noise=True)


def frozen(microphone: VirtualMicrophone, program: Program) -> None:
    microphone.freeze_server()
    program.wait_for(is_deaf)
    microphone.thaw_server()


def suspended(microphone: VirtualMicrophone, program: Program) -> None:
    program.process.send_signal(signal.SIGSTOP)  # this time it is not the server that sleeps
    microphone.play(recording_of_command(microphone.folder), "desk")  # to nobody
    time.sleep(STALL_S)
    program.process.send_signal(signal.SIGCONT)
    program.wait_for(is_deaf)


def killed(microphone: VirtualMicrophone, program: Program) -> None:
    microphone.kill_server()
    program.wait_for(is_deaf)
    microphone.start_server()
    microphone.plug_in("desk", noise=True)


OUTAGES: list[Outage] = [unplugged, unplugged_with_another_there, frozen, suspended, killed]


@pytest.fixture(scope="module")
def heard(
    virtual_microphone: Callable[..., VirtualMicrophone], command: Path
) -> Iterator[dict[Outage, Future[list[Line]]]]:
    """What `earlet listen` prints in each; all at the same time, for most of it is waiting."""
    with ThreadPoolExecutor(len(OUTAGES)) as threads:
        yield {
            outage: threads.submit(
                lived_through, outage, virtual_microphone("desk", "camera"), command
            )
            for outage in OUTAGES
        }


def lived_through(outage: Outage, microphone: VirtualMicrophone, command: Path) -> list[Line]:
    """COMMAND is said before and after it. Raises TimeoutError where that is not heard."""
    microphone.plug_in("desk", noise=True)
    with Program(LISTEN, microphone.environment) as program:
        program.until(lambda: microphone.n_listeners == 1, "it listens")
        microphone.play(command, "desk")
        program.wait_for(is_command)
        used = resources(program)
        outage(microphone, program)
        program.wait_for(is_back)
        microphone.play(command, "desk")
        program.wait_for(is_command)
        program.until(lambda: resources(program) <= used, "no thread, no descriptor is left over")
        if program.terminate():
            raise RuntimeError(f"earlet listen did not end well: {program.errors}")
    return program.seen


def resources(program: Program) -> tuple[int, int]:
    now = reading(program.process.pid, hours=0.0)
    return now.n_threads, now.n_descriptors


def is_command(line: Line) -> bool:
    return line.get("label") == COMMAND


def is_deaf(line: Line) -> bool:
    return line.get("state") == "deaf"


def is_back(line: Line) -> bool:
    return line.get("state") == "listening"


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_is_told_and_lived_through(
    heard: dict[Outage, Future[list[Line]]], outage: Outage
) -> None:
    before, deaf, gap, after = heard[outage].result()  # and no burst of stale commands
    assert is_command(before)
    assert is_deaf(deaf)
    assert is_back(gap)
    assert gap["lost_s"] > 0
    assert is_command(after)
    assert before["end_s"] <= deaf["at_s"] == gap["at_s"]
    assert after["start_s"] >= gap["at_s"] + gap["lost_s"]
