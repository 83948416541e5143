"""What `earlet` says where there is no microphone to be had: one line that says what to do."""

import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest

from tests.rig.virtual_microphone import WAIT_S, VirtualMicrophone

Rig = Callable[..., VirtualMicrophone]


@pytest.fixture(scope="module")
def two(virtual_microphone: Rig) -> VirtualMicrophone:
    microphone = virtual_microphone("desk", "camera")
    microphone.plug_in("desk")
    microphone.plug_in("camera")
    return microphone


def python(
    environment: Mapping[str, str] | None, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * WAIT_S,
        check=False,
    )


def refusal(microphone: VirtualMicrophone, *arguments: str) -> str:
    """The line that `earlet listen` ends with."""
    return the_line(python(microphone.environment, "-m", "earlet", "listen", *arguments))


def the_line(done: "subprocess.CompletedProcess[str]") -> str:
    """All that a program says that could not begin."""
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def test_devices_are_listed(two: VirtualMicrophone) -> None:
    done = python(two.environment, "-m", "earlet", "devices")
    assert (done.returncode, done.stderr) == (0, "")
    names = [line.removeprefix("*").split()[1] for line in done.stdout.splitlines()]
    assert {"desk", "camera"} <= set(names)


def test_a_name_that_no_device_has_is_told_with_those_there_are(two: VirtualMicrophone) -> None:
    line = refusal(two, "--device", "banjo")
    assert "'banjo'" in line
    assert "desk" in line
    assert "camera" in line


def test_an_index_that_no_device_has_is_told_with_those_there_are(two: VirtualMicrophone) -> None:
    line = refusal(two, "--device", "99")
    assert "99" in line
    assert "desk" in line


def test_a_device_that_is_configured_and_not_plugged_in(virtual_microphone: Rig) -> None:
    line = refusal(virtual_microphone("desk"), "--device", "desk")
    assert line.startswith("earlet: microphone 'desk' cannot be opened: ")


def test_a_sound_server_that_does_not_run(virtual_microphone: Rig) -> None:
    microphone = virtual_microphone("desk")
    microphone.kill_server()
    assert refusal(microphone).startswith("earlet: no microphone found; ")


def test_a_sound_server_that_does_not_answer(virtual_microphone: Rig) -> None:
    microphone = virtual_microphone("desk")
    microphone.plug_in("desk")
    microphone.freeze_server()
    # It waits for 15 s; that it does is tested with a clock that does not.
    program = (
        "import sys; from earlet.audio import live; from earlet.cli import main; "
        "live.OPEN_S = 2.0; sys.exit(main(['listen', '--device', 'desk']))"
    )
    line = the_line(python(microphone.environment, "-c", program))
    assert line.endswith(" has not answered for 2 s")


def test_a_broken_configuration_of_alsa_is_named(virtual_microphone: Rig) -> None:
    microphone = virtual_microphone("desk")
    microphone.set_alsa_configuration("pcm.desk { type pulse\n")
    assert "ALSA" in refusal(microphone, "--device", "desk")


def test_a_machine_without_portaudio() -> None:
    # What sounddevice itself does where the library is not found.
    program = (
        "import ctypes.util, sys; ctypes.util.find_library = lambda name: None; "
        "from earlet.cli import main; sys.exit(main(['listen']))"
    )
    assert "apt install libportaudio2" in the_line(python(None, "-c", program))
