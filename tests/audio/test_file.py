"""Sound files against soundfile, the standard library's `wave` and sines that are known exactly."""

import base64
import io
import os
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from earlet.arrays import Float64Array, FloatArray
from earlet.audio.file import AudioFile, Source
from earlet.errors import AudioFileError

RATE = 16_000
SINE_TOLERANCE = 2e-4  # soxr's HQ leaves ripple of -80 dB or so in the pass band
EDGE = 400  # samples at each end where a resampler sees the silence around the sine


def read(source: Source, rate: int) -> FloatArray:
    """All chunks of a file as one waveform."""
    with AudioFile(source, rate) as file:
        return np.concatenate([np.empty(0, dtype=np.float32), *file])


def encoded(samples: Float64Array, rate: int = RATE, **form: str) -> bytes:
    """A sound file: a WAV of float samples where nothing else is said."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, **({"format": "WAV", "subtype": "FLOAT"} | form))
    return buffer.getvalue()


def noise(*shape: int) -> Float64Array:
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Half a second of noise."""
    path = tmp_path / "clip.wav"
    path.write_bytes(encoded(noise(RATE // 2)))
    return path


def test_sixteen_bit_samples_are_divided_by_32768_exactly(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32_768, 32_768, 40_000).astype("<i2")
    path = tmp_path / "clip.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    np.testing.assert_array_equal(read(path, RATE), samples / 32_768)


@pytest.mark.parametrize("n_channels", [1, 2, 7])
@pytest.mark.parametrize(
    ("container", "subtype"),
    [
        ("WAV", "PCM_U8"),
        ("WAV", "PCM_24"),
        ("WAV", "DOUBLE"),
        ("FLAC", "PCM_16"),
        ("OGG", "VORBIS"),
    ],
)
def test_every_format_gives_the_mean_of_the_channels_that_soundfile_reads(
    container: str, subtype: str, n_channels: int
) -> None:
    data = encoded(noise(2 * RATE + 123, n_channels), format=container, subtype=subtype)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    np.testing.assert_allclose(read(data, RATE), expected.mean(axis=1), rtol=0, atol=1e-6)


def test_an_mp3_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp3"
    path.write_bytes(encoded(noise(RATE, 2), format="MP3", subtype="MPEG_LAYER_III"))
    expected, _ = soundfile.read(path, always_2d=True)
    np.testing.assert_allclose(read(path, RATE), expected.mean(axis=1), rtol=0, atol=1e-6)


def test_path_data_url_bytes_and_file_object_are_the_same_sound(clip: Path) -> None:
    expected = read(clip, RATE)
    np.testing.assert_array_equal(read(str(clip), RATE), expected)
    np.testing.assert_array_equal(read(clip.read_bytes(), RATE), expected)
    url = f"data:audio/wav;base64,{base64.b64encode(clip.read_bytes()).decode()}"
    np.testing.assert_array_equal(read(url, RATE), expected)
    with clip.open("rb") as file:
        np.testing.assert_array_equal(read(file, RATE), expected)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 192_000])
def test_a_sine_of_any_rate_comes_out_as_the_sine_at_16_khz(rate: int) -> None:
    data = encoded(0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate), rate)
    waveform = read(data, RATE)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    assert abs(len(waveform) - RATE) <= 1
    inside = slice(EDGE, RATE - EDGE)
    np.testing.assert_allclose(waveform[inside], expected[inside], rtol=0, atol=SINE_TOLERANCE)


def test_chunks_are_about_a_second_and_joined_they_are_the_file() -> None:
    samples = noise(3 * 44_100 + 1)
    with AudioFile(encoded(samples, 44_100), 44_100) as file:
        chunks = list(file)
        assert file.duration_s == pytest.approx(3 + 1 / 44_100)
    assert [len(chunk) for chunk in chunks] == [44_100, 44_100, 44_100, 1]
    np.testing.assert_allclose(np.concatenate(chunks), samples, rtol=0, atol=1e-7)


def test_more_channels_than_samples_are_no_mistake() -> None:
    np.testing.assert_allclose(read(encoded(np.full((3, 7), 0.25)), RATE), 0.25)


def test_one_sample_is_a_file() -> None:
    assert read(encoded(np.array([0.5])), RATE).tolist() == [0.5]
    assert len(read(encoded(np.array([0.5]), 48_000), RATE)) <= 1


def test_no_samples_are_refused() -> None:
    with pytest.raises(AudioFileError, match="the audio: holds no samples"):
        read(encoded(np.empty(0)), RATE)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_a_late_sample_that_is_no_number_is_refused_by_its_place_in_the_file(bad: float) -> None:
    samples = noise(3 * RATE)
    samples[35_000] = bad
    with AudioFile(encoded(samples), RATE) as file:
        chunks = iter(file)
        assert len(next(chunks)) == RATE
        with pytest.raises(AudioFileError, match="the audio: sample 35000 is ") as caught:
            list(chunks)
    assert "expected finite samples in -1..1" in str(caught.value)


def test_channels_that_cancel_to_no_number_are_refused() -> None:
    with pytest.raises(AudioFileError, match="sample 1 is nan"):
        read(encoded(np.array([[0.0, 0.0], [np.inf, -np.inf]])), RATE)


def test_a_flac_whose_header_does_not_tell_its_length_is_refused() -> None:
    # As `flac -` writes it to a pipe: the 36 bits for the number of samples are 0.
    data = bytearray(encoded(noise(RATE), format="FLAC", subtype="PCM_16"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    with pytest.raises(AudioFileError, match="its header does not tell its length"):
        read(bytes(data), RATE)


@pytest.mark.parametrize("rate", [999, 800_000])
def test_a_rate_that_no_recorder_has_is_refused(rate: int) -> None:
    with pytest.raises(AudioFileError, match=rf"its header says {rate} Hz; expected 1000 to "):
        read(encoded(noise(100), rate), RATE)


def directory(path: Path) -> None:
    path.mkdir()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def missing(path: Path) -> None:
    assert not path.exists()


def text(path: Path) -> None:
    path.write_text("not a sound")


def utf16(path: Path) -> None:
    path.write_text("not a sound", encoding="utf-16")


def empty(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (directory, "is a directory; expected a sound file"),
        (fifo, "is a pipe or a device; expected a sound file"),
        (link_to_itself, "cannot be read: Too many levels of symbolic links"),
        (missing, "cannot be read: No such file or directory"),
        (text, "not a sound file that can be read (wav, flac, ogg, mp3 ...): "),
        (utf16, "is UTF-16 text; expected a sound file"),
        (empty, "is empty; expected a sound file"),
    ],
    ids=["directory", "fifo", "loop", "missing", "text", "utf16", "empty"],
)
def test_what_is_no_sound_file_is_refused_by_its_path(
    tmp_path: Path, make: Callable[[Path], None], expected: str
) -> None:
    path = tmp_path / "clip.wav"
    make(path)
    with pytest.raises(AudioFileError) as caught:
        AudioFile(path, RATE)
    assert str(caught.value).startswith(f"{path}: {expected}")


def test_an_empty_path_is_not_the_current_folder() -> None:
    with pytest.raises(AudioFileError, match="expected the path of a sound file, got an empty one"):
        AudioFile("", RATE)


def test_a_device_is_not_read() -> None:
    with pytest.raises(AudioFileError, match="/dev/zero: is a pipe or a device"):
        AudioFile("/dev/zero", RATE)


@pytest.fixture
def nobody() -> Iterator[None]:
    """Permissions hold for the test, even where root runs it."""
    uid = os.geteuid()
    if uid == 0:
        os.seteuid(65_534)
    yield
    os.seteuid(uid)


def test_a_file_without_permission_is_refused(clip: Path, request: pytest.FixtureRequest) -> None:
    clip.chmod(0)
    request.getfixturevalue("nobody")
    with pytest.raises(AudioFileError, match="cannot be read: Permission denied"):
        AudioFile(clip, RATE)


def test_a_header_that_wants_to_know_more_than_the_file_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples.raw"  # soundfile goes by this name
    path.write_bytes(bytes(100))
    with pytest.raises(AudioFileError, match=r"samples\.raw: not a sound file that can be read"):
        AudioFile(path, RATE)


def test_a_file_that_is_deleted_while_it_is_read_is_read_to_its_end(clip: Path) -> None:
    with AudioFile(clip, RATE) as file:
        clip.unlink()
        assert sum(len(chunk) for chunk in file) == RATE // 2


@pytest.mark.parametrize("name", ["new\nline.wav", "-x.wav", "\x1b[31mred.wav", "ton\udce9.wav"])
def test_an_odd_name_is_read_and_in_messages_stays_on_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(encoded(noise(RATE)))
    assert len(read(path, RATE)) == RATE
    path.write_bytes(b"no sound")
    with pytest.raises(AudioFileError, match="not a sound file") as caught:
        read(path, RATE)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3_000, "a\0b", ""])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(AudioFileError) as caught:
        AudioFile(name, RATE)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("buffering", [-1, 0])
def test_libsndfile_may_look_where_nothing_is_without_a_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], buffering: int
) -> None:
    path = tmp_path / "clip.aiff"
    soundfile.write(path, np.zeros(100), RATE)
    path.write_bytes(path.read_bytes().replace(b"SSND", b"XXXX"))  # the part with the samples
    with path.open("rb", buffering=buffering) as file:
        for source in (path.read_bytes(), file):
            with pytest.raises(AudioFileError, match="not a sound file that can be read"):
                AudioFile(source, RATE)
    assert capfd.readouterr().err == ""


class Unseekable(io.BytesIO):
    def tell(self) -> int:
        raise OSError("underlying stream is not seekable")


def closed() -> io.BytesIO:
    file = io.BytesIO()
    file.close()
    return file


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("data:audio/wav;base64,UklGR*", "the audio: its data URL is not in base64"),
        ("data:audio/wav;base64,", "the audio: is empty; expected a sound file"),
        (b"\x89PNG\r\n\x1a\n", "the audio: is a picture; expected a sound file"),
        (None, "expected a path, bytes, or a file object that can be sought"),
        (7, "expected a path, bytes, or a file object that can be sought"),
        ({"path": "clip.wav"}, "expected a path, bytes, or a file object that can be sought"),
        (Unseekable(b"RIFF"), "underlying stream is not seekable"),
        (closed(), "closed file"),
        (io.StringIO("RIFF"), "opened as text; expected a file object in binary mode"),
        (io.BytesIO(), "the audio: nothing is left to read; expected a sound file"),
        (b"", "the audio: is empty"),
        (b"RIFF", "the audio: not a sound file that can be read"),
    ],
    ids=[
        "base64",
        "no content",
        "picture",
        "none",
        "int",
        "dict",
        "pipe",
        "closed",
        "text",
        "read already",
        "no bytes",
        "four bytes",
    ],
)
def test_what_is_no_source_is_refused(source: object, expected: str) -> None:
    with pytest.raises(AudioFileError) as caught:
        AudioFile(source, RATE)  # type: ignore[arg-type]
    assert expected in str(caught.value)


def test_a_damaged_flac_is_read_up_to_the_damage(tmp_path: Path) -> None:
    data = bytearray(encoded(noise(3 * RATE), format="FLAC", subtype="PCM_16"))
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path = tmp_path / "clip.flac"
    path.write_bytes(data)
    heard: list[FloatArray] = []
    with (
        AudioFile(path, RATE) as file,
        pytest.raises(AudioFileError, match=r"clip.flac: damaged at about \d.\d s: ."),
    ):
        heard.extend(file)
    assert len(heard) == 1


def test_where_a_flac_breaks_off_is_told(recordings: Path) -> None:
    data = (recordings / "speech.flac").read_bytes()
    with (
        AudioFile(data[:100_000], RATE) as file,
        pytest.raises(AudioFileError, match=r"damaged at about 6\.\d s"),  # of 13.6 s, 222 KB
    ):
        list(file)
