"""Raw samples from a pipe, against NumPy's reading of the same bytes."""

import io
import os
import socket
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from earlet.audio.pcm import HEADERS, READ_BYTES, PcmPipe
from earlet.errors import InputError


class Pipe(io.RawIOBase):
    """Gives its bytes in pieces of these lengths, then the rest, as a pipe might."""

    def __init__(self, data: bytes, lengths: list[int]) -> None:
        ends = [0, *np.cumsum(lengths, dtype=int).tolist(), len(data)]
        pieces = [data[a:b] for a, b in pairwise(ends)]
        self._pieces = [piece for piece in pieces if piece]  # none is empty: that would be the end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._pieces:
            return 0
        piece = self._pieces[0][: len(buffer)]
        self._pieces[0] = self._pieces[0][len(piece) :]
        if not self._pieces[0]:
            del self._pieces[0]
        buffer[: len(piece)] = piece
        return len(piece)


def pipe(data: bytes, lengths: list[int] | None = None) -> io.BufferedReader:
    return io.BufferedReader(Pipe(data, lengths or []))


@given(
    st.binary(max_size=200).filter(lambda data: data[:4] not in HEADERS),
    st.lists(st.integers(1, 9), max_size=20),
)
def test_bytes_cut_anywhere_are_the_samples_that_numpy_reads(
    data: bytes, lengths: list[int]
) -> None:
    whole = data[: len(data) // 2 * 2]
    chunks = list(PcmPipe(pipe(data, lengths)))
    assert all(chunk.dtype == np.float32 and len(chunk) for chunk in chunks)
    found = np.concatenate([np.empty(0), *chunks])
    np.testing.assert_array_equal(found, np.frombuffer(whole, dtype="<i2") / 32_768)


def test_a_chunk_comes_as_soon_as_its_bytes_have() -> None:
    chunks = iter(PcmPipe(pipe(bytes(20_000), [640, 320])))
    assert [len(next(chunks)) for _ in range(3)] == [2, 318, 160]
    assert max(len(chunk) for chunk in chunks) <= READ_BYTES // 2


@pytest.mark.parametrize("data", [b"", b"\x01"])
def test_less_than_a_sample_is_nothing(data: bytes) -> None:
    assert list(PcmPipe(pipe(data))) == []


@pytest.mark.parametrize("lengths", [[], [1, 1, 1, 1], [3]])
def test_a_wav_file_is_refused_however_it_arrives(lengths: list[int]) -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    with pytest.raises(InputError, match="standard input is a WAV file; expected raw 16 kHz mono"):
        list(PcmPipe(pipe(buffer.getvalue(), lengths)))


@pytest.mark.parametrize("container", ["FLAC", "OGG"])
def test_other_sound_files_are_refused_by_their_kind(container: str) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(1_000), 16_000, format=container)
    with pytest.raises(InputError, match=f"(?i)standard input is a {container} file"):
        list(PcmPipe(pipe(buffer.getvalue())))


def test_what_waits_in_a_pipe_is_its_backlog() -> None:
    for read_end, write_end in (os.pipe(), [s.detach() for s in socket.socketpair()]):
        with os.fdopen(read_end, "rb") as reader, os.fdopen(write_end, "wb", 0) as writer:
            source = PcmPipe(reader)
            assert source.backlog_s == 0
            writer.write(bytes(8))
            chunks = iter(source)
            next(chunks)  # the reader has taken the eight: it looks for a header
            writer.write(bytes(32_000))
            assert source.backlog_s == 1
            next(chunks)
            next(chunks)
            assert source.backlog_s == pytest.approx(0.8)


def test_a_file_and_what_does_not_tell_have_no_backlog(tmp_path: Path) -> None:
    path = tmp_path / "sound.raw"
    path.write_bytes(bytes(32_000))
    with path.open("rb") as reader:
        assert PcmPipe(reader).backlog_s == 0
    with Path("/dev/zero").open("rb") as reader:
        assert PcmPipe(reader).backlog_s == 0
    assert PcmPipe(pipe(bytes(32_000))).backlog_s == 0
