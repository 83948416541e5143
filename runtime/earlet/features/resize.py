"""Resizing pictures: to the last bit what Pillow makes of 8-bit RGB.

Reference: Pillow 13, `src/libImaging/Resample.c`, and `Geometry.c` for "nearest". A filter is
widened by the factor of the reduction, sampled at the pixels' centres, normalised to a sum of 1 and
rounded to 22 bits; each axis is a pass of its own, rounded to 8 bits. Held to Pillow in
`tests/features/test_resize.py`: no pixel differs.

    image (height, width, 3) uint8 -> one axis (3, n_lines, n_outputs), whole numbers as float64
                                   -> the other axis -> (3, n_rows, n_columns) uint8

A pixel of 8 bits times a weight of 22 is exact in float64, and so is every sum of such products, in
whatever order they are added: that leaves the work to BLAS. The weights of an axis lie in a band
along a diagonal, which is cut into blocks of neighbouring outputs, each a small dense product.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from earlet.arrays import ByteArray, Float64Array

Resample = Literal["nearest", "bilinear", "bicubic", "lanczos"]

WEIGHT_UNIT = 1 << 22  # Pillow's weights are whole multiples of 1 / this
BICUBIC_A = -0.5  # Keys, 1981: the parameter that gives third-order accuracy
LANCZOS_LOBES = 3
# These change the speed alone: over how many inputs, about, the outputs of a block are spread, and
# how many pixels are worked on at a time along the rows: 0.8 MB as float64, for the cache's sake.
BLOCK_SPAN, MIN_BLOCK, MAX_BLOCK = 16, 8, 64
STRIP_PIXELS = 1 << 15
KEPT_BANDS = 4  # the axes of two sizes of picture


def resize(
    image: ByteArray,
    height: int,
    width: int,
    resample: Resample,
    window: tuple[range, range] | None = None,
) -> ByteArray:
    """A picture at another size, or a part of it.

    Args:
        image: (any height, any width, 3), neither of them 0.
        height: of the resized picture, pixels.
        width: the same.
        resample: the filter.
        window: the rows and columns of the resized picture that are wanted: only these are
            computed. None takes all.

    Returns:
        (3, n_rows, n_columns), channels first.
    """
    rows, columns = window or (range(height), range(width))
    old_height, old_width, _ = image.shape
    if resample == "nearest":
        picked = image[_nearest(old_height, height, rows)]
        picked = picked[:, _nearest(old_width, width, columns)]
        return np.ascontiguousarray(picked.transpose(2, 0, 1))
    vertical = _band(old_height, height, rows, resample)
    horizontal = _band(old_width, width, columns, resample)
    image = image[vertical.inputs, horizontal.inputs]
    # Pillow 13's choice of order; the releases before it went along the rows first, always.
    if old_height > height and old_height - height > 2 * (old_width - width):
        lower = _down(image.reshape(1, len(image), -1), vertical)
        return _along(lower.reshape(len(rows), -1, 3).transpose(2, 0, 1), horizontal)
    return _down(_along(image.transpose(2, 0, 1), horizontal), vertical)


class _Block(NamedTuple):
    """Neighbouring outputs of an axis as a product of neighbouring inputs."""

    inputs: slice  # counted from the first input of the band
    outputs: slice
    weights: Float64Array  # (n_inputs, n_outputs)


class _Band(NamedTuple):
    """An axis, or what is wanted of it, in blocks."""

    inputs: slice  # of the picture: all that the blocks see
    n_outputs: int
    blocks: tuple[_Block, ...]


def _along(planes: ByteArray, band: _Band) -> ByteArray:
    """(n_planes, n_rows, n_inputs) -> (n_planes, n_rows, n_outputs)."""
    n_planes, n_rows, n_inputs = planes.shape
    result = np.empty((n_planes, n_rows, band.n_outputs), dtype=np.uint8)
    step = max(1, STRIP_PIXELS // n_inputs)
    for start in range(0, n_rows, step):
        strip = planes[:, start : start + step].astype(np.float64, order="C")
        rows = strip.reshape(-1, n_inputs)
        sums = np.empty((len(rows), band.n_outputs))
        for block in band.blocks:
            np.matmul(rows[:, block.inputs], block.weights, out=sums[:, block.outputs])
        result[:, start : start + step] = _half_up(sums).reshape(n_planes, -1, band.n_outputs)
    return result


def _down(planes: ByteArray, band: _Band) -> ByteArray:
    """(n_planes, n_inputs, n_columns) -> (n_planes, n_outputs, n_columns)."""
    n_planes, _, n_columns = planes.shape
    result = np.empty((n_planes, band.n_outputs, n_columns), dtype=np.uint8)
    for block in band.blocks:
        inputs = planes[:, block.inputs].astype(np.float64)
        result[:, block.outputs] = _half_up(block.weights.T @ inputs)
    return result


def _half_up(sums: Float64Array) -> Float64Array:
    """In place: numbers that, cut to whole ones, are the sums rounded into 0..255."""
    sums += 0.5
    return np.clip(sums, 0.0, 255.5, out=sums)


@lru_cache(maxsize=KEPT_BANDS)
def _band(n_in: int, n_out: int, outputs: range, resample: Resample) -> _Band:
    """The weights with which n_in pixels become those of n_out that `outputs` names."""
    begins, weights = _weights(n_in, n_out, outputs, resample)
    n_outputs, n_taps = weights.shape
    step = min(max(BLOCK_SPAN * n_out // n_in, MIN_BLOCK), MAX_BLOCK)
    starts = np.arange(0, n_outputs, step)
    reach = np.maximum.reduceat(begins, starts) + n_taps - begins[starts]
    span = min(int(reach.max()), n_in)
    firsts = np.minimum(begins[starts], n_in - span)
    block, column = np.divmod(np.arange(n_outputs), step)
    at = (begins - firsts[block])[:, None] + np.arange(n_taps)
    inside = at < span  # beyond it is the end of the picture, where weights are 0
    dense = np.zeros((len(starts), span, step))
    output, _ = np.nonzero(inside)
    dense[block[output], at[inside], column[output]] = weights[inside]
    blocks = []
    origin = int(firsts[0])
    for start, first, product in zip(starts.tolist(), firsts.tolist(), dense, strict=True):
        stop = min(start + step, n_outputs)
        inputs = slice(first - origin, first - origin + span)
        blocks.append(_Block(inputs, slice(start, stop), product[:, : stop - start]))
    return _Band(slice(origin, first + span), n_outputs, tuple(blocks))


def _weights(
    n_in: int, n_out: int, outputs: range, resample: Resample
) -> tuple[npt.NDArray[np.int64], Float64Array]:
    """Of each output the first input, (n_outputs,), and the weights on, (n_outputs, n_taps)."""
    kernel, radius = _KERNELS[resample]
    scale = n_in / n_out
    stretch = max(scale, 1.0)
    centres = (np.arange(outputs.start, outputs.stop) + 0.5) * scale
    begins = np.maximum((centres - radius * stretch + 0.5).astype(np.int64), 0)
    ends = np.minimum((centres + radius * stretch + 0.5).astype(np.int64), n_in)
    at = begins[:, None] + np.arange((ends - begins).max())
    weights = kernel((at - centres[:, None] + 0.5) * (1.0 / stretch))
    weights[at >= ends[:, None]] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    return begins, np.rint(weights * WEIGHT_UNIT) / WEIGHT_UNIT


def _nearest(n_in: int, n_out: int, outputs: range) -> npt.NDArray[np.int64]:
    """Which pixel each output is; the positions are summed up step by step, as in Pillow."""
    steps = np.full(outputs.stop, n_in / n_out)
    steps[0] *= 0.5
    return steps.cumsum()[outputs.start :].astype(np.int64)


def _bilinear(x: Float64Array) -> Float64Array:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _bicubic(x: Float64Array) -> Float64Array:
    x, a = np.abs(x), BICUBIC_A
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    far = (((x - 5.0) * x + 8.0) * x - 4.0) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: Float64Array) -> Float64Array:
    inside = np.abs(x) < LANCZOS_LOBES
    return np.where(inside, np.sinc(x) * np.sinc(x / LANCZOS_LOBES), 0.0)


# The filter, and how many pixels it reaches to each side.
_KERNELS: dict[str, tuple[Callable[[Float64Array], Float64Array], float]] = {
    "bilinear": (_bilinear, 1.0),
    "bicubic": (_bicubic, 2.0),
    "lanczos": (_lanczos, float(LANCZOS_LOBES)),
}
