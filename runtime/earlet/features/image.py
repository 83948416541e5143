"""Pictures as networks take them: resized, cut, and each pixel on the scale of the training.

Reference: the image processors of Hugging Face transformers for ViT, DeiT, MobileNet V1 and V2,
EfficientNet and ConvNeXt, whose steps and order these are; those of BEiT, BiT, CLIP, LeViT,
MobileViT, PoolFormer, SegFormer and SigLIP are other settings of the same. Held to them in
`tests/features/test_image.py`.

    image (any height, any width, 3) uint8 RGB
        -> a square of its centre (crop_fraction) -> resized (resize)
        -> a rectangle of the centre (crop), with zeros around where the picture is smaller
        -> (pixel * rescale_factor - mean) / std -> (3, height, width) float32

Options of transformers' processors that are no keys here come to others:

    ConvNeXt, shortest_edge s, crop_pct   s < 384: resize int(s / crop_pct), crop [s, s]
                                          s >= 384: resize [s, s]
    EfficientNet, rescale_offset          mean + 1
    EfficientNet, include_top             std * std
    LeViT, shortest_edge s                resize int(256 / 224 * s)
    MobileViT, do_flip_channel_order      channels bgr
    PoolFormer, shortest_edge s, crop_pct resize int(s / crop_pct)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from earlet import schema
from earlet.arrays import ByteArray, FloatArray
from earlet.errors import InputError, ManifestError
from earlet.features.resize import Arithmetic, Resample, resize

MAX_SIDE = 4_096  # pixels of a network's input; most take a few hundred


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """What a model was trained with; read from its bundle, never guessed."""

    resample: Resample
    rescale_factor: float
    mean: tuple[float, ...]  # of red, green and blue, after rescaling
    std: tuple[float, ...]
    crop_fraction: float | None = None  # of the shorter side; TensorFlow's EfficientNets
    resize: int | tuple[int, ...] | None = None  # to a shorter side, or to height and width; pixels
    crop: tuple[int, ...] | None = None  # height and width
    channels: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["channels-first", "channels-last"] = "channels-first"
    # Of the resize. "float32" is faster, and a level off, rarely two, in less than a thousandth of
    # the pixels; bilinear, where sizes are in a ratio of small numbers such as 8 to 7, in up to a
    # fiftieth. As a feature a level is rescale_factor / std. What it gives is rounded to whole
    # levels, too: else every pixel would be a fraction off what the model was trained with.
    arithmetic: Arithmetic = "exact"

    def __post_init__(self) -> None:
        sides = [self.resize] if isinstance(self.resize, int) else [*(self.resize or ())]
        if not all(1 <= side <= MAX_SIDE for side in (*sides, *self.size)):
            raise InputError(
                f"need resize and crop of 1 to {MAX_SIDE} pixels, got {self.resize} and {self.crop}"
            )
        if self.crop_fraction is not None and not 0 < self.crop_fraction <= 1:
            raise InputError(f"need 0 < crop_fraction <= 1, got {self.crop_fraction:g}")
        if not (len(self.mean) == len(self.std) == 3 and min(self.std) > 0):
            raise InputError(f"need 3 of mean and 3 of std above 0, got {self.mean}, {self.std}")
        if self.arithmetic != "exact" and (self.resize is None or self.resample == "nearest"):
            raise InputError(
                f"arithmetic {self.arithmetic}: need a resize that adds up, got resize "
                f"{self.resize}, {self.resample}; leave arithmetic out"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what the network gets."""
        for sides in (self.resize, self.crop):
            if isinstance(sides, tuple) and len(sides) != 2:
                raise InputError(f"need a height and a width, got {list(sides)}")
        sides = self.crop or self.resize
        if not isinstance(sides, tuple):
            raise InputError("need a crop, or a resize to height and width: networks take one size")
        return sides[0], sides[1]


class Image:
    """Features of a picture: `Image(config)(image)`."""

    def __init__(self, config: ImageConfig) -> None:
        self.config = config
        height, width = config.size
        first = config.layout == "channels-first"
        self.shape = (3, height, width) if first else (height, width, 3)
        mean, std = np.array(config.mean), np.array(config.std)
        self._scales, self._offsets = config.rescale_factor / std, -mean / std

    def __call__(self, image: ByteArray) -> FloatArray:
        """(any height, any width, 3) RGB -> float32 of `shape`."""
        if self.config.crop_fraction is not None:
            image = _central_square(image, self.config.crop_fraction)
        features = np.empty(self.shape, dtype=np.float32)
        last = self.config.layout == "channels-last"
        planes = features.transpose(2, 0, 1) if last else features
        planes = planes[::-1] if self.config.channels == "bgr" else planes
        pixels = self._pixels(image)
        for plane, levels, scale, offset in zip(
            planes, pixels, self._scales, self._offsets, strict=True
        ):
            # In float64, rounded once: what transformers rounds at every step is within 1e-6 of it.
            np.add(levels * scale, offset, out=plane, casting="same_kind")
        return features

    def _pixels(self, image: ByteArray) -> ByteArray:
        """Resized and cropped, (3, height, width); what the crop leaves out is never computed."""
        height, width = self._resized(*image.shape[:2])
        (rows, top), (columns, left) = (
            _centre(old, new) for old, new in zip((height, width), self.config.size, strict=True)
        )
        if self.config.resize is None:
            pixels = image[rows.start : rows.stop, columns.start : columns.stop].transpose(2, 0, 1)
        else:
            filtering = self.config.resample, (rows, columns), self.config.arithmetic
            pixels = resize(image, height, width, *filtering)
        if pixels.shape[1:] == self.config.size:
            return pixels
        padded = np.zeros((3, *self.config.size), dtype=np.uint8)
        padded[:, top : top + len(rows), left : left + len(columns)] = pixels
        return padded

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        sides = self.config.resize
        if sides is None:
            return height, width
        if isinstance(sides, tuple):
            return sides[0], sides[1]
        longer = int(sides * max(height, width) / min(height, width))
        return (sides, longer) if height < width else (longer, sides)


def _centre(old: int, new: int) -> tuple[range, int]:
    """Which of `old` pixels are among the `new` at their centre, and how many zeros come first."""
    begin = (old - new) // 2
    return range(max(begin, 0), min(begin + new, old)), max(-begin, 0)


def _central_square(image: ByteArray, fraction: float) -> ByteArray:
    """The centre by the rule of TensorFlow's EfficientNets: of two, the lower right one."""
    height, width, _ = image.shape
    side = max(int(fraction * min(height, width)), 1)
    top, left = (height - side + 1) // 2, (width - side + 1) // 2
    return image[top : top + side, left : left + side]


def from_manifest(section: Mapping[str, object], where: str = "input") -> Image:
    """The features that a bundle's `input` section of kind "image" asks for.

    Raises:
        ManifestError: it is of another kind, a key is missing or unknown, or a value cannot be
            used; `where` names the section.
    """
    if section.get("kind") != "image":
        raise ManifestError(f"{where}.kind: expected 'image', got {section.get('kind')!r}")
    fields = {key: value for key, value in section.items() if key != "kind"}
    return Image(schema.read(ImageConfig, fields, where, ManifestError))
