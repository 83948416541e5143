"""Does `earlet listen` hear, and does what it hears happen? Tried without a microphone.

    python -m tests.rig.check

Plugs a virtual microphone in, has `earlet listen --config` wait at it with an action, speaks a
recorded command, and looks for what the action did. Exits with 0 when it did it.
"""

import json
import shutil
import sys
from pathlib import Path

import soundfile

from tests.rig.program import Program
from tests.rig.virtual_microphone import WAIT_S, VirtualMicrophone, missing_packages

RECORDING = Path(__file__).parents[1] / "recordings" / "commands.flac"
COMMAND = "five"
COMMAND_S = (14.4, 16.8)  # of the recording, with silence before and after
HEARD_WITHIN_S = WAIT_S
NAME = "earlet_check"
CONFIGURATION = """\
source: mic
device: {name}
labels:
  {command}:
    actions:
      - run: [tee, {done}]
"""


def main() -> int:
    """Say what was tried and what came of it."""
    if missing := missing_packages():
        print(f"a virtual microphone needs: sudo apt install {' '.join(missing)}")
        if shutil.which("pipewire"):
            print("but not here: pulseaudio would replace PipeWire, which gives this desktop sound")
        return 1
    try:
        with VirtualMicrophone(NAME) as microphone:
            microphone.plug_in(NAME)
            event = spoken_to(microphone)
    except (TimeoutError, RuntimeError) as problem:
        print(f"FAILED: {problem}")
        return 1
    print(f"the action was run with: {json.dumps(event)}")
    print("it works: microphone, detection, action")
    return 0


def spoken_to(microphone: VirtualMicrophone) -> object:
    """The event that the action of `earlet listen` was given.

    Raises:
        TimeoutError: when it was given none.
        RuntimeError: when `earlet listen` ends by itself, or wrongly.
    """
    done = microphone.folder / "done.json"
    config = microphone.folder / "config.yaml"
    config.write_text(CONFIGURATION.format(name=NAME, command=COMMAND, done=done), encoding="utf-8")
    listen = (sys.executable, "-m", "earlet", "listen", "--json", "--config", config)
    with Program(listen, microphone.environment) as program:
        print(f"earlet listen --config config.yaml, with\n\n{config.read_text(encoding='utf-8')}")
        program.until(lambda: microphone.n_listeners == 1, "earlet listens")
        print(f"saying {COMMAND!r} to it ...")
        microphone.play(recording_of_command(microphone.folder), NAME)
        heard = program.wait_for(lambda line: line.get("label") == COMMAND, HEARD_WITHIN_S)
        print(f"heard: {json.dumps(heard)}")
        program.until(done.is_file, "the action has happened")
        program.until(
            lambda: done.read_text(encoding="utf-8").endswith("\n"), "the action has ended"
        )
        if status := program.terminate():
            raise RuntimeError(f"earlet listen ended with {status}: {program.errors}")
    return json.loads(done.read_text(encoding="utf-8"))


def recording_of_command(folder: Path) -> Path:
    """A new sound file in which COMMAND is said, and nothing else."""
    waveform, rate = soundfile.read(RECORDING, dtype="int16")
    start, end = (round(time_s * rate) for time_s in COMMAND_S)
    path = folder / "command.wav"
    soundfile.write(path, waveform[start:end], rate)
    return path


if __name__ == "__main__":
    sys.exit(main())
