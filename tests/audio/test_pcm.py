"""Raw samples from a pipe, against NumPy's reading of the same bytes."""

import io
import os
import socket
import wave
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from earlet.arrays import FloatArray
from earlet.audio.live import STALL_S
from earlet.audio.pcm import HEADERS, READ_BYTES, PcmPipe
from earlet.errors import InputError
from earlet.results import Deaf, Gap
from tests.audio.portaudio import World

RATE = 16_000


class Pipe:
    """A pipe into which the test writes at times of its own; closed with it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.read_end, self._write_end = os.pipe()

    def write(self, data: bytes, after_s: float = 0.0) -> None:
        self.world.after(after_s, lambda: self._write(data))

    def end(self, after_s: float = 0.0) -> None:
        self.world.after(after_s, lambda: os.close(self._write_end))

    def _write(self, data: bytes) -> None:
        assert os.write(self._write_end, data) == len(data)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe(World())
    yield pipe
    os.close(pipe.read_end)


def heard(data: bytes, lengths: list[int], sample_rate: int = RATE) -> list[FloatArray]:
    """The chunks of bytes that come in pieces of these lengths, and the rest."""
    pipe = Pipe(World())
    ends = [0, *np.cumsum(lengths, dtype=int).tolist(), len(data)]
    for i, (start, end) in enumerate(pairwise(ends)):
        if data[start:end]:
            pipe.write(data[start:end], after_s=i * 0.1)
    pipe.end(after_s=len(lengths) * 0.1)
    try:
        with PcmPipe(pipe.read_end, sample_rate, pipe.world) as source:
            return list(source)
    finally:
        os.close(pipe.read_end)


def test_with_patience_sound_gathers_and_none_of_it_is_lost(pipe: Pipe) -> None:
    samples = np.arange(1, 6_401, dtype="<i2")
    for i, block in enumerate(samples.reshape(10, 640)):  # of 40 ms each
        pipe.write(block.tobytes(), after_s=0.04 * (i + 1))
    pipe.end(after_s=0.5)
    with PcmPipe(pipe.read_end, RATE, pipe.world) as source:
        source.patience_s = 0.16
        chunks = list(source)
    assert [len(chunk) for chunk in chunks] == [2_560, 2_560, 1_280]
    np.testing.assert_array_equal(np.concatenate(chunks) * 32_768, samples)


@given(
    st.binary(max_size=200).filter(lambda data: data[:4] not in HEADERS),
    st.lists(st.integers(1, 9), max_size=20),
)
def test_bytes_cut_anywhere_are_the_samples_that_numpy_reads(
    data: bytes, lengths: list[int]
) -> None:
    whole = data[: len(data) // 2 * 2]
    chunks = heard(data, lengths)
    assert all(chunk.dtype == np.float32 and len(chunk) for chunk in chunks)
    found = np.concatenate([np.empty(0), *chunks])
    np.testing.assert_array_equal(found, np.frombuffer(whole, dtype="<i2") / 32_768)


def test_a_chunk_comes_as_soon_as_its_bytes_have() -> None:
    chunks = heard(bytes(20_000), [640, 320])
    assert [len(chunk) for chunk in chunks[:2]] == [320, 160]
    assert max(map(len, chunks)) <= READ_BYTES // 2


@pytest.mark.parametrize("data", [b"", b"\x01"])
def test_less_than_a_sample_is_nothing(data: bytes) -> None:
    assert heard(data, []) == []


def test_a_network_of_another_rate_gets_its_own() -> None:
    tone = (10_000 * np.sin(2 * np.pi * 440 * np.arange(8_000) / RATE)).astype("<i2")
    found = np.concatenate(heard(tone.tobytes(), [6_000], sample_rate=8_000))
    assert len(found) == 4_000
    np.testing.assert_allclose(found[200:-200], tone[400:-400:2] / 32_768, rtol=0, atol=2e-4)


@pytest.mark.parametrize("lengths", [[], [1, 1, 1, 1], [3]])
def test_a_wav_file_is_refused_however_it_arrives(lengths: list[int]) -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    with pytest.raises(InputError, match="standard input is a WAV file; expected raw 16 kHz mono"):
        heard(buffer.getvalue(), lengths)


@pytest.mark.parametrize("container", ["FLAC", "OGG"])
def test_other_sound_files_are_refused_by_their_kind(container: str) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(1_000), 16_000, format=container)
    with pytest.raises(InputError, match=f"(?i)standard input is a {container} file"):
        heard(buffer.getvalue(), [])


def test_one_that_stalls_is_deaf_and_its_time_goes_on(pipe: Pipe) -> None:
    pipe.write(b"\x01\x00" * 1_600, after_s=0.1)
    pipe.write(b"\x02\x00" * 1_600, after_s=100.1)
    pipe.end(after_s=100.2)
    with PcmPipe(pipe.read_end, clock=pipe.world) as source:
        items = [item for item in source.heard() if not isinstance(item, np.ndarray) or len(item)]
        lost = source.health.lost_samples
    first, deaf, gap, second = items
    assert deaf == Deaf(0.1, f"standard input: nothing came for {STALL_S:g} s")
    assert isinstance(gap, Gap)
    assert (gap.at_s, gap.n_samples) == (0.1, lost)
    assert lost == pytest.approx(99.9 * RATE, abs=1)
    assert isinstance(first, np.ndarray)
    assert isinstance(second, np.ndarray)
    assert (len(first), len(second)) == (1_600, 1_600)


def test_half_a_sample_before_a_stall_is_not_mistaken_after_it(pipe: Pipe) -> None:
    pipe.write(b"\x01\x00\x01\x00\x01")
    pipe.write(b"\x00\x01\x00", after_s=10)
    pipe.end(after_s=11)
    with PcmPipe(pipe.read_end, clock=pipe.world) as source:
        found = np.concatenate(list(source))
    np.testing.assert_array_equal(found, np.full(4, 1 / 32_768, dtype=np.float32))


def test_while_nothing_comes_an_empty_chunk_does_every_second(pipe: Pipe) -> None:
    pipe.end(after_s=30)
    last, n_empty = 0.0, 0
    with PcmPipe(pipe.read_end, clock=pipe.world) as source:
        for item in source.heard():
            assert pipe.world.now() - last <= 1
            last = pipe.world.now()
            n_empty += isinstance(item, np.ndarray) and not len(item)
        assert source.is_live
    assert n_empty >= 30


def test_what_cannot_be_read_is_over(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)  # a folder
    with PcmPipe(descriptor, clock=World()) as source:
        assert len(list(islice(source.heard(), 10))) < 10
    os.close(descriptor)


def test_a_slow_reader_loses_nothing(pipe: Pipe) -> None:
    with PcmPipe(pipe.read_end, clock=pipe.world) as source:
        items = source.heard()
        pipe.write(b"\x01\x00" * 16_000)
        pipe.end()
        next(items)
        pipe.world.sleep(100)
        rest = [item for item in items if not isinstance(item, np.ndarray) or len(item)]
    assert sum(len(item) for item in rest if isinstance(item, np.ndarray)) == 16_000 - 3_200
    assert all(isinstance(item, np.ndarray) for item in rest)


def test_what_waits_in_a_pipe_is_its_backlog() -> None:
    for read_end, write_end in (os.pipe(), [s.detach() for s in socket.socketpair()]):
        with PcmPipe(read_end) as source:
            assert source.backlog_s == 0
            os.write(write_end, bytes(32_000))
            assert source.backlog_s == 1
            next(source.heard())
            assert source.backlog_s == pytest.approx(0.8)
        os.close(read_end)
        os.close(write_end)


def test_a_file_and_what_does_not_tell_have_no_backlog(tmp_path: Path) -> None:
    path = tmp_path / "sound.raw"
    path.write_bytes(bytes(32_000))
    for name in (path, Path("/dev/zero")):
        with name.open("rb") as file, PcmPipe(file.fileno()) as source:
            assert source.backlog_s == 0
    with path.open("rb") as file, PcmPipe(file.fileno()) as source:
        assert sum(map(len, source)) == 16_000
