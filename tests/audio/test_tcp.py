"""Raw samples from a socket, sent by a server of the test's own."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest

from earlet.arrays import FloatArray
from earlet.audio.live import MAX_DELAY_S
from earlet.audio.tcp import TcpSource
from earlet.errors import InputError, MicrophoneError
from earlet.results import Deaf, Gap
from tests.audio.portaudio import World

RATE = 16_000
RAW = b"\x01\x00"  # a sample


class Server:
    """Does what the test says, when it says so."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.setblocking(False)
        self.port = self.listening.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self._connection: socket.socket | None = None

    def send(self, data: bytes, after_s: float) -> None:
        """To whoever connected last; to nobody where nobody is."""

        def send() -> None:
            with suppress(BlockingIOError):
                while True:
                    accepted, _ = self.listening.accept()
                    self._hang_up()
                    self._connection = accepted
            if self._connection is not None:
                self._connection.sendall(data)

        self.world.after(after_s, send)

    def hang_up(self, after_s: float) -> None:
        self.world.after(after_s, self._hang_up)

    def go_down(self, after_s: float) -> None:
        self.world.after(after_s, self.close)

    def come_up(self, after_s: float) -> None:
        def come_up() -> None:
            self.listening = socket.create_server(("127.0.0.1", self.port))
            self.listening.setblocking(False)

        self.world.after(after_s, come_up)

    def close(self) -> None:
        self._hang_up()
        self.listening.close()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(World())
    yield server
    server.close()


def hear(source: TcpSource, world: World, seconds: float) -> list[FloatArray | Deaf | Gap]:
    """What it gives in that time, without the empty chunks, of which one comes every second."""
    items: list[FloatArray | Deaf | Gap] = []
    until, last = world.now() + seconds, world.now()
    for item in source.heard():
        assert world.now() - last <= 1
        last = world.now()
        if not isinstance(item, np.ndarray) or len(item):
            items.append(item)
        if last >= until:
            break
    return items


def test_what_is_sent_is_heard(server: Server) -> None:
    sent = np.random.default_rng(0).integers(-32_768, 32_768, 5_000, dtype=np.int16)
    server.send(sent.astype("<i2").tobytes(), after_s=0.1)
    with TcpSource(server.address, clock=server.world) as source:
        found = np.concatenate(
            [item for item in hear(source, server.world, 1) if isinstance(item, np.ndarray)]
        )
        assert source.is_live
        assert source.health.state == "listening"
    np.testing.assert_array_equal(found, sent / np.float32(32_768))


def test_a_server_that_was_away_is_connected_to_again(server: Server) -> None:
    server.send(RAW * 1_600, after_s=0.1)
    server.go_down(after_s=0.15)
    server.come_up(after_s=600)
    for k in range(100):
        server.send(RAW * 16_000, after_s=600.5 + k)
    with TcpSource(server.address, clock=server.world) as source:
        first, deaf, gap, second, *_ = hear(source, server.world, 650)
        health = source.health
    assert isinstance(first, np.ndarray)
    assert deaf == Deaf(0.1, f"{server.address}: was closed by the other side")
    assert isinstance(gap, Gap)
    assert 599 * RATE < gap.n_samples <= (600 + MAX_DELAY_S) * RATE
    assert isinstance(second, np.ndarray)
    assert (health.state, health.reopened) == ("listening", 1)
    assert health.last_error == f"{server.address}: cannot connect: Connection refused"


def test_a_connection_on_which_nothing_comes_is_given_up_for_another(server: Server) -> None:
    with TcpSource(server.address, clock=server.world) as source:
        (deaf,) = hear(source, server.world, 20)
        assert deaf == Deaf(0, f"{server.address}: nothing came for 3 s")
        assert source.health.reopened >= 2


def test_a_sound_file_is_refused_at_first_and_waited_out_later(server: Server) -> None:
    world = server.world
    server.send(b"RIFF....WAVE", after_s=0.1)
    with TcpSource(server.address, clock=world) as source, pytest.raises(InputError, match="WAV"):
        hear(source, world, 5)
    server.hang_up(after_s=0)
    server.send(RAW * 1_600, after_s=1)
    server.hang_up(after_s=1.5)
    server.send(b"RIFF....WAVE", after_s=2)
    server.hang_up(after_s=2.5)
    server.send(RAW * 1_600, after_s=5)
    with TcpSource(server.address, clock=world) as source:
        assert isinstance(hear(source, world, 6)[-1], np.ndarray)
        assert "is a WAV file" in str(source.health.last_error)


def test_nobody_there_at_first_is_an_error(server: Server) -> None:
    server.close()
    with pytest.raises(MicrophoneError, match=f"{server.address}: cannot connect: Connection ref"):
        TcpSource(server.address, clock=server.world).__enter__()


def test_a_name_that_no_host_can_have_is_an_error() -> None:
    with pytest.raises(MicrophoneError, match=r"tcp://a\.\.b:1: cannot connect: .*label empty"):
        TcpSource("tcp://a..b:1", clock=World()).__enter__()


@pytest.mark.parametrize(
    "address",
    [
        *("tcp://", "tcp://host", "tcp://host:port", "tcp://host:99999", "tcp://host:0"),
        *("tcp://:9000", "tcp://host:9000/path", "tcp://[::1:9000", "udp://host:9000"),
        *("tcp://me@host:9000", "tcp://host:9000?rate=8000", "tcp://host:9000#1"),
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="expected tcp://HOST:PORT"):
        TcpSource(address)
