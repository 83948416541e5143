"""A table of which rows are read, such as an embedding, in four bits with a scale for each row.

    row (k,) float32 = scale * (c - 7.5),   c in 0..15, two of them in a byte

An embedding is most of a small network's file, and reading a row of it costs next to nothing, so it
bears fewer bits than matrices that are multiplied with. It is rounded before training, and not
after: the network then learns with the very rows that it will have.
"""

from typing import NamedTuple

import numpy as np
import onnx

from earlet.arrays import ByteArray, FloatArray
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import GraphBuilder

LEVELS = 16
MIDDLE = (LEVELS - 1) / 2
# The outermost level lies at this part of a row's largest magnitude. Of rows that are nearly
# normal, as embeddings are, this leaves the least noise: 19.4 dB below MiniLM's, and 18.2 where the
# largest value is a level.
REACH = 0.8


class FourBitRows(NamedTuple):
    """A table (n, k) as codes and scales."""

    codes: ByteArray  # (n, k), 0..15
    scales: FloatArray  # (n, 1)

    def floats(self) -> FloatArray:
        """The values that it stands for, (n, k)."""
        values: FloatArray = (self.codes - np.float32(MIDDLE)) * self.scales
        return values

    def packed(self) -> ByteArray:
        """Two codes a byte, (n, k / 2): of columns j in the lower half, of j + k / 2 in the upper.

        Raises:
            ModelFileError: when the number of columns is odd.
        """
        if self.codes.shape[1] % 2:
            raise ModelFileError(f"expected an even number of columns, got {self.codes.shape[1]}")
        low, high = np.split(self.codes, 2, axis=1)
        return low + LEVELS * high


def round_rows(table: FloatArray) -> FourBitRows:
    """Round a table (n, k) of finite values."""
    largest = np.abs(table).max(axis=1, keepdims=True)
    scales = np.maximum(REACH * largest / MIDDLE, np.finfo(np.float32).tiny).astype(np.float32)
    codes = np.clip(np.rint(table / scales + MIDDLE), 0, LEVELS - 1).astype(np.uint8)
    return FourBitRows(codes, scales)


def read_rows(graph: GraphBuilder, rows: FourBitRows, indices: str) -> str:
    """Write the reading of rows: indices (.., n) int64 -> float32 (.., n, k)."""
    packed = graph.node("Gather", graph.constant(rows.packed(), "embedding.codes"), indices)
    packed = graph.node("Cast", packed, to=onnx.TensorProto.FLOAT)
    shifted = graph.node("Mul", packed, graph.constant(np.float32(1 / LEVELS)))
    high = graph.node("Floor", shifted)
    low = graph.node("Sub", packed, graph.node("Mul", high, graph.constant(np.float32(LEVELS))))
    codes = graph.node("Concat", low, high, axis=-1)
    centred = graph.node("Sub", codes, graph.constant(np.float32(MIDDLE)))
    scales = graph.node("Gather", graph.constant(rows.scales, "embedding.scales"), indices)
    return graph.node("Mul", centred, scales)
