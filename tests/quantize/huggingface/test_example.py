"""The golden example: given, or made up."""

from pathlib import Path

import numpy as np
import pytest

import earlet
from earlet.errors import InputError
from earlet_quantize.huggingface.example import chirp, default_example, picture, read_example

SOUND = {"kind": "waveform", "sample_rate": 8_000}


def test_a_sound_is_made_at_the_rate_of_the_network() -> None:
    waveform, attribution = default_example("audio-classification", SOUND)
    assert attribution is None
    assert isinstance(waveform, np.ndarray)
    assert waveform.shape == (24_000,)
    assert waveform.dtype == np.float32
    assert 0.2 < np.abs(waveform).max() < 0.5


def test_a_recogniser_is_given_a_sentence_and_says_whose() -> None:
    section = {"kind": "waveform", "sample_rate": 16_000}
    waveform, attribution = default_example("automatic-speech-recognition", section)
    assert attribution is not None
    assert "CC BY 4.0" in attribution
    recognise = earlet.pipeline("automatic-speech-recognition")
    assert isinstance(waveform, np.ndarray)
    assert recognise(waveform, sampling_rate=16_000).text == (
        "The following letters served as a preface to the first edition of this memoir."
    )
    at_8_khz, _ = default_example("automatic-speech-recognition", SOUND)
    assert abs(len(np.asarray(at_8_khz)) - len(waveform) // 2) <= 1


def test_the_tone_of_a_sound_rises() -> None:
    waveform = chirp(16_000)
    spectra = np.abs(np.fft.rfft(waveform[: 3 * 16_000].reshape(3, -1)))
    assert list(spectra.argmax(axis=1)) == sorted(spectra.argmax(axis=1))  # in Hz: 1 s each


def test_a_picture_is_made_of_all_bytes() -> None:
    image = picture()
    assert image.shape == (240, 320, 3)
    assert image.dtype == np.uint8
    assert (image.min(), image.max()) == (0, 255)


def test_a_text_is_taken_as_it_is() -> None:
    assert read_example("hello.wav", {"kind": "text"}) == "hello.wav"


def test_a_sound_file_is_resampled(golden: Path) -> None:
    waveform = read_example(str(golden / "whisper" / "1272-128104-0000.wav"), SOUND)
    assert isinstance(waveform, np.ndarray)
    assert len(waveform) == 93_680 // 2


def test_a_picture_file_is_decoded(golden: Path) -> None:
    image = read_example(str(golden / "huggingface" / "photo.png"), {"kind": "image"})
    assert isinstance(image, np.ndarray)
    assert image.shape == (64, 96, 3)


@pytest.mark.parametrize("section", [SOUND, {"kind": "image"}])
def test_a_file_that_is_not_there_is_named(section: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.bin"):
        read_example(str(tmp_path / "nothing.bin"), section)
