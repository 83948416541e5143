"""The microphone, through PortAudio.

    PortAudio's callback -> ring, as it comes -> mono -> LiveSource: resampled, chunks (n_samples,)

The callback only copies. The ring holds BUFFER_S for a reader that is slow; then the oldest sound
is dropped and counted, so that memory never grows.
"""

import math
import threading
from typing import Any

import numpy as np

from earlet.arrays import MAX_AMPLITUDE, AnyArray, FloatArray, mono
from earlet.audio import portaudio
from earlet.audio.live import SAMPLE_RATE, STALL_S, BrokenError, LiveSource, Sound
from earlet.audio.portaudio import Device
from earlet.audio.ring import Loss, Ring
from earlet.audio.waiting import Clock
from earlet.errors import MicrophoneError

BLOCK_S = 0.1  # seconds a callback: at 0.04, calling Python alone took 0.6 % of a core
# Seconds of sound that may wait for the reader: who takes half of an utterance's 30 s to write it
# down, and at worst does it twice, reads nothing for so long. 6 MB for each channel at 48 kHz.
BUFFER_S = 30.0
CHUNK_S = 1.0  # at most so much is read at once
MAX_CHANNELS = 8  # with more it is a virtual device, which mixes by itself
# After 16 kHz and the device's own default, in this order. Hz.
COMMON_RATES = (48_000, 44_100, 32_000, 96_000, 22_050, 11_025, 8_000, 192_000)
INVALID_RATE = -9997  # paInvalidSampleRate
# No room is silent to the last bit: a sound server gives zeros for a device that is gone. So does
# one that is muted; as opening it again is no help, it is waited for longer each time.
SILENCE_S, MAX_SILENCE_S = 10.0, 60.0


class Microphone(LiveSource):
    """Iterate it for mono float32 chunks at `sample_rate`; when it is lost, it is opened again.

    Use it as a context manager: the device is open between enter and exit. To find a lost device
    PortAudio is started anew, which ends all other streams of sounddevice in this process; while
    another Microphone is open, that is left out.
    """

    def __init__(
        self,
        device: int | str | None = None,
        sample_rate: int = SAMPLE_RATE,
        channel: int | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        """`device` is an index, a name or a part of one; None takes the system's default.

        `channel` counts from 0; None mixes all.
        """
        super().__init__(sample_rate, clock)
        self._device = int(device) if isinstance(device, str) and device.isdecimal() else device
        self._channel = channel
        self._found: Device | None = None
        self._stream: _Stream | None = None  # the latest
        self._silence_s = SILENCE_S

    def _open(self) -> "_Stream":
        if not self._is_open:
            self._found, self._silence_s = None, SILENCE_S
        elif self._stream is not None and self._stream.is_silent:
            self._silence_s = min(2 * self._silence_s, MAX_SILENCE_S)
        with portaudio.held(anew=self._is_open) as sounddevice:
            self._found = self._find(sounddevice)
            self._stream = self._open_at_some_rate(sounddevice, self._found)
            portaudio.count_stream(+1)
        return self._stream

    def _find(self, sounddevice: Any) -> Device:
        """The device asked for; later on the one that was found for it, for the indices change."""
        if self._found is None or self._device is None:
            return portaudio.find(sounddevice, self._device)
        return portaudio.find_again(sounddevice, self._found)

    def _open_at_some_rate(self, sounddevice: Any, device: Device) -> "_Stream":
        n_channels = self._n_channels(device)
        default = round(device["default_samplerate"])
        for rate in dict.fromkeys((self.sample_rate, default, *COMMON_RATES)):
            stream = _Stream(rate, self._channel, self._silence_s, self._condition, self._clock)
            try:
                stream.start(sounddevice, device["index"], n_channels)
            except sounddevice.PortAudioError as problem:
                failure = problem
                # Some say it in other words when it was only the rate.
                if portaudio.code(problem) != INVALID_RATE and rate != self.sample_rate:
                    break
            else:
                return stream
        hint = portaudio.advice("does another program hold it?")
        raise MicrophoneError(
            f"microphone {device['name']!r} cannot be opened: {portaudio.reason(failure)}; {hint}"
        )

    def _n_channels(self, device: Device) -> int:
        n_there = int(device["max_input_channels"])
        if self._channel is None:
            return n_there if n_there <= MAX_CHANNELS else 1
        if self._channel >= n_there:
            raise MicrophoneError(
                f"microphone {device['name']!r}: has {n_there} channels, counted from 0; "
                f"got channel {self._channel}"
            )
        return n_there if n_there <= MAX_CHANNELS else self._channel + 1

    def _on_hang(self) -> None:
        portaudio.speak()

    def _is_sound(self, samples: FloatArray) -> bool:
        return bool(samples.any())


class _Stream:
    """One opening of the device."""

    def __init__(
        self,
        rate: int,
        channel: int | None,
        silence_s: float,
        condition: threading.Condition,
        clock: Clock,
    ) -> None:
        self.rate = rate
        self.is_silent = False  # broken because it gave no sound for `silence_s`
        self._channel = channel
        self._silence_s = silence_s
        self._condition = condition
        self._clock = clock
        self._last_at = math.inf  # when the callback was last called
        self._heard_until = 0.0  # where on the clock its sound ended
        self._is_stalled = self._is_finished = False
        self._n_silent = 0  # frames without sound, in a row

    def start(self, sounddevice: Any, index: int, n_channels: int) -> None:
        """Open the device. Raises PortAudioError."""
        n_kept = n_channels if self._channel is None else 1
        self._ring = Ring(int(self.rate * BUFFER_S), n_kept)
        self._stream = sounddevice.InputStream(
            device=index,
            samplerate=self.rate,
            channels=n_channels,
            blocksize=int(self.rate * BLOCK_S),
            dtype="float32",
            callback=self._callback,
            finished_callback=self._finished,
        )
        self._heard_until = self._clock.now()
        try:
            self._stream.start()
        except BaseException:
            self._stream.close()  # or the device stays taken
            raise
        self._last_at = self._clock.now()

    def read(self, wait_s: float) -> Sound | Loss | None:
        """As `Line` has it: at most CHUNK_S of sound."""
        with self._condition:
            if self._ring.is_empty and not self._is_finished:
                self._clock.wait(self._condition, wait_s)
            # What was heard before this process or the device stood still is history by now.
            if self._is_stalled or self._clock.now() - self._last_at > STALL_S:
                raise BrokenError(f"the microphone gave nothing for {STALL_S:g} s")
            if self._ring.is_empty:
                if self._is_finished:
                    raise BrokenError("the microphone stopped; was it unplugged?")
                return None
            began_at = self._heard_until - self._ring.behind / self.rate
            item = self._ring.read(int(self.rate * CHUNK_S))
        return item if isinstance(item, Loss) else self._mixed(item, began_at)

    def close(self) -> None:
        """As `Line` has it."""
        with portaudio.held():
            portaudio.count_stream(-1)
            self._stream.close()

    @property
    def backlog_s(self) -> float:
        """As `Line` has it."""
        return len(self._ring) / self.rate

    def _mixed(self, frames: FloatArray, began_at: float) -> Sound | Loss:
        with np.errstate(over="ignore", invalid="ignore"):
            mixed = mono(frames)
        loudest = np.abs(mixed).max()
        if 0 < loudest <= MAX_AMPLITUDE:  # false for nan, too
            self._n_silent = 0
            return Sound(mixed, began_at)
        self._n_silent += len(mixed)
        what = "zeros" if loudest == 0 else "samples that are no sound"
        if self._n_silent >= self._silence_s * self.rate:
            self.is_silent = True
            raise BrokenError(f"the microphone gives nothing but {what}")
        return Sound(mixed, began_at) if loudest == 0 else Loss(len(mixed), f"{what} came")

    def _callback(self, block: AnyArray, n_frames: int, times: Any, status: Any) -> None:
        now = self._clock.now()
        duration_s = n_frames / self.rate
        # PortAudio's clock may be the time of day, which jumps: only what lies between is told.
        age_s = min(max(duration_s, times.currentTime - times.inputBufferAdcTime), STALL_S)
        with self._condition:
            self._is_stalled |= now - self._last_at > STALL_S
            if status.input_overflow:
                n_missed = round((now - age_s - self._heard_until) * self.rate)
                self._ring.lose(Loss(max(0, n_missed), "the device overflowed", 1))
            self._ring.write(block if self._channel is None else block[:, [self._channel]])
            self._heard_until = now - age_s + duration_s
            self._last_at = now
            self._condition.notify_all()

    def _finished(self) -> None:
        with self._condition:
            self._is_finished = True
            self._condition.notify_all()
