"""Pictures to features: resized to what a network takes, and normalised."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from PIL import Image as Pillow

from benchmarks.compare import Peer, compared
from benchmarks.line import Line
from benchmarks.setting import ROOT, Setting
from earlet.arrays import ByteArray, FloatArray
from earlet.features.image import Image, ImageConfig
from earlet.features.resize import Arithmetic, Resample, resize

PHOTOGRAPH = ROOT / "tests" / "golden" / "huggingface" / "photo.png"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
BYTE = 1 / 255
SIDE = 224  # pixels
USUAL = (640, 480)  # at which everybody is compared
SIZES = ((300, 200), USUAL, (1920, 1080), (4000, 3000))
FILTERS: dict[Resample, Pillow.Resampling] = {
    "bilinear": Pillow.Resampling.BILINEAR,
    "bicubic": Pillow.Resampling.BICUBIC,
}
ROUNDS = 25
# At most, of the time that Pillow with NumPy takes.
AIMS: dict[Arithmetic, float] = {"exact": 1.25, "float32": 0.7}
LEVEL = BYTE / min(STD)  # of 8 bits, as a feature: no sum may be rounded otherwise, but in float32
WITHIN: dict[Arithmetic, float] = {"exact": 1e-5, "float32": 1.01 * LEVEL}
FEW_WEIGHTS = (
    "Most of it is turning bytes into floats, which takes as long whatever the filter, and which "
    "Pillow's sums of integers do not need: with bilinear's few weights that shows."
)

Work = Callable[[], Any]


def lines(setting: Setting) -> Iterator[Line]:
    """Of each size and filter: exactly as Pillow resizes, and nearly."""
    with Pillow.open(PHOTOGRAPH) as file:
        photograph = file.convert("RGB")
    rounds = setting.rounds(ROUNDS)
    for size in (USUAL,) if setting.quick else SIZES:
        picture = photograph.resize(size, Pillow.Resampling.LANCZOS)
        for resample in FILTERS:
            for arithmetic in AIMS:
                yield from whole(picture, resample, arithmetic, rounds)
        if size == USUAL:
            yield from resizing(picture, rounds)


def whole(
    picture: Pillow.Image, resample: Resample, arithmetic: Arithmetic, rounds: int
) -> Iterator[Line]:
    """From pixels to features."""
    image = features(resample, arithmetic)
    pixels = np.asarray(picture)  # which is what earlet decodes to
    peers = [
        Peer(
            distribution="pillow",
            how="NumPy after it",
            make=partial(pillow, picture, FILTERS[resample]),
            aim=AIMS[arithmetic],
            why=FEW_WEIGHTS,
            tolerance=WITHIN[arithmetic],
        )
    ]
    if picture.size == USUAL:
        peers.append(
            Peer(
                distribution="transformers",
                how="Pillow in it",
                make=partial(transformers, picture, FILTERS[resample]),
                tolerance=WITHIN[arithmetic],
            )
        )
    what = f"{named(picture)} to {SIDE} x {SIDE}, {resample}, {arithmetic}"
    yield from compared(what, lambda: image(pixels), peers, rounds)


def resizing(picture: Pillow.Image, rounds: int) -> Iterator[Line]:
    """Alone, to the same bytes."""
    pixels = np.asarray(picture)

    def make() -> Callable[[], ByteArray]:
        size, resample = (SIDE, SIDE), Pillow.Resampling.BICUBIC
        return lambda: np.asarray(picture.resize(size, resample)).transpose(2, 0, 1)

    yield from compared(
        f"{named(picture)} to {SIDE} x {SIDE}, bicubic, bytes to bytes",
        lambda: resize(pixels, SIDE, SIDE, "bicubic"),
        [Peer(distribution="pillow", make=make, tolerance=0)],
        rounds,
    )


def named(picture: Pillow.Image) -> str:
    """By its size."""
    return f"{picture.width} x {picture.height}"


def features(resample: Resample, arithmetic: Arithmetic) -> Image:
    """Of earlet."""
    return Image(
        ImageConfig(
            resample=resample,
            rescale_factor=BYTE,
            mean=MEAN,
            std=STD,
            resize=(SIDE, SIDE),
            arithmetic=arithmetic,
        )
    )


def pillow(picture: Pillow.Image, resample: Pillow.Resampling) -> Work:
    """As most programs have it; scale and shift are one product and one sum."""
    mean, std = np.array(MEAN, dtype=np.float32), np.array(STD, dtype=np.float32)
    scale: FloatArray = np.float32(BYTE) / std
    shift: FloatArray = mean / std

    def features() -> FloatArray:
        pixels = np.asarray(picture.resize((SIDE, SIDE), resample), dtype=np.float32)
        pixels *= scale
        pixels -= shift
        return np.ascontiguousarray(pixels.transpose(2, 0, 1))

    return features


def transformers(picture: Pillow.Image, resample: Pillow.Resampling) -> Work:
    """Its processor for these constants."""
    from transformers import ViTImageProcessor

    processor: Any = ViTImageProcessor(image_mean=MEAN, image_std=STD, resample=resample)
    return lambda: processor(picture, return_tensors="np")["pixel_values"][0]
