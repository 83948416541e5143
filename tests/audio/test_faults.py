"""A thousand faults, some within others: the microphone always comes back, and what it gives lies
where it was heard."""

import math
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from earlet.audio.live import MAX_DELAY_S, STALL_S
from earlet.audio.microphone import MAX_SILENCE_S, Microphone
from earlet.results import Deaf, Gap
from tests.audio.portaudio import (
    UNAVAILABLE,
    Device,
    FakeSounddevice,
    PortAudioError,
    World,
    numbered,
)

SEEDS = range(20)
N_FAULTS = 50  # of each seed
N_AT_ONCE = 5  # before it is left in peace until it hears again
RATE = 16_000
NAME = "USB Audio (hw:1,0)"
# What may be deaf to a device that is well: zeros are waited for, then a stall, then an attempt.
LONGEST_S = MAX_SILENCE_S + STALL_S + MAX_DELAY_S + 1


class Machine:
    """A microphone beside others, and all that can go wrong with it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.world = World()
        self.device = Device(NAME)
        self.others = [Device("HDMI", 0), Device("Webcam")]
        self.sounddevice = FakeSounddevice(self.world, self.others[0], self.device, self.others[1])
        self.trouble_until_s = 0.0
        self._rng = rng
        self.faults: list[Callable[[float], None]] = [
            *(self.overflow, self.stall, self.unplug, self.move, self.mute, self.garbage),
            *(self.refuse, self.hang, self.break_portaudio, self.stand_still, self.read_slowly),
        ]

    def overflow(self, _: float) -> None:
        self.device.overflow(self._rng.uniform(0.001, 2))

    def stall(self, seconds: float) -> None:
        """For more than a moment, what it kept is lost in the end."""
        self.device.stall(seconds)

    def unplug(self, seconds: float) -> None:
        """It comes back with another index, and as another card."""
        self.device.unplug()
        card = int(self._rng.integers(9))

        def plug() -> None:
            self._rng.shuffle(self.sounddevice.devices)
            if not self.device.is_there:
                self.device.plug(f"USB Audio (hw:{card},0)")

        self.world.after(seconds, plug)

    def move(self, _: float) -> None:
        self.device.move()

    def mute(self, seconds: float) -> None:
        self.device.mute_until_s = self.world.now() + seconds

    def garbage(self, _: float) -> None:
        self.device.garbage = float(self._rng.choice([math.nan, math.inf, -math.inf, 1e30]))
        self.device.garbage_until_s = self.world.now() + 1

    def refuse(self, seconds: float) -> None:
        """Whoever opens it in that time is refused, in one of many ways."""
        ways = [
            PortAudioError("Error opening InputStream: Device unavailable", UNAVAILABLE),
            PortAudioError("Error opening InputStream: Invalid sample rate", -9997),
            PortAudioError("Unanticipated host error", -9999, (0, -5, "Input/output error")),
            OSError("no such file"),
            RuntimeError("nobody expects this"),
        ]
        self.sounddevice.refusal = ways[self._rng.integers(len(ways))]
        self.sounddevice.refuses_until_s = self.world.now() + seconds
        self.stall(seconds)

    def hang(self, seconds: float) -> None:
        self.sounddevice.hang_s = seconds
        self.device.unplug()
        self.device.plug()

    def break_portaudio(self, seconds: float) -> None:
        """No server of sound: nothing runs, nothing starts."""
        self.sounddevice.broken_until_s = self.world.now() + seconds
        self.device.unplug()
        self.device.plug()

    def stand_still(self, seconds: float) -> None:
        self.world.stand_still(seconds)

    def read_slowly(self, seconds: float) -> None:
        self.world.sleep(seconds)

    def cause_one(self) -> None:
        seconds = float(self._rng.choice([0.1, 1, 4, 12, 40]) * self._rng.uniform(0.5, 1))
        self.trouble_until_s = max(self.trouble_until_s, self.world.now() + seconds)
        self.faults[self._rng.integers(len(self.faults))](seconds)


class Listener:
    """Reads a microphone, and holds every sample to the time at which it was heard."""

    def __init__(self, microphone: Microphone, world: World) -> None:
        self.position = 0  # in the stream
        self.heard_at_s = 0.0
        self.n_deaf = 0
        self._items = microphone.heard()
        self._began = world.tick
        self._world = world

    def read(self) -> None:
        item = next(self._items)
        if isinstance(item, Deaf):
            assert item.at_s == self.position / RATE
            self.n_deaf += 1
        elif isinstance(item, Gap):
            assert item.at_s == self.position / RATE
            self.position += item.n_samples
        elif len(item):
            ticks = self._began + self.position + np.arange(len(item))
            expected = numbered(ticks)
            is_right = (item == expected) | (item == 0)
            assert is_right.all(), f"{self._began + self.position}: {item[:3]} {expected[:3]}"
            self.position += len(item)
            if item.any():
                self.heard_at_s = self._world.now()


def held() -> tuple[int, int]:
    """Threads and file descriptors."""
    return threading.active_count(), len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_it_comes_back_and_every_lost_sample_is_counted(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    machine = Machine(rng)
    world = machine.world
    world.n_at_once = 5
    monkeypatch.setitem(sys.modules, "sounddevice", machine.sounddevice)
    before = held()
    with Microphone("USB Audio", clock=world) as microphone:
        listener = Listener(microphone, world)
        for _ in range(N_FAULTS // N_AT_ONCE):
            for _ in range(N_AT_ONCE):
                machine.cause_one()
                until = world.now() + rng.exponential(1)
                while world.now() < until:
                    listener.read()
            well_since = max(machine.trouble_until_s, world.now())
            while microphone.health.state == "deaf" or listener.heard_at_s < well_since:
                listener.read()
                assert world.now() < well_since + LONGEST_S, microphone.health
    assert listener.n_deaf  # or there was nothing to come back from
    assert machine.sounddevice.n_cut_off == 0
    assert all(stream.is_closed for stream in machine.sounddevice.streams)
    assert held() == before
