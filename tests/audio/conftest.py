"""A microphone on a PortAudio in which time and faults are the test's own."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from earlet.audio import portaudio
from earlet.audio.microphone import Microphone
from tests.audio.portaudio import Device, FakeSounddevice, World


@pytest.fixture
def world() -> World:
    """Time that passes only while somebody waits."""
    return World()


@pytest.fixture
def usb() -> Device:
    """The default microphone."""
    return Device("USB Audio (hw:1,0)")


@pytest.fixture
def sounddevice(world: World, usb: Device, monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    """In the place of the library: three devices, the second and the third with inputs."""
    fake = FakeSounddevice(world, Device("HDMI", 0), usb, Device("USB Camera (hw:2,0)"))
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setattr(portaudio, "ALSA_DEVICES", Path("no such folder"))
    return fake


@pytest.fixture
def microphone(world: World, sounddevice: FakeSounddevice) -> Iterator[Callable[..., Microphone]]:  # noqa: ARG001
    """`microphone(device, ...)`: an open one, closed at the end."""
    opened: list[Microphone] = []

    def open_one(*arguments: object, **keywords: object) -> Microphone:
        mic = Microphone(*arguments, clock=world, **keywords)  # type: ignore[arg-type]
        mic.__enter__()
        opened.append(mic)
        return mic

    yield open_one
    for mic in opened:
        mic.__exit__()
