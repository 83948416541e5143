"""Raw samples from a pipe, against NumPy's reading of the same bytes."""

import io
import wave
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from earlet.audio.pcm import HEADERS, READ_BYTES, read_pcm
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
    chunks = list(read_pcm(pipe(data, lengths)))
    assert all(chunk.dtype == np.float32 and len(chunk) for chunk in chunks)
    found = np.concatenate([np.empty(0), *chunks])
    np.testing.assert_array_equal(found, np.frombuffer(whole, dtype="<i2") / 32_768)


def test_a_chunk_comes_as_soon_as_its_bytes_have() -> None:
    chunks = read_pcm(pipe(bytes(20_000), [640, 320]))
    assert [len(next(chunks)) for _ in range(3)] == [2, 318, 160]
    assert max(len(chunk) for chunk in chunks) <= READ_BYTES // 2


@pytest.mark.parametrize("data", [b"", b"\x01"])
def test_less_than_a_sample_is_nothing(data: bytes) -> None:
    assert list(read_pcm(pipe(data))) == []


@pytest.mark.parametrize("lengths", [[], [1, 1, 1, 1], [3]])
def test_a_wav_file_is_refused_however_it_arrives(lengths: list[int]) -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    with pytest.raises(InputError, match="standard input is a WAV file; expected raw 16 kHz mono"):
        list(read_pcm(pipe(buffer.getvalue(), lengths)))


@pytest.mark.parametrize("container", ["FLAC", "OGG"])
def test_other_sound_files_are_refused_by_their_kind(container: str) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(1_000), 16_000, format=container)
    with pytest.raises(InputError, match=f"(?i)standard input is a {container} file"):
        list(read_pcm(pipe(buffer.getvalue())))
