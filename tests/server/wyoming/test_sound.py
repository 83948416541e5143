"""Samples of every width, held to the package's own conversion."""

import numpy as np
import pytest
from wyoming.audio import AudioChunk, AudioChunkConverter

from earlet.errors import InputError
from earlet.server.wyoming.sound import AudioFormat

STEP_16 = 2.0**-15  # of samples of two bytes: the package rounds down to these


def samples(audio: AudioFormat, data: bytes) -> np.ndarray:
    """What a stream is given, -1..1."""
    whole = b"".join(audio.pieces(data))
    if audio.options["format"] == "s16le":
        return np.frombuffer(whole, "<i2") / 2**15
    return np.frombuffer(whole, "<f4")


@pytest.mark.parametrize("width", [1, 2, 4])
def test_widths_are_those_of_the_package(width: int) -> None:
    data = np.random.default_rng(5).bytes(4 * 3_000)
    audio = AudioFormat(rate=8_000, width=width, channels=1)
    converted = AudioChunkConverter(width=2).convert(AudioChunk(8_000, width, 1, data))
    expected = np.frombuffer(converted.audio, "<i2") / 2**15
    np.testing.assert_allclose(samples(audio, data), expected, rtol=0, atol=STEP_16)


def test_a_long_message_is_handed_on_in_pieces_of_a_second() -> None:
    audio = AudioFormat(rate=8_000, width=2, channels=2)
    pieces = list(audio.pieces(bytes(8_000 * 4 * 2 + 8)))
    assert [len(piece) for piece in pieces] == [32_000, 32_000, 8]


@pytest.mark.parametrize(
    ("rate", "width", "channels"), [(16_000, 3, 1), (16_000, 0, 1), (0, 2, 1), (16_000, 2, -1)]
)
def test_a_format_that_cannot_be_is_refused(rate: int, width: int, channels: int) -> None:
    with pytest.raises(InputError):
        AudioFormat(rate=rate, width=width, channels=channels)


def test_half_a_frame_is_refused() -> None:
    with pytest.raises(InputError, match="6 bytes are no whole number of frames of 4"):
        list(AudioFormat(rate=16_000, width=2, channels=2).pieces(bytes(6)))
