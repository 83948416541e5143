"""The microphone, with a stand-in for sounddevice: same names, same behaviour, no PortAudio."""

import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from earlet.arrays import AnyArray
from earlet.audio import microphone
from earlet.audio.microphone import BLOCK_S, BUFFER_S, Microphone, devices
from earlet.errors import MicrophoneError

RATE = 16_000
BLOCK = int(RATE * BLOCK_S)


class PortAudioError(Exception):
    pass


class FakeStream:
    """What `sounddevice.InputStream` is to the microphone; `play` is the device's side of it."""

    def __init__(self, module: "FakeSounddevice", **parameters: Any) -> None:
        self.samplerate = float(parameters["samplerate"])
        self.blocksize: int = parameters["blocksize"]
        self.device = parameters["device"]
        self.channels: int = parameters["channels"]
        self.closed = False
        self._callback: Callable[..., None] = parameters["callback"]
        self._finished: Callable[[], None] = parameters["finished_callback"]
        self._module = module
        if self.samplerate not in module.rates:
            raise PortAudioError("Error opening InputStream: Invalid sample rate", -9997)

    def start(self) -> None:
        if self._module.busy:
            raise PortAudioError("Error starting stream: Device unavailable", -9985)

    def close(self) -> None:
        self.closed = True

    def play(self, block: AnyArray, overflow: bool = False) -> None:
        # PortAudio uses its buffer again after each call.
        buffer = block.copy()
        self._callback(buffer, len(buffer), None, SimpleNamespace(input_overflow=overflow))
        buffer[:] = np.nan

    def finish(self) -> None:
        self._finished()


class FakeSounddevice(ModuleType):
    PortAudioError = PortAudioError

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.names = ["HDMI", "USB Audio", "USB Camera"]
        self.channels = [0, 2, 1]
        self.rates = {16_000.0, 44_100.0}
        self.busy = False
        self.default = SimpleNamespace(device=[1, 0])
        self.streams: list[FakeStream] = []

    def InputStream(self, **parameters: Any) -> FakeStream:  # noqa: N802
        stream = FakeStream(self, **parameters)
        self.streams.append(stream)
        return stream

    def query_devices(self, device: int | str | None = None, kind: str | None = None) -> Any:
        infos = [
            {
                "index": index,
                "name": name,
                "max_input_channels": n_channels,
                "default_samplerate": 44_100.0,
            }
            for index, (name, n_channels) in enumerate(zip(self.names, self.channels, strict=True))
        ]
        if device is None and kind is None:
            return infos
        if device is None:
            device = self.default.device[0]
        if isinstance(device, str):
            matches = [i for i in infos if device.lower() in str(i["name"]).lower()]
            if not matches:
                raise ValueError(f"No input device matching {device!r}")
            if len(matches) > 1:
                listed = "\n".join(f"[{i['index']}] {i['name']}" for i in matches)
                raise ValueError(f"Multiple input devices found for {device!r}:\n{listed}")
            return matches[0]
        if not 0 <= device < len(infos):
            raise PortAudioError(f"Error querying device {device}")
        if self.channels[device] < 1:
            raise ValueError(f"Not an input device: {self.names[device]!r}")
        return infos[device]


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    fake = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setattr(microphone, "TIMEOUT_S", 0.01)
    return fake


def ramp(start: int, n_channels: int = 1) -> AnyArray:
    """A block whose samples are their own numbers."""
    samples = np.arange(start, start + BLOCK, dtype=np.float32)
    return np.repeat(samples[:, None], n_channels, axis=1)


def test_blocks_come_as_chunks_in_their_order(sounddevice: FakeSounddevice) -> None:
    with Microphone() as mic:
        (stream,) = sounddevice.streams
        for start in (0, BLOCK):
            stream.play(ramp(start))
        chunks = iter(mic)
        assert next(chunks).tolist() == list(range(BLOCK))
        assert next(chunks).tolist() == list(range(BLOCK, 2 * BLOCK))
    assert stream.closed
    assert stream.device is None
    assert (stream.samplerate, stream.blocksize) == (RATE, BLOCK)


@pytest.mark.parametrize("n_channels", [2, 7])
def test_channels_are_averaged(sounddevice: FakeSounddevice, n_channels: int) -> None:
    block = np.random.default_rng(0).uniform(-1, 1, (BLOCK, n_channels)).astype(np.float32)
    with Microphone() as mic:
        sounddevice.streams[0].play(block)
        chunk = next(iter(mic))
    np.testing.assert_allclose(chunk, block.astype(np.float64).mean(axis=1), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("there", "opened"), [(1, 1), (2, 2), (7, 7), (128, 8)])
def test_all_channels_are_opened_but_not_those_that_a_virtual_device_claims(
    sounddevice: FakeSounddevice, there: int, opened: int
) -> None:
    sounddevice.channels[1] = there
    with Microphone():
        assert sounddevice.streams[0].channels == opened


def test_where_16_khz_is_refused_the_devices_own_rate_is_resampled(
    sounddevice: FakeSounddevice,
) -> None:
    sounddevice.rates = {44_100.0}
    time_s = np.arange(44_100) / 44_100
    tone = (0.5 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)[:, None]
    with Microphone() as mic:
        (stream,) = sounddevice.streams
        assert stream.samplerate == 44_100
        for start in range(0, 44_100, stream.blocksize):
            stream.play(tone[start : start + stream.blocksize])
        heard = np.concatenate(list(until_it_stops(mic)))
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    assert RATE * 0.97 < len(heard) <= RATE  # the resampler still holds a few milliseconds
    inside = slice(400, len(heard) - 400)
    np.testing.assert_allclose(heard[inside], expected[inside], rtol=0, atol=2e-4)


def until_it_stops(mic: Microphone) -> Iterator[AnyArray]:
    try:
        yield from mic
    except MicrophoneError:
        return


def test_a_slow_reader_loses_the_oldest_and_it_is_counted(sounddevice: FakeSounddevice) -> None:
    n_kept = round(BUFFER_S / BLOCK_S)
    with Microphone() as mic:
        for k in range(n_kept + 3):
            sounddevice.streams[0].play(ramp(k * BLOCK))
        assert mic.dropped_s == pytest.approx(3 * BLOCK_S)
        heard = np.concatenate(list(until_it_stops(mic)))
    assert heard[0] == 3 * BLOCK
    assert len(heard) == n_kept * BLOCK


def test_how_far_the_reader_is_behind_is_told(sounddevice: FakeSounddevice) -> None:
    with Microphone() as mic:
        assert mic.backlog_s == 0
        for k in range(25):  # a second
            sounddevice.streams[0].play(ramp(k * BLOCK))
        assert mic.backlog_s == pytest.approx(1.0)
        chunks = iter(mic)
        for _ in range(10):
            next(chunks)
        assert mic.backlog_s == pytest.approx(0.6)


def test_overflows_that_portaudio_reports_are_counted(sounddevice: FakeSounddevice) -> None:
    with Microphone() as mic:
        for overflow in (True, False, True):
            sounddevice.streams[0].play(ramp(0), overflow)
        assert mic.overflows == 2


def test_a_device_that_stops_is_an_error_within_the_timeout(sounddevice: FakeSounddevice) -> None:
    with Microphone() as mic:
        sounddevice.streams[0].play(ramp(0))
        sounddevice.streams[0].finish()
        chunks = iter(mic)
        next(chunks)
        with pytest.raises(
            MicrophoneError, match=r"the microphone stopped: nothing came for 0.01 s"
        ):
            next(chunks)


@pytest.mark.usefixtures("sounddevice")
def test_a_device_that_never_sends_is_an_error() -> None:
    with Microphone() as mic, pytest.raises(MicrophoneError, match="is silent: nothing came"):
        next(iter(mic))


def test_opened_again_it_hears_nothing_of_the_time_before(sounddevice: FakeSounddevice) -> None:
    mic = Microphone()
    with mic:
        sounddevice.streams[0].play(ramp(0))
        sounddevice.streams[0].finish()
    with mic, pytest.raises(MicrophoneError, match="is silent: nothing came"):
        next(iter(mic))


@pytest.mark.usefixtures("sounddevice")
def test_outside_of_with_it_says_how_to_open_it() -> None:
    mic = Microphone()
    with pytest.raises(MicrophoneError, match=r"use `with earlet.Microphone\(\) as m`"):
        next(iter(mic))
    with mic:
        pass
    with pytest.raises(MicrophoneError, match="is not open"):
        next(iter(mic))


@pytest.mark.parametrize(("device", "opened"), [("1", 1), (2, 2), ("camera", "camera")])
def test_a_device_is_an_index_or_a_part_of_a_name(
    sounddevice: FakeSounddevice, device: int | str, opened: int | str
) -> None:
    with Microphone(device):
        assert sounddevice.streams[0].device == opened


@pytest.mark.usefixtures("sounddevice")
@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("banjo", "No input device matching 'banjo'"),
        ("usb", "Multiple input devices found for 'usb': [1] USB Audio, [2] USB Camera"),
        ("-1", "No input device matching '-1'"),
        ("²", "No input device matching '²'"),
        (9, "Error querying device 9"),
        (0, "Not an input device: 'HDMI'"),
    ],
)
def test_another_device_is_refused_with_where_to_look(device: int | str, expected: str) -> None:
    with pytest.raises(MicrophoneError) as caught, Microphone(device):
        pass
    assert str(caught.value) == (
        f"microphone {device!r}: {expected}; `earlet devices` lists those there are"
    )


def test_no_microphone_at_all_is_said_so(sounddevice: FakeSounddevice) -> None:
    sounddevice.names, sounddevice.channels = ["HDMI"], [0]
    sounddevice.default.device = [-1, 0]
    with pytest.raises(MicrophoneError, match="no microphone found"), Microphone():
        pass
    assert devices() == []


def test_a_device_that_refuses_every_rate_is_an_error(sounddevice: FakeSounddevice) -> None:
    sounddevice.rates = set()
    with pytest.raises(MicrophoneError, match=r"cannot be opened: .*Invalid sample rate"):
        Microphone("camera").__enter__()


def test_a_device_that_does_not_start_is_let_go(sounddevice: FakeSounddevice) -> None:
    sounddevice.busy = True
    with pytest.raises(
        MicrophoneError, match=r"the default microphone cannot be opened: .*Device unavailable"
    ):
        Microphone().__enter__()
    assert all(stream.closed for stream in sounddevice.streams)


@pytest.mark.usefixtures("sounddevice")
def test_the_list_of_devices_has_those_with_inputs() -> None:
    assert devices() == [
        "*   1  USB Audio  (2 in, 44100 Hz)",
        "    2  USB Camera  (1 in, 44100 Hz)",
    ]


@pytest.mark.usefixtures("no_portaudio")
def test_without_portaudio_it_says_what_to_install() -> None:
    with pytest.raises(MicrophoneError, match="apt install libportaudio2"), Microphone():
        pass
    with pytest.raises(MicrophoneError, match="apt install libportaudio2"):
        devices()
