"""The gate by which sound enters: what it takes, what it makes of it, and what it refuses."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from earlet.arrays import as_waveform
from earlet.errors import InputError


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
def test_a_file_read_in_any_type_is_what_soundfile_reads_as_float(golden: Path, dtype: str) -> None:
    path = golden / "whisper" / "1272-128104-0000.wav"
    expected, _ = soundfile.read(path, dtype="float32")
    samples, _ = soundfile.read(path, dtype=dtype)
    waveform = as_waveform(samples)
    assert waveform.dtype == np.float32
    np.testing.assert_array_equal(waveform, expected)


def test_full_scale_integers_are_one() -> None:
    int16 = np.array([-32_768, 0, 16_384], dtype=np.int16)
    int32 = np.array([-(2**31), 0, 2**30], dtype=np.int32)
    assert as_waveform(int16).tolist() == [-1.0, 0.0, 0.5]
    assert as_waveform(int32).tolist() == [-1.0, 0.0, 0.5]


def test_floats_are_taken_as_they_are() -> None:
    assert as_waveform([0.5, -2.0, 0.0]).tolist() == [0.5, -2.0, 0.0]


def test_channels_are_averaged() -> None:
    stereo = np.array([[0.5, 0.25], [-1.0, 1.0], [0.0, 0.5]])
    assert as_waveform(stereo).tolist() == [0.375, 0.0, 0.25]


def test_loud_integer_channels_do_not_overflow() -> None:
    stereo = np.full((3, 2), 32_767, dtype=np.int16)
    np.testing.assert_allclose(as_waveform(stereo), 32_767 / 32_768, rtol=1e-7)


def test_one_channel_is_a_waveform() -> None:
    assert as_waveform(np.full((3, 1), 0.5)).tolist() == [0.5, 0.5, 0.5]


def test_strided_samples_come_out_contiguous() -> None:
    waveform = as_waveform(np.arange(10, dtype=np.float32)[::-3])
    assert waveform.tolist() == [9.0, 6.0, 3.0, 0.0]
    assert waveform.flags.c_contiguous


@pytest.mark.parametrize("shape", [(0,), (0, 1), (0, 2)])
def test_no_samples_are_an_empty_waveform(shape: tuple[int, ...]) -> None:
    waveform = as_waveform(np.empty(shape, dtype=np.int16))
    assert waveform.shape == (0,)
    assert waveform.dtype == np.float32


@pytest.mark.parametrize(
    "samples",
    [
        np.array([1, 2], dtype=np.uint8),
        np.array([1, 2], dtype=np.int64),
        np.array([1, 2], dtype=">i2"),
        np.array([True, False]),
        np.array([1j]),
        np.array(["0.5"]),
        np.array([0.5, None]),
    ],
    ids=lambda samples: str(samples.dtype),
)
def test_another_type_of_sample_is_refused_by_its_name(samples: npt.NDArray[np.generic]) -> None:
    with pytest.raises(InputError, match="expected float, int16 or int32 samples, got ") as caught:
        as_waveform(samples)
    assert str(samples.dtype) in str(caught.value)


@pytest.mark.parametrize("shape", [(), (16_000, 0), (2, 16_000), (3, 3, 3)])
def test_another_shape_is_refused_with_the_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        as_waveform(np.zeros(shape, dtype=np.float32))
    assert f"expected (n_samples,) or (n_samples, n_channels), got {shape}" in str(caught.value)


def test_channels_first_are_told_to_transpose() -> None:
    with pytest.raises(InputError, match="transpose it if the channels come first"):
        as_waveform(np.zeros((2, 16_000), dtype=np.int16))


@pytest.mark.parametrize("samples", ["clip.wav", b"RIFF", None, {"array": [0.5]}])
def test_what_is_no_array_is_refused(samples: npt.ArrayLike) -> None:
    with pytest.raises(InputError, match="the waveform: expected "):
        as_waveform(samples)


def test_a_ragged_list_is_refused() -> None:
    with pytest.raises(InputError, match="the waveform: expected "):
        as_waveform([[0.5], [0.5, 0.25]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_is_refused_by_its_place(bad: float) -> None:
    with pytest.raises(InputError, match=rf"sample 2 is {bad}; expected finite samples"):
        as_waveform([0.0, 0.5, bad, np.nan])


def test_a_float64_beyond_float32_is_refused() -> None:
    with pytest.raises(InputError, match="sample 1 is inf"):
        as_waveform(np.array([0.0, 1e300]))


@pytest.mark.parametrize("row", [[np.inf, -np.inf], [3e38, 3e38]])
def test_channels_without_a_finite_mean_are_refused(row: list[float]) -> None:
    with pytest.raises(InputError, match=r"sample 1 is (nan|inf)"):
        as_waveform(np.array([[0.0, 0.0], row], dtype=np.float32))


def test_the_message_names_what_the_caller_names() -> None:
    with pytest.raises(InputError, match=r"^chunk 7: expected float, int16 or int32 samples"):
        as_waveform([1, 2], "chunk 7")
