"""Pictures as networks take them, against the image processors of transformers."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from transformers import (
    BeitImageProcessor,
    BitImageProcessor,
    CLIPImageProcessor,
    ConvNextImageProcessor,
    DeiTImageProcessor,
    EfficientNetImageProcessor,
    LevitImageProcessor,
    MobileNetV1ImageProcessor,
    MobileNetV2ImageProcessor,
    MobileViTImageProcessor,
    PoolFormerImageProcessor,
    SegformerImageProcessor,
    SiglipImageProcessor,
    ViTImageProcessor,
)

from earlet.arrays import ByteArray
from earlet.errors import ManifestError
from earlet.features.image import Image, ImageConfig, from_manifest

TOLERANCE = 1e-6  # they round to float32 at each of three steps, of values up to 2.7
HALF = (0.5, 0.5, 0.5)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
EFFICIENTNET_STD = (0.47853944, 0.4732864, 0.47434163)  # the roots of ImageNet's
BYTE = 1 / 255
SQUARE = 224, 224
PHOTOGRAPH = Path(__file__).parents[1] / "golden" / "huggingface" / "photo.png"


def config(mean: tuple[float, ...] = HALF, std: tuple[float, ...] = HALF, **keys: Any) -> Image:
    return Image(ImageConfig(**{"rescale_factor": BYTE, "mean": mean, "std": std, **keys}))


PROCESSORS: dict[str, tuple[Any, Image]] = {
    "ViT": (ViTImageProcessor(), config(resize=SQUARE, resample="bilinear")),
    "DeiT": (DeiTImageProcessor(), config(resize=(256, 256), crop=SQUARE, resample="bicubic")),
    "MobileNetV1": (
        MobileNetV1ImageProcessor(),
        config(resize=256, crop=SQUARE, resample="bilinear"),
    ),
    "MobileNetV2, ImageNet": (
        MobileNetV2ImageProcessor(image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD, resample=3),
        config(IMAGENET_MEAN, IMAGENET_STD, resize=256, crop=SQUARE, resample="bicubic"),
    ),
    "MobileNetV2, crop larger than the picture": (
        MobileNetV2ImageProcessor(
            size={"shortest_edge": 50}, crop_size={"height": 61, "width": 120}, resample=1
        ),
        config(resize=50, crop=(61, 120), resample="lanczos"),
    ),
    "MobileNetV2, not resized": (
        MobileNetV2ImageProcessor(do_resize=False, crop_size={"height": 80, "width": 51}),
        config(crop=(80, 51), resample="bilinear"),
    ),
    "MobileNetV2, neither rescaled nor normalised": (
        MobileNetV2ImageProcessor(do_rescale=False, do_normalize=False),
        config(
            (0, 0, 0), (1, 1, 1), rescale_factor=1.0, resize=256, crop=SQUARE, resample="bilinear"
        ),
    ),
    "EfficientNet": (
        EfficientNetImageProcessor(
            do_center_crop=True, image_mean=IMAGENET_MEAN, image_std=EFFICIENTNET_STD
        ),
        config(
            IMAGENET_MEAN,
            tuple(std * std for std in EFFICIENTNET_STD),
            resize=(346, 346),
            crop=(289, 289),
            resample="nearest",
        ),
    ),
    "EfficientNet, rescaled to -1..1": (
        EfficientNetImageProcessor(
            rescale_factor=2 * BYTE,
            rescale_offset=True,
            include_top=False,
            image_mean=IMAGENET_MEAN,
        ),
        config(
            (1.485, 1.456, 1.406), rescale_factor=2 * BYTE, resize=(346, 346), resample="nearest"
        ),
    ),
    "ConvNeXt": (
        ConvNextImageProcessor(
            size={"shortest_edge": 224},
            image_mean=IMAGENET_MEAN,
            image_std=IMAGENET_STD,
            resample=3,
        ),
        config(IMAGENET_MEAN, IMAGENET_STD, resize=256, crop=SQUARE, resample="bicubic"),
    ),
    "ConvNeXt at 384": (
        ConvNextImageProcessor(image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD),
        config(IMAGENET_MEAN, IMAGENET_STD, resize=(384, 384), resample="bilinear"),
    ),
    "Swin": (
        ViTImageProcessor(image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD, resample=3),
        config(IMAGENET_MEAN, IMAGENET_STD, resize=SQUARE, resample="bicubic"),
    ),
    "BEiT": (BeitImageProcessor(), config(resize=(256, 256), crop=SQUARE, resample="bicubic")),
    "CLIP": (
        CLIPImageProcessor(),
        config(CLIP_MEAN, CLIP_STD, resize=224, crop=SQUARE, resample="bicubic"),
    ),
    "DINOv2": (
        BitImageProcessor(
            size={"shortest_edge": 256}, image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD
        ),
        config(IMAGENET_MEAN, IMAGENET_STD, resize=256, crop=SQUARE, resample="bicubic"),
    ),
    "LeViT": (
        LevitImageProcessor(),
        config(IMAGENET_MEAN, IMAGENET_STD, resize=256, crop=SQUARE, resample="bicubic"),
    ),
    "MobileViT": (
        MobileViTImageProcessor(size={"shortest_edge": 288}),
        config(
            (0, 0, 0), (1, 1, 1), resize=288, crop=(256, 256), resample="bilinear", channels="bgr"
        ),
    ),
    "PoolFormer": (
        PoolFormerImageProcessor(),
        config(IMAGENET_MEAN, IMAGENET_STD, resize=248, crop=SQUARE, resample="bicubic"),
    ),
    "SegFormer": (
        SegformerImageProcessor(),
        config(IMAGENET_MEAN, IMAGENET_STD, resize=(512, 512), resample="bilinear"),
    ),
    "SigLIP": (SiglipImageProcessor(), config(resize=SQUARE, resample="bicubic")),
}


def picture(height: int, width: int) -> ByteArray:
    """Waves of three colours, and some noise."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 5 + y / 11), np.cos(x / 29), np.sin(y / 3)]
    noise = np.random.default_rng(0).normal(0, 20, (height, width, 3))
    return np.clip(np.stack(waves, axis=-1) * 127 + 128 + noise, 0, 255).astype(np.uint8)


def largest_difference(image: ByteArray, name: str) -> float:
    processor, ours = PROCESSORS[name]
    expected = processor(image, return_tensors="np")["pixel_values"][0]
    features = ours(image)
    assert features.dtype == np.float32
    assert features.shape == expected.shape == ours.shape
    return float(np.abs(features - expected).max())


@pytest.mark.parametrize("name", PROCESSORS)
@pytest.mark.parametrize(("height", "width"), [(50, 50), (61, 60), (341, 512), (500, 301), (5, 90)])
def test_features_are_those_of_transformers(name: str, height: int, width: int) -> None:
    assert largest_difference(picture(height, width), name) <= TOLERANCE


@pytest.mark.parametrize("name", PROCESSORS)
@settings(max_examples=10)
@given(height=st.integers(16, 300), width=st.integers(16, 300))
def test_features_of_any_size_are_those_of_transformers(name: str, height: int, width: int) -> None:
    assert largest_difference(picture(height, width), name) <= TOLERANCE


@pytest.mark.parametrize("name", PROCESSORS)
def test_features_of_a_photograph_are_those_of_transformers(name: str) -> None:
    photograph = np.asarray(Pillow.open(PHOTOGRAPH).convert("RGB"))
    assert largest_difference(photograph, name) <= TOLERANCE


@pytest.mark.parametrize("name", PROCESSORS)
def test_features_of_photographs_are_those_of_transformers(name: str, shared_data: Path) -> None:
    paths = [path for ext in ("png", "jpg") for path in (shared_data / "image").glob(f"*.{ext}")]
    assert len(paths) == 6
    for path in paths:
        photograph = np.asarray(Pillow.open(path).convert("RGB"))
        assert largest_difference(photograph, name) <= TOLERANCE, path.name


@pytest.mark.parametrize(
    ("size", "box"),  # by the rule of TensorFlow's EfficientNets: 224 / 256 of the shorter side
    [
        ((341, 512), (107, 22, 405, 320)),  # left, top, right, bottom
        ((512, 341), (22, 107, 320, 405)),
        ((256, 256), (16, 16, 240, 240)),
        ((100, 101), (7, 7, 94, 94)),
        ((1, 9), (4, 0, 5, 1)),
    ],
)
def test_a_square_of_the_centre_is_cut_out_before_resizing(
    size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    image = picture(*size)
    cut = Pillow.fromarray(image).crop(box).resize(SQUARE, Pillow.Resampling.BICUBIC)
    ours = config(
        (127, 127, 127),
        (128, 128, 128),
        rescale_factor=1.0,
        crop_fraction=0.875,
        resize=SQUARE,
        resample="bicubic",
    )(image)
    np.testing.assert_array_equal(ours * 128 + 127, np.asarray(cut).transpose(2, 0, 1))


@pytest.mark.parametrize("name", ["ViT", "DeiT", "MobileNetV2, ImageNet", "ConvNeXt"])
def test_float32_is_within_a_level_of_transformers(name: str) -> None:
    processor, ours = PROCESSORS[name]
    image = picture(480, 640)
    fast = Image(dataclasses.replace(ours.config, arithmetic="float32"))(image)
    difference = np.abs(fast - processor(image, return_tensors="np")["pixel_values"][0])
    level = BYTE / min(ours.config.std)
    assert difference.max() <= level + TOLERANCE
    assert (difference > TOLERANCE).mean() <= 1e-3


def test_channels_last_and_blue_first_are_the_same_numbers_in_another_order() -> None:
    image, keys = picture(40, 60), {"resize": (30, 20), "resample": "bilinear"}
    plain = config(IMAGENET_MEAN, IMAGENET_STD, **keys)(image)
    last = config(IMAGENET_MEAN, IMAGENET_STD, **keys, layout="channels-last")
    blue = config(IMAGENET_MEAN, IMAGENET_STD, **keys, channels="bgr")
    assert last.shape == (30, 20, 3)
    np.testing.assert_array_equal(last(image), plain.transpose(1, 2, 0))
    np.testing.assert_array_equal(blue(image), plain[::-1])
    assert last(image).flags.c_contiguous


SECTION: dict[str, object] = {
    "kind": "image",
    "resize": 256,
    "crop": [224, 224],
    "resample": "bilinear",
    "rescale_factor": BYTE,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
}


def test_the_manifest_says_it_all() -> None:
    expected = config(resize=256, crop=SQUARE, resample="bilinear").config
    assert from_manifest(SECTION).config == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "fbank"}, "input.kind: expected 'image', got 'fbank'"),
        ({"resize": 0}, "input: need resize and crop of 1 to 4096 pixels, got 0 and (224, 224)"),
        ({"resize": [224]}, "input: need a height and a width, got [224]"),
        ({"crop": [224, 224, 3]}, "input: need a height and a width, got [224, 224, 3]"),
        ({"crop": [5_000, 1]}, "need resize and crop of 1 to 4096 pixels"),
        ({"crop": None}, "input: need a crop, or a resize to height and width"),
        ({"resize": None, "crop": None}, "input: need a crop, or a resize to height and width"),
        ({"resize": "224"}, "input.resize: expected a list, got '224'"),
        ({"crop_fraction": 0.0}, "input: need 0 < crop_fraction <= 1, got 0"),
        ({"mean": [0.5]}, "input: need 3 of mean and 3 of std above 0"),
        ({"std": [0.5, 0.5, 0.0]}, "input: need 3 of mean and 3 of std above 0"),
        ({"resample": "cubic"}, "input.resample: expected one of nearest, bilinear, bicubic"),
        ({"layout": "NHWC"}, "input.layout: expected one of channels-first, channels-last"),
        ({"arithmetic": "float16"}, "input.arithmetic: expected one of exact, float32, got"),
        (
            {"arithmetic": "float32", "resample": "nearest"},
            "input: arithmetic float32: need a resize that adds up, got resize 256, nearest",
        ),
        ({"arithmetic": "float32", "resize": None}, "need a resize that adds up, got resize None"),
        ({"means": [0.5]}, "input: unknown key 'means'; did you mean 'mean'?"),
    ],
)
def test_a_wrong_section_is_one_line_that_names_the_key(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        from_manifest(SECTION | change)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["resample", "rescale_factor", "mean", "std"])
def test_nothing_is_guessed(key: str) -> None:
    with pytest.raises(ManifestError, match=f"the key '{key}' is missing"):
        from_manifest({name: value for name, value in SECTION.items() if name != key})
