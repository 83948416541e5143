"""What it takes to make features of a picture, against Pillow with NumPy and against transformers.

    python benchmarks/pictures.py

Prints a table, as Markdown: CPU time as a multiple of what Pillow and NumPy take, the median of
rounds in which all run in turn, and between which quartiles it lies; the largest difference is told
in levels of 8 bits. earlet begins with an array, which is what it decodes to, the others with a PIL
image; "resize alone" is earlet's exact one as a multiple of Pillow's. Needs the `dev` extra.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy reads it
os.environ["TRANSFORMERS_NO_ADVISORY_WARNINGS"] = "1"  # that there is no torch is as wanted

import numpy as np
from PIL import Image as Pillow
from stopwatch import in_turn
from transformers import ViTImageProcessor

from earlet.arrays import FloatArray
from earlet.features.image import Image, ImageConfig
from earlet.features.resize import Arithmetic, Resample, resize

PHOTOGRAPH = Path(__file__).parents[1] / "tests" / "golden" / "huggingface" / "photo.png"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
BYTE = 1 / 255
SIDE = 224  # pixels
SIZES = ((100, 100), (300, 200), (500, 375), (640, 480), (1920, 1080), (4000, 3000))
FILTERS: dict[Resample, Pillow.Resampling] = {
    "bilinear": Pillow.Resampling.BILINEAR,
    "bicubic": Pillow.Resampling.BICUBIC,
}
ROUNDS = 25
HEADING = (
    *("width x height", "filter", "Pillow + NumPy", "exact", "float32", "transformers"),
    *("resize alone", "exact off by", "float32 off by"),
)


class Peer(NamedTuple):
    """Pillow with NumPy, as most programs have it."""

    image: Pillow.Image
    resample: Pillow.Resampling

    def resize(self) -> Pillow.Image:
        """To the size that the network takes."""
        return self.image.resize((SIDE, SIDE), self.resample)

    def features(self) -> FloatArray:
        """(3, height, width)."""
        pixels = np.asarray(self.resize(), dtype=np.float32) / 255
        mean, std = np.array(MEAN, dtype=np.float32), np.array(STD, dtype=np.float32)
        return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1))


def main() -> None:
    """Print the table."""
    lines = [HEADING, ("---",) * len(HEADING), *rows()]
    sys.stdout.write("".join(f"| {' | '.join(line)} |\n" for line in lines))


def rows() -> Iterator[tuple[str, ...]]:
    """One a size and filter."""
    with Pillow.open(PHOTOGRAPH) as file:
        photograph = file.convert("RGB")
    for size in SIZES:
        picture = photograph.resize(size, Pillow.Resampling.LANCZOS)
        for resample in FILTERS:
            yield (f"{size[0]} x {size[1]}", resample, *measured(picture, resample))


def measured(picture: Pillow.Image, resample: Resample) -> Iterator[str]:
    """The cells of a row."""
    pixels = np.asarray(picture)
    peer = Peer(picture, FILTERS[resample])
    exact, fast = ours(resample, "exact"), ours(resample, "float32")
    processor: Any = ViTImageProcessor(image_mean=MEAN, image_std=STD, resample=peer.resample)
    times = in_turn(
        [
            peer.features,
            lambda: exact(pixels),
            lambda: fast(pixels),
            lambda: processor(picture, return_tensors="np"),
            peer.resize,
            lambda: resize(pixels, SIDE, SIDE, resample),
        ],
        ROUNDS,
    )
    yield f"{1e3 * np.median(times[:, 0]):.2f} ms"
    for column in (1, 2, 3):
        yield spread(times[:, column] / times[:, 0])
    yield spread(times[:, 5] / times[:, 4])
    level = BYTE / np.array(STD)[:, None, None]
    for image in (exact, fast):
        off = np.abs(image(pixels) - peer.features()) / level
        yield f"{off.max():.0f}, in {100 * (off > 0.5).mean():.3f} %"


def ours(resample: Resample, arithmetic: Arithmetic) -> Image:
    """Features of earlet."""
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


def spread(ratios: FloatArray) -> str:
    """The median, and the quartiles beside it."""
    low, median, high = np.percentile(ratios, (25, 50, 75))
    return f"{median:.2f} ({low:.2f}-{high:.2f})"


if __name__ == "__main__":
    main()
