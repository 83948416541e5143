"""Raw PCM from a socket: `arecord -f S16_LE -r 16000 -t raw | nc -lk 9000` on another machine."""

import socket
from urllib.parse import urlsplit

from earlet.audio.live import SAMPLE_RATE, BrokenError, Line, LiveSource
from earlet.audio.pcm import PcmLine
from earlet.audio.waiting import Clock
from earlet.errors import InputError, MicrophoneError

SCHEME = "tcp://"
CONNECT_S = 5.0  # a host that is there answers within this


class TcpSource(LiveSource):
    """Connects to `tcp://HOST:PORT`, again and again when that is lost."""

    asked = "the host"

    def __init__(
        self, address: str, sample_rate: int = SAMPLE_RATE, clock: Clock | None = None
    ) -> None:
        """Raises InputError for what is no such address."""
        super().__init__(sample_rate, clock)
        self._address = address
        self._host_and_port = host_and_port(address)

    def _open(self) -> Line:
        try:
            connection = socket.create_connection(self._host_and_port, timeout=CONNECT_S)
        except (OSError, UnicodeError) as problem:  # UnicodeError: no name of a host
            reason = getattr(problem, "strerror", None) or problem  # a timeout has no number
            raise MicrophoneError(f"{self._address}: cannot connect: {reason}") from None
        return _Connection(connection, self._address, self._clock, is_first=not self._is_open)


class _Connection(PcmLine):
    def __init__(
        self, connection: socket.socket, name: str, clock: Clock, *, is_first: bool
    ) -> None:
        # Whoever set it up is told; later on it is one more reason to try again.
        error = InputError if is_first else BrokenError
        super().__init__(connection.fileno(), name, clock, error)
        self._connection = connection

    def close(self) -> None:
        self._connection.close()


def host_and_port(address: str) -> tuple[str, int]:
    """Those of "tcp://HOST:PORT".

    Raises:
        InputError: it is no such address.
    """
    expected = f"{address}: expected tcp://HOST:PORT"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as problem:  # a port that is none, half of an IPv6 address
        raise InputError(f"{expected}; {problem}") from None
    has_more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if not address.startswith(SCHEME) or not host or not port or has_more:
        raise InputError(expected)
    return host, port
