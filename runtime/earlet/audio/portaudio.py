"""PortAudio: which microphones there are. The only module that imports sounddevice."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from earlet.errors import MicrophoneError

Device = Mapping[str, Any]  # as sounddevice describes it
STDERR = 2
ALSA_DEVICES = Path("/dev/snd")

_lock = threading.Lock()  # PortAudio is not made for two threads
_n_streams = 0  # open ones, of all microphones
_speaking = threading.Lock()  # guards what follows
_stderr: int | None = None  # descriptor 2 as it was, while it is silenced


@contextmanager
def held(*, anew: bool = False) -> Iterator[Any]:
    """sounddevice, for one thread at a time; `anew` so that it sees what was plugged in since.

    PortAudio lists the devices when it is started. To start it again ends every stream of this
    process; so that is not done while another microphone is open.

    Raises:
        MicrophoneError: PortAudio is missing, or cannot be started.
    """
    with _lock, _quiet():
        sounddevice = _imported()
        # Where the last start has failed, it is for the next one to try again.
        if not sounddevice._initialized or (anew and not _n_streams):
            try:
                while sounddevice._initialized:
                    sounddevice._terminate()
                sounddevice._initialize()
            except sounddevice.PortAudioError as problem:
                raise _not_started(problem) from None
        yield sounddevice


def speak() -> None:
    """Give back descriptor 2 to whoever has something to say while PortAudio hangs."""
    with _speaking:
        if _stderr is not None:
            os.dup2(_stderr, STDERR)


@contextmanager
def _quiet() -> Iterator[None]:
    """What ALSA, JACK and PortAudio print goes nowhere: what is wrong is raised.

    They write to descriptor 2, which a process has once: what other threads write to it meanwhile
    is lost as well. sounddevice does the same when it starts PortAudio.
    """
    global _stderr
    try:
        stderr = os.dup(STDERR)
    except OSError:  # closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with _speaking:
            _stderr = stderr
            os.dup2(nowhere, STDERR)
        yield
    finally:
        with _speaking:
            _stderr = None
            os.dup2(stderr, STDERR)
        os.close(nowhere)
        os.close(stderr)


def count_stream(change: int) -> None:
    """One more open stream, or one less; called by whoever holds sounddevice."""
    global _n_streams  # as PortAudio is one for the whole process
    _n_streams += change


def find(sounddevice: Any, wanted: int | str | None) -> Device:
    """The microphone of that index or name, or whose name has this part; None: the default one.

    Raises:
        MicrophoneError: there is none, or more than one; names those there are.
    """
    try:
        info = sounddevice.query_devices(wanted, "input")
    except (ValueError, TypeError, sounddevice.PortAudioError) as problem:
        there = [f"{info['index']} {info['name']}" for info in _inputs(sounddevice)]
        if not there:
            hint = advice("is one plugged in?")
            raise MicrophoneError(f"no microphone found; {hint}") from None
        name = "the default microphone" if wanted is None else f"microphone {wanted!r}"
        listed = ", ".join(there)
        raise MicrophoneError(f"{name}: {reason(problem)}; there are: {listed}") from None
    return info  # type: ignore[no-any-return]


def find_again(sounddevice: Any, lost: Device) -> Device:
    """The microphone of that name, or of that name with another card: ALSA numbers them anew.

    Raises:
        MicrophoneError: it is not there.
    """

    def differs(info: Device) -> tuple[bool, bool]:
        return info["name"] != lost["name"], info["hostapi"] != lost["hostapi"]

    stem = _stem(lost)
    found = [info for info in _inputs(sounddevice) if _stem(info) == stem]
    if not found:
        raise MicrophoneError(f"microphone {lost['name']!r} is not there")
    return min(found, key=differs)


def devices() -> list[str]:
    """One line for each input device: index, name, channels and default rate.

    Raises:
        MicrophoneError: PortAudio is missing, or cannot be started.
    """
    with held() as sounddevice:
        default = sounddevice.default.device[0]
        return [
            f"{'*' if info['index'] == default else ' '} {info['index']:3d}  {info['name']}  "
            f"({info['max_input_channels']} in, {info['default_samplerate']:.0f} Hz)"
            for info in _inputs(sounddevice)
        ]


def reason(problem: Exception) -> str:
    """PortAudio's words, and those of the system below it where there are any; on one line."""
    text = ", ".join(str(problem.args[0]).replace(":\n", ": ").splitlines())
    match problem.args:
        case (_, _, (_, _, str(host_text))) if host_text:
            return f"{text} ({host_text.strip()})"
    return text


def code(problem: Exception) -> int:
    """The number of a PortAudioError, such as -9997; 0 where it has none."""
    match problem.args:
        case (_, int(number), *_):
            return number
    return 0


def advice(otherwise: str) -> str:
    """What to do about a microphone that is not found or not to be opened."""
    paths = sorted(ALSA_DEVICES.glob("pcm*c"))  # c: those that record
    for path in paths:
        if not os.access(path, os.R_OK | os.W_OK):
            return f"{path} may not be read: add the user to the group audio, and log in again"
    return otherwise


def _stem(device: Device) -> str:
    """The name without the card: "USB Audio" of "USB Audio (hw:1,0)"."""
    return str(device["name"]).partition(" (hw:")[0]


def _not_started(problem: Exception) -> MicrophoneError:
    return MicrophoneError(
        f"PortAudio cannot be started: {reason(problem)}; "
        "is there a mistake in ALSA's ~/.asoundrc or /etc/asound.conf?"
    )


def _inputs(sounddevice: Any) -> list[Device]:
    return [info for info in sounddevice.query_devices() if info["max_input_channels"] > 0]


def _imported() -> Any:
    # Imported late: PortAudio brings its codecs along, 23 MB that a file needs none of.
    try:
        import sounddevice
    except OSError:
        raise MicrophoneError(
            "PortAudio is not installed; on Debian and Raspberry Pi OS: apt install libportaudio2"
        ) from None
    except Exception as problem:  # noqa: BLE001, its PortAudioError has no name before the import
        raise _not_started(problem) from None
    return sounddevice
