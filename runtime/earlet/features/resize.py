"""Resizing pictures: to the last bit what Pillow makes of 8-bit RGB, or nearly so and faster.

Reference: Pillow 13, `src/libImaging/Resample.c`, and `Geometry.c` for "nearest". A filter is
widened by the factor of the reduction, sampled at the pixels' centres, normalised to a sum of 1 and
rounded to 22 bits; each axis is a pass of its own, rounded to 8 bits. Held to Pillow in
`tests/features/test_resize.py`: no pixel differs.

    image (height, width, 3) uint8 -> one axis (3, n_lines, n_outputs) uint8
                                   -> the other axis -> (3, n_rows, n_columns) uint8

The weights of an axis lie in a band along a diagonal, which is cut into blocks of neighbouring
outputs, each a small dense product: that leaves the work to BLAS, in whatever order it adds.

A pixel of 8 bits times a weight of 22 is exact in float64, and so is every sum of such products.
float32 takes half the time and is off by less than a margin known beforehand. So where there is
much to add it is asked first, and only the sums that may lie on either side of a half are made
again in float64. With the arithmetic "float32" these stay as they are: some are a level off.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from earlet.arrays import AnyArray, ByteArray, Float64Array

Resample = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Arithmetic = Literal["exact", "float32"]

WEIGHT_UNIT = 1 << 22  # Pillow's weights are whole multiples of 1 / this
BICUBIC_A = -0.5  # Keys, 1981: the parameter that gives third-order accuracy
LANCZOS_LOBES = 3
UNIT_ROUNDOFF = 2.0**-24  # of float32: an operation is off by so much of its result, at most
# The rest changes the speed alone. With so many taps float32 is asked first: with fewer, weights
# are fractions of a small denominator and many sums lie on a half; with more, the margin is wide.
FLOAT32_TAPS = range(8, 257)
# Where lines become so many times shorter, channels stay as they lie, one after the other: to take
# them apart would cost more time than to multiply with the zeros that are then between weights.
INTERLEAVED = 3
BLOCK = 8  # outputs
GROUP = 4  # blocks, where there are so many
TILE = 1 << 16  # numbers that are worked on at a time: 256 kB in float32, for the cache's sake
MIN_LINES = 48  # that are worked on at a time, for BLAS's sake
GATHERED = 1 << 18  # pixels at a time that are added up again
SUMMED = 1 << 16  # steps of "nearest" at a time
KEPT_AXES = 4  # those of two sizes of picture

IndexArray = npt.NDArray[np.int64]


def resize(
    image: ByteArray,
    height: int,
    width: int,
    resample: Resample,
    window: tuple[range, range] | None = None,
    arithmetic: Arithmetic = "exact",
) -> ByteArray:
    """A picture at another size, or a part of it.

    Args:
        image: (any height, any width, 3), neither of them 0 nor more than 65,535: of so many
            weights the sum is near enough to 1 that no result of positive ones leaves 8 bits.
        height: of the resized picture, pixels.
        width: the same.
        resample: the filter.
        window: the rows and columns of the resized picture that are wanted: only these are
            computed. None takes all.
        arithmetic: "exact" gives Pillow's pixels. "float32" may round the other way where a sum is
            next to a half, in either pass. "nearest" adds nothing up: it is always exact.

    Returns:
        (3, n_rows, n_columns), channels first.
    """
    rows, columns = window or (range(height), range(width))
    old_height, old_width, _ = image.shape
    if (old_height, old_width) == (height, width):  # every filter would give what is there
        picked = image[rows.start : rows.stop, columns.start : columns.stop]
        return np.ascontiguousarray(picked.transpose(2, 0, 1))
    if resample == "nearest":
        at_rows = _nearest(old_height, height, rows)
        at_columns = _nearest(old_width, width, columns)
        rows_first = len(rows) <= old_height  # faster; where rows multiply, memory counts
        picked = image[at_rows][:, at_columns] if rows_first else image[:, at_columns][at_rows]
        return np.ascontiguousarray(picked.transpose(2, 0, 1))
    vertical = _axis(old_height, height, rows, resample, arithmetic)
    n_channels = 3 if old_width > INTERLEAVED * width else 1  # that are worked on as they lie
    horizontal = _axis(old_width, width, columns, resample, arithmetic, n_channels)
    image = image[vertical.inputs, horizontal.inputs]
    # Pillow 13's choice of order; the releases before it went along the rows first, always.
    down_first = old_height > height and old_height - height > 2 * (old_width - width)
    if down_first:
        image = _down(image.reshape(1, len(image), -1), vertical).reshape(len(rows), -1, 3)
    planes = image.transpose(2, 0, 1) if n_channels == 1 else image.reshape(1, len(image), -1)
    planes = _along(planes, horizontal)
    if not down_first:
        planes = _down(planes, vertical)
    if n_channels == 1:
        return planes
    return np.ascontiguousarray(planes.reshape(len(rows), -1, 3).transpose(2, 0, 1))


class _Axis(NamedTuple):
    """How the outputs of an axis come of its inputs."""

    inputs: slice  # of the picture: all that the outputs see
    begins: IndexArray  # (n_outputs,): the first input of each, counted from there
    weights: Float64Array  # (n_outputs, n_taps)
    n_channels: int  # of which a line has one number after the other; in the fields below, too
    # The same as dense products, float32 or float64. Group i and block j of it see the inputs from
    # i * advance[0] + j * advance[1] - lead on, with zeros before the first and after the last.
    blocks: AnyArray  # (n_groups, n_blocks of each, span, size of a block)
    advance: tuple[int, int]
    lead: int
    margin: float  # so much may a sum of the blocks be off; 0 where that is left as it is
    overshoots: bool  # sums may leave 0..255

    @property
    def n_outputs(self) -> int:
        """Numbers of a line."""
        return len(self.begins) * self.n_channels


def _along(planes: ByteArray, axis: _Axis) -> ByteArray:
    """(n_planes, n_lines, n_inputs) -> (n_planes, n_lines, n_outputs)."""
    n_planes, n_lines, _ = planes.shape
    result = np.empty((n_planes, n_lines, axis.n_outputs), dtype=np.uint8)
    _fill(result, planes, axis, "C")
    return result


def _down(planes: ByteArray, axis: _Axis) -> ByteArray:
    """(n_planes, n_inputs, n_lines) -> (n_planes, n_outputs, n_lines)."""
    n_planes, _, n_lines = planes.shape
    result = np.empty((n_planes, axis.n_outputs, n_lines), dtype=np.uint8)
    _fill(result.transpose(0, 2, 1), planes.transpose(0, 2, 1), axis, "F")
    return result


def _fill(result: ByteArray, planes: ByteArray, axis: _Axis, order: Literal["C", "F"]) -> None:
    """What `_along` gives, written where it is wanted; `order` is how planes lie in memory."""
    _, n_lines, n_inputs = planes.shape
    n_groups, n_blocks, span, n_block = axis.blocks.shape
    dtype = axis.blocks.dtype
    by_group, by_block = axis.advance
    size = (n_groups - 1) * by_group + (n_blocks - 1) * by_block + span
    n_tile = min(max(TILE // size, MIN_LINES), n_lines)
    inputs = np.zeros((n_tile, size), dtype, order)
    line, pixel = inputs.strides
    seen = as_strided(
        inputs,
        (n_groups, n_blocks, n_tile, span),
        (by_group * pixel, by_block * pixel, line, pixel),
    )
    products = np.empty((n_tile, n_groups * n_blocks * n_block), dtype, order)
    blocks = products.reshape(n_tile, n_groups, n_blocks, n_block).transpose(1, 2, 0, 3)
    sums = products[:, : axis.n_outputs]
    near = np.empty((n_lines, axis.n_outputs), np.bool_, order)
    for plane, whole in zip(planes, result, strict=True):
        for start in range(0, n_lines, n_tile):
            begin = min(start, n_lines - n_tile)  # the last tile is as large as the others
            tile = slice(begin, begin + n_tile)
            inputs[:, axis.lead : axis.lead + n_inputs] = plane[tile]
            np.matmul(seen, axis.blocks, out=blocks)
            _round(sums, axis, whole[tile], near[tile])
        if axis.margin:
            doubtful = np.flatnonzero(near.ravel("K"))
            _settle(whole, plane, axis, *np.unravel_index(doubtful, near.shape, order))


def _round(sums: AnyArray, axis: _Axis, whole: ByteArray, near: npt.NDArray[np.bool_]) -> None:
    """Half up, into 0..255; `near` are those that may have to be one less. The sums are lost."""
    np.add(sums, 0.5 + axis.margin, out=sums)
    if axis.overshoots:
        np.clip(sums, 0.5, 255.5, out=sums)
    whole[...] = sums  # cut, not rounded
    if axis.margin:
        np.subtract(sums, whole, out=sums)
        np.less(sums, 2 * axis.margin, out=near)


def _settle(
    whole: ByteArray, plane: ByteArray, axis: _Axis, lines: IndexArray, outputs: IndexArray
) -> None:
    """Make some results again, in float64."""
    n_taps = axis.weights.shape[1]
    last = plane.shape[1] // axis.n_channels - 1  # beyond it weights are 0
    step = max(GATHERED // n_taps, 1)
    for start in range(0, len(lines), step):
        line, output = lines[start : start + step], outputs[start : start + step]
        at, channel = np.divmod(output, axis.n_channels)
        inputs = np.minimum(axis.begins[at, None] + np.arange(n_taps), last)
        inputs = inputs * axis.n_channels + channel[:, None]
        sums = np.einsum("ij,ij->i", plane[line[:, None], inputs], axis.weights[at])
        whole[line, output] = np.clip(sums + 0.5, 0.5, 255.5)


@lru_cache(maxsize=KEPT_AXES)
def _axis(
    n_in: int,
    n_out: int,
    outputs: range,
    resample: Resample,
    arithmetic: Arithmetic,
    n_channels: int = 1,
) -> _Axis:
    """How n_in pixels become those of n_out that `outputs` names."""
    begins, weights = _weights(n_in, n_out, outputs, resample)
    n_outputs, n_taps = weights.shape
    origin, end = int(begins[0]), min(int(begins[-1]) + n_taps, n_in)
    begins -= origin
    n_block = BLOCK if n_channels == 1 else BLOCK // 2  # pixels, of n_channels numbers each
    block, output = np.divmod(np.arange(n_outputs), n_block)
    group, block = np.divmod(block, GROUP)
    # Groups are equally far apart, and so are the blocks of each, by whole pixels: the two add up
    # to nearly where a block should begin, and what is missing it sees beside.
    by_group, by_block = (max(round(n * n_in / n_out), 1) for n in (GROUP * n_block, n_block))
    firsts = begins - group * by_group - block * by_block
    lead = -int(firsts.min())
    at = (firsts + lead)[:, None] + np.arange(n_taps)
    doubted = arithmetic == "exact" and n_taps in FLOAT32_TAPS
    dtype = np.float32 if doubted or arithmetic == "float32" else np.float64
    shape = group[-1] + 1, block.max() + 1, at.max() + 1, n_channels, n_block, n_channels
    blocks = np.zeros(shape, dtype)
    for channel in range(n_channels):
        where = group[:, None], block[:, None], at, channel, output[:, None], channel
        blocks[where] = weights
    # Of a sum of n products in any order (Higham, 2002, section 3.1), of adding to it, and of what
    # is added: n + 2 roundings of less than 256 times the sum of the weights' sizes.
    size = 256 * float(np.abs(weights).sum(axis=1).max())
    margin = (n_taps + 2) * UNIT_ROUNDOFF * size if doubted else 0.0
    return _Axis(
        inputs=slice(origin, end),
        begins=begins,
        weights=weights,
        n_channels=n_channels,
        blocks=blocks.reshape(*shape[:2], shape[2] * n_channels, n_block * n_channels),
        advance=(by_group * n_channels, by_block * n_channels),
        lead=lead * n_channels,
        margin=margin,
        overshoots=bool(weights.min() < 0),
    )


def _weights(
    n_in: int, n_out: int, outputs: range, resample: Resample
) -> tuple[IndexArray, Float64Array]:
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


def _nearest(n_in: int, n_out: int, outputs: range) -> IndexArray:
    """Which pixel each output is; the positions are summed up step by step, as in Pillow."""
    step = n_in / n_out
    first = 0.5 * step  # of output 0, and then of outputs.start
    for done in range(0, outputs.start, SUMMED):
        first = _positions(first, step, min(SUMMED, outputs.start - done) + 1)[-1]
    return _positions(first, step, len(outputs)).astype(np.int64)


def _positions(first: float, step: float, n: int) -> Float64Array:
    """`first`, and what comes of adding a step to the one before, (n,)."""
    steps = np.full(n, step)
    steps[0] = first
    return steps.cumsum()


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
