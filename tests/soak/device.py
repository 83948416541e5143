"""An hour of the same sound through a real PortAudio, as fast as it is listened to.

    sound -> FIFO -> ALSA's `file` plug-in over `null` -> PortAudio -> Microphone -> Listening

The plug-in gives what it reads as if a device had recorded it, at once: no clock holds it back,
only the FIFO, which is filled as fast as the microphone is read, a whole callback's at a time.
"""

import fcntl
import os
import struct
import tempfile
import termios
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path

import numpy as np

from earlet.arrays import FloatArray
from earlet.audio.microphone import Microphone
from earlet.config import read_config
from earlet.results import Deaf, Gap
from earlet.tasks.listening import Listening
from tests.soak.runs import BLOCK, READING_S, Run, blocks, by_hour, reading
from tests.soak.sound import SAMPLE_RATE, Recordings, hour_of_sound

NAME = "soak"
BACKLOG_S = 5.0  # of sound that may wait for the reader; the microphone keeps 30
PIPE_BYTES = 1 << 20  # the most that a FIFO may hold; half of it is, so that no write is split
POLL_S = 0.002
CONFIGURATION = """\
pcm.{name} {{
  type file
  slave.pcm {{ type null }}
  file /dev/null
  infile {fifo}
  format raw
}}
"""


def listened_through_a_device(
    hour: int, config: Path, recordings: Recordings, hour_s: float
) -> Run:
    """What is heard of an hour. For a process of its own: it changes what PortAudio finds.

    Raises:
        RuntimeError: the microphone lost some of it.
    """
    events, readings = [], []
    listening = Listening(read_config(config))
    n_left = round(hour_s * SAMPLE_RATE)
    next_at = n_left
    with tempfile.TemporaryDirectory(prefix="earlet-") as folder, fifo(Path(folder)) as descriptor:
        microphone = Microphone(NAME)
        with feeding(descriptor, hour_of_sound(hour, recordings, hour_s), microphone), microphone:
            for item in microphone.heard():
                if isinstance(item, Deaf | Gap):
                    raise RuntimeError(f"the microphone lost sound: {item}")
                events += listening.push(item[:n_left])
                n_left -= min(n_left, len(item))
                if n_left <= next_at:
                    readings.append(reading(os.getpid(), (hour_s - n_left / SAMPLE_RATE) / 3600))
                    next_at -= round(READING_S * SAMPLE_RATE)
                if not n_left:
                    break
    heard = by_hour([event.to_json() for event in events], 1, hour_s)
    return Run(heard, tuple(readings))


@contextmanager
def fifo(folder: Path) -> Iterator[int]:
    """What is written to it, PortAudio hears as the device NAME."""
    path = folder / "sound"
    os.mkfifo(path)
    (folder / ".asoundrc").write_text(CONFIGURATION.format(name=NAME, fifo=path), encoding="utf-8")
    os.environ |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    # To read, too: whoever opens it to look what it is need not wait, nor is anything lost.
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def feeding(
    descriptor: int, chunks: Iterable[FloatArray], microphone: Microphone
) -> Iterator[None]:
    """Write the sound, and silence after it: PortAudio cannot close a device that gives nothing."""
    is_over = threading.Event()

    def feed() -> None:
        silence = np.zeros(BLOCK, dtype=np.float32)
        for block in chain(blocks(chunks), repeat(silence)):
            while microphone.backlog_s > BACKLOG_S or n_waiting(descriptor) > PIPE_BYTES // 2:
                if is_over.wait(POLL_S):
                    return
            # `null` has any format and 128 channels: PortAudio asks it for float32, and of a device
            # that claims so many channels the microphone opens one.
            os.write(descriptor, block.tobytes())

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        is_over.set()
        feeder.join()


def n_waiting(descriptor: int) -> int:
    """Bytes in the FIFO."""
    (n_bytes,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    return int(n_bytes)
