"""Which device is opened, how, and what is said where that is not possible."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from earlet.audio import portaudio
from earlet.audio.microphone import Microphone
from earlet.audio.portaudio import devices
from earlet.errors import MicrophoneError
from tests.audio.portaudio import Device, FakeSounddevice, PortAudioError, Stream

Opened = Callable[..., Microphone]


@pytest.mark.parametrize(
    ("device", "opened"), [("1", "USB Audio"), (2, "USB Camera"), ("camera", "USB Camera")]
)
def test_a_device_is_an_index_or_a_part_of_a_name(
    microphone: Opened, sounddevice: FakeSounddevice, device: int | str, opened: str
) -> None:
    microphone(device)
    assert sounddevice.streams[0].device.name.startswith(opened)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("banjo", "No input device matching 'banjo'"),
        ("usb", "Multiple input devices found for 'usb': [1] USB Audio (hw:1,0), [2] USB Camera"),
        ("-1", "No input device matching '-1'"),
        ("²", "No input device matching '²'"),
        (9, "Error querying device 9"),
        (0, "Not an input device: 'HDMI'"),
    ],
)
def test_another_device_is_refused_with_those_that_are_there(
    microphone: Opened, device: int | str, expected: str
) -> None:
    with pytest.raises(MicrophoneError) as caught:
        microphone(device)
    message = str(caught.value)
    assert message.startswith(f"microphone {device!r}: {expected}")
    assert message.endswith("; there are: 1 USB Audio (hw:1,0), 2 USB Camera (hw:2,0)")


def test_no_microphone_at_all_is_said_so(microphone: Opened, sounddevice: FakeSounddevice) -> None:
    sounddevice.known = sounddevice.known[:1]
    with pytest.raises(MicrophoneError, match="no microphone found; is one plugged in"):
        microphone()
    assert devices() == []


def test_a_user_who_may_not_record_is_told_the_group(
    microphone: Opened,
    sounddevice: FakeSounddevice,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    sounddevice.known = []
    (tmp_path / "pcmC0D0p").touch()  # plays
    (tmp_path / "pcmC1D0c").touch()
    monkeypatch.setattr(portaudio, "ALSA_DEVICES", tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)  # root may all
    expected = "pcmC1D0c may not be read: add the user to the group audio"
    with pytest.raises(MicrophoneError, match=expected):
        microphone()


def test_a_channel_that_is_not_there_is_refused(microphone: Opened) -> None:
    with pytest.raises(MicrophoneError, match="has 1 channels, counted from 0; got channel 1"):
        microphone(channel=1)


def test_a_device_that_refuses_every_rate_is_an_error(microphone: Opened, usb: Device) -> None:
    usb.rates = ()
    with pytest.raises(MicrophoneError, match=r"cannot be opened: .*Invalid sample rate"):
        microphone()


def test_a_device_that_does_not_start_is_let_go(
    microphone: Opened, sounddevice: FakeSounddevice
) -> None:
    microphone("USB Audio")
    expected = r"'USB Audio \(hw:1,0\)' cannot be opened: .*Device unavailable; does another"
    with pytest.raises(MicrophoneError, match=expected):
        microphone("USB Audio")
    assert [stream.is_closed for stream in sounddevice.streams] == [False, True, True]


def test_whatever_goes_wrong_at_its_start_it_is_let_go(
    microphone: Opened, sounddevice: FakeSounddevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: Stream) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Stream, "start", start)
    with pytest.raises(RuntimeError):
        microphone()
    assert [stream.is_closed for stream in sounddevice.streams] == [True]


def test_the_words_of_the_system_below_are_passed_on(
    microphone: Opened, sounddevice: FakeSounddevice
) -> None:
    sounddevice.refuses_until_s = 1
    sounddevice.refusal = PortAudioError("Host error", -9999, (0, -13, "Permission denied"))
    with pytest.raises(
        MicrophoneError, match=r"cannot be opened: Host error \(Permission denied\)"
    ):
        microphone()


def test_what_is_printed_while_it_is_opened_goes_nowhere(
    microphone: Opened, capfd: pytest.CaptureFixture[str]
) -> None:
    microphone()
    os.write(2, b"what comes after it does not")
    assert capfd.readouterr().err == "what comes after it does not"


def test_the_list_of_devices_has_those_with_inputs(
    sounddevice: FakeSounddevice,  # noqa: ARG001
) -> None:
    assert devices() == [
        "*   1  USB Audio (hw:1,0)  (1 in, 44100 Hz)",
        "    2  USB Camera (hw:2,0)  (1 in, 44100 Hz)",
    ]


@pytest.mark.usefixtures("no_portaudio")
def test_without_portaudio_it_says_what_to_install() -> None:
    with pytest.raises(MicrophoneError, match="apt install libportaudio2"), Microphone():
        pass
    with pytest.raises(MicrophoneError, match="apt install libportaudio2"):
        devices()


def test_a_portaudio_that_cannot_be_started_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise PortAudioError(
                    "Error initializing PortAudio: Unanticipated host error", -9999
                )

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(
        MicrophoneError,
        match=r"PortAudio cannot be started: Error .*; is there a mistake in ALSA's ~/\.asoundrc",
    ):
        devices()
