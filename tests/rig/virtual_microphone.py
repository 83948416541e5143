"""A microphone without hardware: what is played into it, PortAudio hears.

    play() -> null sink of a private PulseAudio -> its monitor -> ALSA's pulse plug-in -> PortAudio

Nothing of the machine's own sound is used or changed: server, configuration and socket lie in a
folder of their own, and a program belongs to it by its environment. The sink never takes back what
it has played (`norewinds`), so that every sample of a 16 kHz recording arrives as it is. While
nothing is played it gives exact zeros, which no real microphone does; `noise` is that of a room.
"""

import ctypes.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import soundfile

SAMPLE_RATE = 16_000  # Hz, of the sinks
PROGRAMS = {  # and the Debian package of each
    "pulseaudio": "pulseaudio",
    "pactl": "pulseaudio-utils",
    "paplay": "pulseaudio-utils",
    "arecord": "alsa-utils",
}
SERVER_OPTIONS = [
    *("-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"),
    *("--disable-shm=yes", "--realtime=no", "--high-priority=no"),
]
# White noise of full scale, at a volume whose cube is its gain: -85 dBFS.
NOISE = ["--raw", "--rate=16000", "--channels=1", "--format=s16le", "--volume=3042"]
PLUG_IN = "*/alsa-lib/libasound_module_pcm_pulse.so"  # under /usr/lib
POLL_S = 0.05
WAIT_S = 60.0  # for what takes a second, on a machine that is busy with something else


def missing_packages() -> list[str]:
    """The Debian packages that a virtual microphone needs, and that are not installed."""
    missing = {package for program, package in PROGRAMS.items() if shutil.which(program) is None}
    if ctypes.util.find_library("portaudio") is None:
        missing.add("libportaudio2")
    if not any(Path("/usr/lib").glob(PLUG_IN)):
        missing.add("libasound2-plugins")
    return sorted(missing)


class VirtualMicrophone:
    """Microphones to plug in and unplug; a context manager that leaves nothing behind."""

    def __init__(self, *names: str) -> None:
        """The names of the microphones that may be plugged in; none is yet."""
        self.folder = Path(tempfile.mkdtemp(prefix="earlet-"))  # a socket's path must be short
        self._server: subprocess.Popen[bytes] | None = None
        self._modules: dict[str, str] = {}  # of each sink: its number in the server
        self._noises: dict[str, subprocess.Popen[bytes]] = {}
        self.set_alsa_configuration("".join(map(_alsa_device, names)))
        try:
            self.start_server()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "VirtualMicrophone":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def environment(self) -> dict[str, str]:
        """That of a program that is to hear it."""
        places = ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH")
        folder = str(self.folder)
        return {
            **os.environ,
            **dict.fromkeys(places, folder),
            "PULSE_SERVER": f"unix:{folder}/native",
        }

    def set_alsa_configuration(self, text: str) -> None:
        """What programs that start from now on read."""
        (self.folder / ".asoundrc").write_text(text, encoding="utf-8")

    def play(self, path: Path, name: str) -> None:
        """Play a sound file into a microphone, and wait for its end."""
        self._control("paplay", f"--device={name}", path, busy_s=soundfile.info(path).duration)

    @property
    def n_listeners(self) -> int:
        """How many programs hear one of its microphones."""
        return len(self._control("pactl", "list", "short", "source-outputs").splitlines())

    def plug_in(self, name: str, *, noise: bool = False) -> None:
        """A microphone appears."""
        sink = [f"sink_name={name}", f"rate={SAMPLE_RATE}", "channels=1", "format=s16le"]
        self._modules[name] = self._control(
            "pactl", "load-module", "module-null-sink", *sink, "norewinds=1"
        ).strip()
        if noise:
            command = ["pacat", f"--device={name}", *NOISE, "/dev/urandom"]
            self._noises[name] = subprocess.Popen(
                command, env=self.environment, stderr=subprocess.DEVNULL
            )

    def unplug(self, name: str) -> None:
        """It disappears."""
        self._be_quiet(name)
        self._control("pactl", "unload-module", self._modules.pop(name))

    def freeze_server(self) -> None:
        """The server stops where it is, as a machine that is suspended does."""
        self._running.send_signal(signal.SIGSTOP)

    def thaw_server(self) -> None:
        """It goes on."""
        self._running.send_signal(signal.SIGCONT)

    def kill_server(self) -> None:
        """The server dies at once, and with it every microphone."""
        self._running.kill()
        self._running.wait(WAIT_S)
        for name in list(self._noises):
            self._be_quiet(name)
        self._server = None
        self._modules.clear()

    def start_server(self) -> None:
        """Start it without a microphone."""
        socket = f"module-native-protocol-unix socket={self.folder}/native auth-anonymous=1"
        (self.folder / "native").unlink(missing_ok=True)  # of one that was killed
        command = ["pulseaudio", *SERVER_OPTIONS, "-L", socket]
        with (self.folder / "server.log").open("wb") as log:
            self._server = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._answers, "PulseAudio answers")

    def close(self) -> None:
        """End the server and remove its folder."""
        if self._server is not None:
            self.kill_server()
        shutil.rmtree(self.folder)

    def _be_quiet(self, name: str) -> None:
        if (noise := self._noises.pop(name, None)) is not None:
            noise.kill()
            noise.wait(WAIT_S)

    @property
    def _running(self) -> "subprocess.Popen[bytes]":
        if self._server is None:
            raise RuntimeError("the server of this microphone does not run")
        return self._server

    def _answers(self) -> bool:
        if self._running.poll() is not None:
            log = (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"PulseAudio does not start: {log[-500:]}")
        try:
            self._control("pactl", "info")
        except RuntimeError:
            return False
        return True

    def _control(self, *command: str | Path, busy_s: float = 0.0) -> str:
        """What a program says that is done at once, or after so long. Raises as `until`."""
        within_s = WAIT_S + busy_s
        try:
            done = subprocess.run(
                command,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=within_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{command[0]} has not ended in {within_s:g} s") from None
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
        return done.stdout


def until(condition: Callable[[], bool], what: str, within_s: float = WAIT_S) -> None:
    """Wait.

    Raises:
        TimeoutError: when it does not come true.
    """
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {within_s:g} s it is still not so that {what}")
        time.sleep(POLL_S)


def _alsa_device(name: str) -> str:
    return f'pcm.{name} {{\n  type pulse\n  device "{name}.monitor"\n}}\n'
