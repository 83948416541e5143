"""Where sound comes from: what `earlet listen --source` may name."""

import os
import stat
from collections.abc import Iterator
from typing import Protocol, Self

from earlet.arrays import FloatArray
from earlet.audio.live import Health
from earlet.audio.microphone import Microphone
from earlet.audio.pcm import STDIN, PcmPipe
from earlet.audio.recordings import Recordings
from earlet.audio.tcp import SCHEME, TcpSource
from earlet.errors import InputError
from earlet.results import Deaf, Gap

MICROPHONE, PIPE = "mic", "-"


class Source(Protocol):
    """Sound, and word of what is missing in it. A context manager, open between enter and exit."""

    sample_rate: int  # Hz
    patience_s: float  # of sound that a live source may gather before it gives any; 0 at first

    @property
    def is_live(self) -> bool:
        """Whether it comes as it happens: it has to be read in time, and a lull is told."""

    @property
    def backlog_s(self) -> float:
        """Seconds of sound that wait to be read."""

    @property
    def health(self) -> Health:
        """How it is doing."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def heard(self) -> Iterator[FloatArray | Deaf | Gap]:
        """Mono float32 chunks at `sample_rate`, and what is lost between them.

        A live source gives something at least every second: an empty chunk where nothing came.
        """


def open_source(
    source: str,
    *,
    device: int | str | None = None,
    channel: int | None = None,
    sample_rate: int = 16_000,
) -> Source:
    """The source that is named so; not open yet, which is what `with` does.

    "mic", "-" for raw samples on standard input, "tcp://HOST:PORT" for the same from a socket, a
    sound file, or a folder of them. `device` and `channel` are those of the microphone.

    Raises:
        InputError: it can be none of these.
    """
    if source == MICROPHONE:
        return Microphone(device, sample_rate, channel)
    for name, given in (("device", device), ("channel", channel)):
        if given is not None:
            raise InputError(f"{name} belongs to a microphone, and the source is {source}")
    if source == PIPE:
        _refuse_all_but_pipes()
        return PcmPipe(STDIN, sample_rate)
    if source.startswith(SCHEME):
        return TcpSource(source, sample_rate)
    return Recordings(source, sample_rate)


def _refuse_all_but_pipes() -> None:
    try:
        is_folder = stat.S_ISDIR(os.fstat(STDIN).st_mode)
        kind = "a folder" if is_folder else "a terminal" if os.isatty(STDIN) else None
    except OSError:
        kind = "closed"
    if kind:
        raise InputError(
            f"--source - reads raw samples from a pipe, and standard input is {kind}; "
            "try: arecord -f S16_LE -r 16000 -t raw | earlet listen --source -"
        )
