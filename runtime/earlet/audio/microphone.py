"""The microphone, through PortAudio: the only module that imports sounddevice.

    PortAudio's callback -> mono -> bounded queue -> resampled -> chunks (n_samples,)

The callback only mixes. `backlog_s` tells a reader that it falls behind; when it does by more than
BUFFER_S, the oldest sound is dropped and counted, so that memory never grows.
"""

import math
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from earlet.arrays import AnyArray, FloatArray
from earlet.audio.resample import Resampler
from earlet.errors import MicrophoneError

SAMPLE_RATE = 16_000  # Hz: what every bundle so far listens at
BLOCK_S = 0.04  # seconds a callback
# Seconds of sound that may wait for the reader: who takes half of an utterance's 30 s to write it
# down, and at worst does it twice, reads nothing for so long. 6 MB at 48 kHz.
BUFFER_S = 30.0
MAX_CHANNELS = 8  # all are mixed, for any may be the live one; virtual devices claim 32 or 128
TIMEOUT_S = 5.0  # without a callback for so long, the device is gone


class Microphone:
    """Iterate it for mono float32 chunks at `sample_rate`, for as long as the device lives.

    Use it as a context manager: the device is open between enter and exit.
    """

    def __init__(self, device: int | str | None = None, sample_rate: int = SAMPLE_RATE) -> None:
        """`device` is an index, a name or a part of one; None takes the system's default."""
        self.sample_rate = sample_rate
        self.dropped_s = 0.0  # seconds of sound, lost because the reader was slow
        self.overflows = 0  # times that PortAudio itself reported loss
        self._device = int(device) if isinstance(device, str) and device.isdecimal() else device
        self._blocks: queue.Queue[FloatArray] = queue.Queue()
        self._stream: Any = None
        self._finished = threading.Event()

    def __enter__(self) -> "Microphone":
        """Open the device.

        Raises:
            MicrophoneError: no PortAudio, no such device, or one that cannot be opened.
        """
        self._blocks = queue.Queue(maxsize=math.ceil(BUFFER_S / BLOCK_S))
        self._finished.clear()
        sounddevice = _sounddevice()
        name = "the default microphone" if self._device is None else f"microphone {self._device!r}"
        try:
            info = sounddevice.query_devices(self._device, "input")
        except (ValueError, TypeError, sounddevice.PortAudioError) as problem:
            if not devices():
                raise MicrophoneError("no microphone found; is one plugged in?") from None
            raise MicrophoneError(
                f"{name}: {_line(problem)}; `earlet devices` lists those there are"
            ) from None
        # The second time at the device's own rate, if it was only the rate that was refused.
        for rate in (self.sample_rate, round(info["default_samplerate"])):
            try:
                self._stream = self._open(sounddevice, rate, info["max_input_channels"])
                return self
            except sounddevice.PortAudioError as problem:
                reason = _line(problem)
        raise MicrophoneError(f"{name} cannot be opened: {reason}; does another program hold it?")

    def __exit__(self, *exception: object) -> None:
        self._stream.close()
        self._stream = None

    def __iter__(self) -> Iterator[FloatArray]:
        """Chunks of about BLOCK_S seconds.

        Raises:
            MicrophoneError: when the device is gone.
        """
        if self._stream is None:
            raise MicrophoneError("the microphone is not open: use `with earlet.Microphone() as m`")
        resampler = Resampler(round(self._stream.samplerate), self.sample_rate)
        while True:
            try:
                block = self._blocks.get(timeout=TIMEOUT_S)
            except queue.Empty:
                reason = "stopped" if self._finished.is_set() else "is silent"
                raise MicrophoneError(
                    f"the microphone {reason}: nothing came for {TIMEOUT_S:g} s; was it unplugged?"
                ) from None
            chunk = resampler.push(block)
            if len(chunk):
                yield chunk

    @property
    def backlog_s(self) -> float:
        """Seconds of sound that wait to be read."""
        return self._blocks.qsize() * BLOCK_S

    def _open(self, sounddevice: Any, rate: int, n_channels: int) -> Any:
        stream = sounddevice.InputStream(
            device=self._device,
            samplerate=rate,
            channels=min(n_channels, MAX_CHANNELS),
            blocksize=int(rate * BLOCK_S),
            dtype="float32",
            callback=self._callback,
            finished_callback=self._finished.set,
        )
        try:
            stream.start()
        except sounddevice.PortAudioError:
            stream.close()  # or the device stays taken
            raise
        return stream

    def _callback(self, block: AnyArray, _frames: int, _time: object, status: Any) -> None:
        if status.input_overflow:
            self.overflows += 1
        mono = block.mean(axis=1, dtype=np.float32)  # new memory: PortAudio uses its own again
        while True:
            try:
                self._blocks.put_nowait(mono)
                return
            except queue.Full:
                with suppress(queue.Empty):  # the reader was faster
                    self._blocks.get_nowait()
                    self.dropped_s += BLOCK_S


def devices() -> list[str]:
    """One line for each input device: index, name, channels and default rate.

    Raises:
        MicrophoneError: no PortAudio.
    """
    sounddevice = _sounddevice()
    default = sounddevice.default.device[0]
    return [
        f"{'*' if info['index'] == default else ' '} {info['index']:3d}  {info['name']}  "
        f"({info['max_input_channels']} in, {info['default_samplerate']:.0f} Hz)"
        for info in sounddevice.query_devices()
        if info["max_input_channels"] > 0
    ]


def _line(problem: Exception) -> str:
    """PortAudio's reason; where several devices match it is a list, a line each."""
    return ", ".join(str(problem.args[0]).replace(":\n", ": ").splitlines())


def _sounddevice() -> Any:
    # Imported late: PortAudio brings its codecs along, 23 MB that a file needs none of.
    try:
        import sounddevice
    except OSError:
        raise MicrophoneError(
            "PortAudio is not installed; on Debian and Raspberry Pi OS: apt install libportaudio2"
        ) from None
    return sounddevice
