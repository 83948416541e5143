"""Resizing against Pillow, whose every pixel must come out."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from earlet.arrays import ByteArray
from earlet.features.resize import Resample, resize

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
sides = st.integers(1, 4) | st.integers(1, 80) | st.integers(1, 500)


def picture(height: int, width: int, n_levels: int = 256, seed: int = 0) -> ByteArray:
    """Noise of so many grey levels between black and white; with two, filters overshoot most."""
    levels = np.linspace(0, 255, n_levels).astype(np.uint8)
    return np.random.default_rng(seed).choice(levels, (height, width, 3))


def by_pillow(image: ByteArray, height: int, width: int, resample: str) -> ByteArray:
    resized = Image.fromarray(image).resize((width, height), FILTERS[resample])
    return np.asarray(resized).transpose(2, 0, 1)


@pytest.mark.parametrize("resample", FILTERS)
@settings(max_examples=200)
@given(old=st.tuples(sides, sides), new=st.tuples(sides, sides), n_levels=st.sampled_from([2, 256]))
def test_no_pixel_differs_from_pillow(
    resample: Resample, old: tuple[int, int], new: tuple[int, int], n_levels: int
) -> None:
    image = picture(*old, n_levels)
    np.testing.assert_array_equal(resize(image, *new, resample), by_pillow(image, *new, resample))


@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((1, 1), (300, 200)),
        ((1, 5_000), (7, 3)),
        ((5_000, 1), (3, 7)),
        ((3, 4), (1_500, 1)),
        ((1_500, 1_001), (1, 1)),
        ((1_200, 1_600), (224, 224)),
        ((224, 224), (224, 224)),
        ((1, 65_535), (2, 224)),
        ((65_535, 1), (224, 2)),
    ],
)
def test_no_pixel_differs_however_large_the_ratio(
    resample: Resample, old: tuple[int, int], new: tuple[int, int]
) -> None:
    image = picture(*old)
    np.testing.assert_array_equal(resize(image, *new, resample), by_pillow(image, *new, resample))


@pytest.mark.parametrize(
    ("resample", "old", "new", "share"),  # the last: of the pixels, which may differ
    [
        ("bilinear", (480, 640), (224, 224), 1e-3),
        ("bilinear", (341, 512), (256, 384), 1e-3),
        ("bilinear", (1_200, 1_600), (224, 224), 1e-3),
        ("bilinear", (256, 256), (224, 224), 2.5e-2),  # 8 to 7: one sum in 18 is next to a half
        ("bicubic", (480, 640), (224, 224), 1e-3),
        ("bicubic", (256, 256), (224, 224), 1e-3),
        ("bicubic", (100, 100), (224, 224), 1e-3),
        ("lanczos", (1_200, 1_600), (224, 224), 1e-3),
        ("lanczos", (256, 256), (224, 224), 1e-3),
    ],
)
def test_float32_is_a_level_off_in_few_pixels(
    resample: Resample, old: tuple[int, int], new: tuple[int, int], share: float
) -> None:
    image = picture(*old)
    ours = resize(image, *new, resample, arithmetic="float32")
    difference = np.abs(ours - by_pillow(image, *new, resample).astype(int))
    assert difference.max() <= 1
    assert (difference > 0).mean() <= share


@settings(max_examples=200)
@given(
    resample=st.sampled_from(["bilinear", "bicubic", "lanczos"]),
    old=st.tuples(sides, sides),
    new=st.tuples(sides, sides),
    n_levels=st.sampled_from([2, 256]),
)
def test_float32_is_never_more_than_two_levels_off(
    resample: Resample, old: tuple[int, int], new: tuple[int, int], n_levels: int
) -> None:
    image = picture(*old, n_levels)
    ours = resize(image, *new, resample, arithmetic="float32")
    assert np.abs(ours - by_pillow(image, *new, resample).astype(int)).max() <= 2


@pytest.mark.parametrize(
    ("old", "columns_first"), [((40, 30), False), ((40, 29), False), ((41, 29), True)]
)
def test_columns_go_first_where_the_height_shrinks_by_more_than_twice_as_much(
    old: tuple[int, int], columns_first: bool
) -> None:
    # One axis at a time, so that it is an order that is compared, and not a release of Pillow.
    image = Image.fromarray(picture(*old, n_levels=2))
    between = (old[1], 20) if columns_first else (19, old[0])
    expected = image.resize(between, Image.Resampling.LANCZOS)
    expected = expected.resize((19, 20), Image.Resampling.LANCZOS)
    ours = resize(np.asarray(image), 20, 19, "lanczos")
    np.testing.assert_array_equal(ours, np.asarray(expected).transpose(2, 0, 1))


@pytest.mark.parametrize("resample", FILTERS)
@settings(max_examples=50)
@given(data=st.data(), old=st.tuples(sides, sides), new=st.tuples(sides, sides))
def test_a_window_is_cut_out_of_the_whole(
    resample: Resample, data: st.DataObject, old: tuple[int, int], new: tuple[int, int]
) -> None:
    rows, columns = (
        range(*sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True))))
        for n in new
    )
    image = picture(*old)
    expected = by_pillow(image, *new, resample)[:, rows.start : rows.stop]
    ours = resize(image, *new, resample, (rows, columns))
    np.testing.assert_array_equal(ours, expected[:, :, columns.start : columns.stop])


@pytest.mark.parametrize("resample", FILTERS)
def test_what_is_outside_the_window_takes_no_memory(resample: Resample) -> None:
    image = np.full((1, 60_000, 3), 7, dtype=np.uint8)
    middle = range(7_679_888, 7_680_112)
    tracemalloc.start()
    try:
        ours = resize(image, 256, 15_360_000, resample, (range(16, 240), middle))  # 11.8 GB
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ours.shape == (3, 224, 224)
    assert (ours == 7).all()
    assert peak < 10_000_000
