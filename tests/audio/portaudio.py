"""A PortAudio without hardware and without a clock: the names and the behaviour of sounddevice.

Time is counted in ticks of 1/16000 s, and passes only while somebody waits. What a device hears is
a function of time, so that of every sample that arrives it can be told where it belongs.
"""

import heapq
import itertools
import math
import os
import select
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from earlet.arrays import AnyArray, FloatArray
from earlet.audio.waiting import THREAD_NAME, Clock

TICKS_PER_S = 16_000
PERIOD = 2**20  # ticks after which `numbered` begins again: 65 s
END_S = 20_000.0  # of the world; no test needs half of it
ADC_OFFSET_S = 1_000.0  # PortAudio's clock has an origin of its own
INVALID_RATE, INVALID_CHANNELS, UNAVAILABLE, HOST_ERROR = -9997, -9998, -9985, -9999
NOT_STARTED = -10_000
HOST_API = "ALSA"

Signal = Callable[[AnyArray], AnyArray]  # ticks (n,) -> samples (n,) or (n, n_channels)


def numbered(ticks: AnyArray) -> FloatArray:
    """A signal that tells its time: never zero, and exact in float32."""
    return ((ticks % PERIOD + 1) / (2 * PERIOD)).astype(np.float32)


class PortAudioError(Exception):
    """Text, number, and perhaps the words of the system: (host API, number, text)."""


class World(Clock):
    """Time, and what happens in it."""

    def __init__(self) -> None:
        self.tick = 0
        self.n_at_once = 1  # events before a waiting reader is woken: how busy the machine is
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._hanging: set[int] = set()  # threads

    def now(self) -> float:
        return self.tick / TICKS_PER_S

    def monotonic(self) -> float:
        return self.now()

    def at(self, tick: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (tick, next(self._order), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.at(self.tick + round(seconds * TICKS_PER_S), action)

    def wait(self, condition: threading.Condition, wait_s: float) -> None:
        """What runs beside goes first; else the next events happen, those that are in time."""
        beside = _threads_beside()  # before it is let go: whoever ends now will notify
        condition.release()
        try:
            if not self._join(beside):
                for _ in range(self.n_at_once):
                    self._pass(wait_s)
        finally:
            condition.acquire()

    def readable(self, descriptor: int, wait_s: float) -> bool:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        until = self.tick + math.ceil(wait_s * TICKS_PER_S)
        while not poll.poll(0) and self.tick < until:
            self._pass((until - self.tick) / TICKS_PER_S)
        return bool(poll.poll(0))

    def sleep(self, seconds: float) -> None:
        """Let time pass in which the reader does something else."""
        until = self.tick + round(seconds * TICKS_PER_S)
        while self.tick < until:
            self._join(_threads_beside())
            self._pass((until - self.tick) / TICKS_PER_S)

    def stand_still(self, seconds: float) -> None:
        """The process is stopped: events wait, the clock does not."""
        self.tick += round(seconds * TICKS_PER_S)

    def hang(self, seconds: float) -> None:
        """What a thread beside calls to come back so much later."""
        is_over = threading.Event()
        thread = threading.get_ident()

        def go_on() -> None:
            self._hanging.discard(thread)
            is_over.set()

        self.after(seconds, go_on)
        self._hanging.add(thread)
        is_over.wait()

    def _pass(self, wait_s: float) -> None:
        until = self.tick + math.ceil(wait_s * TICKS_PER_S)
        if self._events and self._events[0][0] <= until:
            tick, _, action = heapq.heappop(self._events)
            self.tick = max(self.tick, tick)
            action()
        else:
            self.tick = until
        assert self.now() < END_S, "it is waited for something that does not come"

    def _join(self, threads: list[threading.Thread]) -> bool:
        """Let threads come as far as they can; whether one has ended."""
        for thread in threads:
            while thread.is_alive() and thread.ident not in self._hanging:
                thread.join(0.0005)
        return not all(thread.is_alive() for thread in threads)


def _threads_beside() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]


@dataclass(eq=False)
class Device:
    """A microphone, with or without faults."""

    name: str
    channels: int = 1
    rates: tuple[int, ...] = (16_000, 44_100)
    default_rate: int = 44_100
    signal: Signal = numbered
    is_there: bool = True
    n_plugged: int = 0  # PortAudio knows a device as it was plugged in when it was started
    mute_until_s: float = 0.0
    garbage_until_s: float = 0.0
    garbage: float = math.nan
    streams: "list[Stream]" = field(default_factory=list)  # those that run

    def unplug(self) -> None:
        self.is_there = False
        for stream in [*self.streams]:
            stream.end()

    def plug(self, name: str | None = None) -> None:
        self.is_there = True
        self.n_plugged += 1
        self.name = name or self.name

    def overflow(self, seconds: float) -> None:
        """It loses so much, and says so."""
        for stream in self.streams:
            stream.next += round(seconds * TICKS_PER_S)
            stream.has_overflowed = True

    def stall(self, seconds: float) -> None:
        """Nothing comes for so long; then all at once what was kept."""
        for stream in self.streams:
            stream.stalled_until = stream.world.tick + round(seconds * TICKS_PER_S)

    def move(self) -> None:
        """What a sound server does with the streams of a device that is gone: zeros for ever."""
        for stream in self.streams:
            stream.is_moved = True

    def sound(self, ticks: AnyArray, now: float) -> FloatArray:
        """(n_frames, n_channels), as the device gives it."""
        frames = np.asarray(self.signal(ticks), dtype=np.float32)
        if frames.ndim == 1:
            frames = np.repeat(frames[:, None], self.channels, axis=1)
        if now < self.garbage_until_s:
            frames = np.full_like(frames, self.garbage)
        return np.zeros_like(frames) if now < self.mute_until_s else frames


class Stream:
    """`sounddevice.InputStream`."""

    def __init__(self, sounddevice: "FakeSounddevice", **parameters: Any) -> None:
        sounddevice.fail_as_told()
        self.world = sounddevice.world
        self.device, n_plugged = sounddevice.known[parameters["device"]]
        self.samplerate: int = parameters["samplerate"]
        self.blocksize: int = parameters["blocksize"]
        self.channels: int = parameters["channels"]
        self.next = 0  # when the first sample is heard that has not been given yet
        self.stalled_until = 0
        self.is_moved = self.has_overflowed = self.is_closed = False
        self._callback: Callable[..., None] = parameters["callback"]
        self._finished: Callable[[], None] = parameters["finished_callback"]
        opening = "Error opening InputStream"
        os.write(2, b"ALSA lib pcm.c:8568:(snd_pcm_recover) noise of the kind that is usual\n")
        if not self.device.is_there or n_plugged != self.device.n_plugged:
            system = (0, -19, "No such device")
            raise PortAudioError(f"{opening}: Unanticipated host error", HOST_ERROR, system)
        if self.samplerate not in self.device.rates:
            raise PortAudioError(f"{opening}: Invalid sample rate", INVALID_RATE)
        if not 0 < self.channels <= self.device.channels:
            raise PortAudioError(f"{opening}: Invalid number of channels", INVALID_CHANNELS)
        sounddevice.streams.append(self)

    def start(self) -> None:
        if self.device.streams:
            raise PortAudioError("Error starting stream: Device unavailable", UNAVAILABLE)
        self.next = self.world.tick
        self.device.streams.append(self)
        self._wait()

    def close(self) -> None:
        self.is_closed = True
        self.end()

    def end(self) -> None:
        if self in self.device.streams:
            self.device.streams.remove(self)
            self._finished()

    def _wait(self) -> None:
        ticks = self.blocksize * TICKS_PER_S // self.samplerate
        self.world.at(max(self.next + ticks, self.stalled_until), self._give)

    def _give(self) -> None:
        if self not in self.device.streams:
            return
        per_frame = TICKS_PER_S / self.samplerate
        ticks = self.next + np.arange(self.blocksize) * per_frame
        end = self.next + round(self.blocksize * per_frame)
        if self.world.tick >= max(end, self.stalled_until):  # else it was lost or stalled since
            frames = self.device.sound(ticks, self.world.now())[:, : self.channels]
            buffer = np.zeros_like(frames) if self.is_moved else frames.copy()
            times = SimpleNamespace(
                inputBufferAdcTime=ADC_OFFSET_S + self.next / TICKS_PER_S,
                currentTime=ADC_OFFSET_S + self.world.now(),
            )
            status = SimpleNamespace(input_overflow=self.has_overflowed)
            self.has_overflowed = False
            self.next = end
            self._callback(buffer, self.blocksize, times, status)
            buffer[:] = np.nan  # PortAudio uses it again
        self._wait()


class FakeSounddevice(ModuleType):
    """The module: `devices` are those of the machine, `known` those that PortAudio has seen."""

    PortAudioError = PortAudioError

    def __init__(self, world: World, *devices: Device) -> None:
        super().__init__("sounddevice")
        self.world = world
        self.devices = [*devices]
        self.known: list[tuple[Device, int]] = []
        self.streams: list[Stream] = []  # all that were ever opened
        self.refusal: Exception = OSError()  # of whoever opens a device
        self.refuses_until_s = 0.0
        self.hang_s = 0.0  # that the next one takes
        self.broken_until_s = 0.0  # PortAudio cannot be started
        self.n_cut_off = 0  # streams that ran when PortAudio was ended
        self._initialized = 0
        self._initialize()

    @property
    def default(self) -> SimpleNamespace:
        return SimpleNamespace(device=[next((i["index"] for i in self._inputs()), -1), 0])

    def InputStream(self, **parameters: Any) -> Stream:  # noqa: N802
        return Stream(self, **parameters)

    def fail_as_told(self) -> None:
        if self.hang_s:
            hang_s, self.hang_s = self.hang_s, 0.0
            self.world.hang(hang_s)
        if self.world.now() < self.refuses_until_s:
            raise self.refusal

    def query_hostapis(self, _index: int) -> dict[str, Any]:
        return {"name": HOST_API}

    def query_devices(self, device: int | str | None = None, kind: str | None = None) -> Any:
        if not self._initialized:
            raise PortAudioError("Error querying devices: PortAudio not initialized", NOT_STARTED)
        infos = self._infos()
        if device is None and kind is None:
            return infos
        if device is None:
            device = int(self.default.device[0])
        if isinstance(device, str):
            return self._matching(device)
        if not 0 <= device < len(infos):
            raise PortAudioError(f"Error querying device {device}")
        if infos[device]["max_input_channels"] < 1:
            raise ValueError(f"Not an input device: {infos[device]['name']!r}")
        return infos[device]

    def _infos(self) -> list[dict[str, Any]]:
        return [
            {
                "index": index,
                "name": device.name,
                "hostapi": 0,
                "max_input_channels": device.channels,
                "default_samplerate": float(device.default_rate),
            }
            for index, (device, _) in enumerate(self.known)
        ]

    def _inputs(self) -> list[dict[str, Any]]:
        return [info for info in self._infos() if info["max_input_channels"]]

    def _matching(self, name: str) -> dict[str, Any]:
        def matches(info: dict[str, Any]) -> bool:
            parts = f"{info['name']}, {HOST_API}".lower()
            for word in name.lower().split():
                _, found, parts = parts.partition(word)
                if not found:
                    return False
            return True

        found = [info for info in self._inputs() if matches(info)]
        if not found:
            raise ValueError(f"No input device matching {name!r}")
        if len(found) > 1:
            listed = "\n".join(f"[{info['index']}] {info['name']}" for info in found)
            raise ValueError(f"Multiple input devices found for {name!r}:\n{listed}")
        return found[0]

    def _initialize(self) -> None:
        if self.world.now() < self.broken_until_s:
            raise PortAudioError(
                "Error initializing PortAudio: Unanticipated host error", HOST_ERROR
            )
        self._initialized += 1
        self.known = [(device, device.n_plugged) for device in self.devices if device.is_there]

    def _terminate(self) -> None:
        if not self._initialized:
            raise PortAudioError(
                "Error terminating PortAudio: PortAudio not initialized", NOT_STARTED
            )
        self._initialized -= 1
        for stream in self.streams:
            if stream in stream.device.streams:
                self.n_cut_off += 1
                stream.end()
