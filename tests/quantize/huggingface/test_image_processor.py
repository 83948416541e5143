"""What a preprocessor_config.json asks for, against the image processors of transformers."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from PIL import Image as Pillow

from earlet.features.image import from_manifest
from earlet_quantize.errors import FolderError
from earlet_quantize.huggingface.folder import PREPROCESSOR, Folder
from earlet_quantize.huggingface.image_processor import PROCESSORS, image_section

TOLERANCE = 1e-6  # they round to float32 at each of three steps
ODD: list[object] = [None, True, -1, 0, 1.5, 1e-300, 10**30, "", [], [1, 2], [None, 1], {"a": 1}]

# What transformers 4.57's ...ImageProcessorFast write besides, or where they lack an option.
FAST: dict[str, object] = {
    "crop_size": None,
    "data_format": "channels_first",
    "default_to_square": True,
    "device": None,
    "disable_grouping": None,
    "do_center_crop": None,
    "do_convert_rgb": None,
    "do_pad": None,
    "input_data_format": None,
    "pad_size": None,
    "return_tensors": None,
}

Write = Callable[..., Folder]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(size=32)`: a folder with these facts."""

    def write(**facts: object) -> Folder:
        (tmp_path / PREPROCESSOR).write_text(json.dumps(facts), encoding="utf-8")
        return Folder(tmp_path)

    return write


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("Beit", {"size": 40, "crop_size": 36, "resample": 2, "do_reduce_labels": True}),
        ("Beit", {"do_center_crop": False, "size": [36, 40]}),
        ("Bit", {"size": {"shortest_edge": 40}, "crop_size": {"height": 36, "width": 30}}),
        ("Bit", {"size": {"height": 30, "width": 40}, "do_center_crop": False}),
        ("Bit", {"size": 40, "crop_size": [36, 48], "do_convert_rgb": False}),
        ("ConvNext", {"size": {"shortest_edge": 60}, "crop_pct": 0.7}),
        ("ConvNext", {"size": 60, "crop_pct": None}),
        ("ConvNext", {"size": 400, "crop_pct": 0.7, "image_mean": None}),
        ("DeiT", {"size": 40, "crop_size": 44, "do_rescale": False}),
        ("EfficientNet", {"size": 40, "include_top": True, "do_normalize": False}),
        ("EfficientNet", {"size": 40, "do_center_crop": True, "crop_size": 30}),
        ("EfficientNet", {"size": 40, "rescale_offset": True, "rescale_factor": 1 / 127.5}),
        ("Levit", {"size": 37, "crop_size": 37}),
        ("Levit", {"size": {"height": 37, "width": 50}, "do_center_crop": False}),
        ("MobileNetV1", {"size": 40, "crop_size": 36, "do_resize": True}),
        ("MobileNetV2", {"do_resize": False, "crop_size": 50, "resample": 1}),
        ("MobileViT", {"size": 40, "crop_size": 36}),
        ("MobileViT", {"size": 40, "crop_size": 36, "do_flip_channel_order": False}),
        ("MobileViT", {"size": {"height": 40, "width": 50}, "crop_size": 36}),
        ("PoolFormer", {"size": 41, "crop_size": 41, "crop_pct": 0.87}),
        ("PoolFormer", {"size": {"height": 41, "width": 41}, "crop_size": 41}),
        ("PoolFormer", {"size": {"height": 41, "width": 33}, "do_center_crop": False}),
        ("Segformer", {"size": 40, "do_reduce_labels": True}),
        ("Siglip", {"size": {"height": 40, "width": 41}}),
        ("ViT", {"size": 40, "do_center_crop": False, "crop_size": 30, "do_pad": False}),
        ("ViT", {"size": 40, "do_convert_rgb": True, "data_format": "channels_first"}),
    ],
)
def test_options_mean_what_they_mean_in_transformers(
    name: str, facts: dict[str, Any], write: Write, folders: Path
) -> None:
    theirs = getattr(transformers, f"{name}ImageProcessor").from_dict(facts)
    section, size = image_section(write(feature_extractor_type=f"{name}FeatureExtractor", **facts))
    picture = np.asarray(Pillow.open(folders / "photo.png").convert("RGB"))
    for image in (picture, picture.transpose(1, 0, 2)):
        expected = theirs(image, return_tensors="np", input_data_format="channels_last")
        (pixels,) = expected["pixel_values"]
        assert pixels.shape[1:] == tuple(size)
        np.testing.assert_allclose(from_manifest(section)(image), pixels, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", PROCESSORS)
def test_what_transformers_writes_by_default_says_as_much_as_nothing(
    name: str, write: Write
) -> None:
    stated = getattr(transformers, name)().to_dict()
    assert PROCESSORS[name].options.keys() <= stated.keys()
    expected = image_section(write(image_processor_type=name))
    assert image_section(write(**stated)) == expected
    fast = {**FAST, **stated, "image_processor_type": f"{name}Fast"}
    assert image_section(write(**fast)) == expected


@pytest.mark.parametrize(
    ("name", "facts", "told"),
    [
        ("ViT", {"do_center_crop": True}, "do_center_crop: expected no such key: ViTImagePro"),
        ("ViT", {"do_pad": True}, "do_pad: expected no such key"),
        ("ViT", {"do_random_crop": True}, "do_random_crop: expected no such key"),
        ("ViT", {"do_flip_channel_order": True}, "do_flip_channel_order: expected no such key"),
        ("ViT", {"crop_pct": 0.9}, "crop_pct: expected no such key"),
        ("ViT", {"rescale_offset": True}, "rescale_offset: expected no such key"),
        ("ViT", {"include_top": True}, "include_top: expected no such key"),
        ("ViT", {"data_format": "channels_last"}, "data_format: expected no such key"),
        ("MobileViT", {"do_normalize": True}, "do_normalize: expected no such key: MobileViT"),
        ("ViT", {"do_resize": None}, "do_resize: expected a value, or no such key: what null"),
        ("ViT", {"rescale_factor": None}, "rescale_factor: expected a value"),
        ("PoolFormer", {"crop_pct": None}, "crop_pct: expected a value"),
        ("PoolFormer", {"crop_pct": 1.1}, "crop_pct: expected 0.1 to 1, got 1.1"),
        ("ViT", {"resample": 5}, "resample: expected one of"),
        ("ViT", {"image_mean": 0.5}, "image_mean: expected a list, got 0.5"),
        ("ViT", {"image_std": [1, 1, 1, 1]}, "image_std: expected 3 numbers"),
        ("ViT", {"size": {"longest_edge": 9}}, "size: expected height and width, got"),
        ("Bit", {"size": {"shortest_edge": 9, "longest_edge": 9}}, "size: expected height and"),
        ("Bit", {"size": [9, 9, 9]}, "size: expected a mapping"),
        ("Bit", {"crop_size": {"shortest_edge": 9}}, "crop_size: expected height and width"),
        ("Bit", {"do_center_crop": False}, "networks take pictures of one size"),
        ("CLIP", {"use_square_size": True}, "use_square_size: expected no such key"),
        ("ImageGPT", {}, "image_processor_type: expected one of BeitImageProcessor, "),
    ],
)
def test_what_cannot_be_honoured_is_named(
    name: str, facts: dict[str, object], told: str, write: Write
) -> None:
    with pytest.raises(FolderError, match=told):
        image_section(write(image_processor_type=f"{name}ImageProcessor", **facts))


@pytest.mark.parametrize("name", PROCESSORS)
def test_odd_values_never_raise_anything_else(name: str, write: Write) -> None:
    for option in PROCESSORS[name].options:
        for odd in ODD:
            with contextlib.suppress(FolderError):
                image_section(write(image_processor_type=name, **{option: odd}))
