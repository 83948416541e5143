"""A tied head in two stages: all tokens are scored coarsely, the best of them exactly.

A decoder's last product, x @ embedding.T, reads more memory than a layer, and is asked only for
the best of its results. The embedding's rows are rounded to int8 and split into halves:

    embedding = scale * (16 * high + low),                            high and low in -8..7
    coarse (.., n_vocab) = x @ (scale * 16 * high).T                  half of the memory
    best   (.., n_best)  = the places of the largest
    exact  (.., n_best)  = x @ (scale * (16 * high + low))[best].T
    logits (.., n_vocab) = coarse, but exact in the places `best`

The embedding of a token is gathered from the same two halves, so that each is stored once.
"""

import numpy as np
import numpy.typing as npt
import onnx

from earlet.arrays import ByteArray
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import ORT_DOMAIN
from earlet_quantize.passes.rewriter import Rewriter

# In 1,135 steps of Moonshine tiny the best token was never worse than the third of the coarse. Not
# every embedding bears it: with Whisper tiny's, 8 are too few.
N_BEST = 8
LARGEST = 119  # 16 * 7 + 7: the largest value whose halves both fit
BLOCK = 32  # values that MatMulNBits packs together; a row's length must be a multiple
INTEGER_ACTIVATIONS = 4  # MatMulNBits' accuracy_level: x is rounded to int8 as it comes


def two_stage_head(model: onnx.ModelProto, n_best: int = N_BEST) -> None:
    """Rewrite the product with a matrix (size, n_vocab) of which columns are gathered, too.

    In place. Tokens, the indices of the Gather, are (1, n_tokens).

    Raises:
        ModelFileError: when there is no such product, or its size is no multiple of 32.
    """
    rewriter = Rewriter(model)
    embedding = tied_embedding(rewriter)
    halves = _Halves(rewriter, embedding)
    for node in rewriter.source:
        (y,) = node.output[:1]
        if embedding not in node.input:
            rewriter.keep(node)
        elif node.op_type == "Gather":
            rows = halves.rows(node.input[1], n_axes=2, gives=f"{y}.rows")
            rewriter.node("Transpose", rows, gives=y, perm=[2, 0, 1])
        else:
            _score(rewriter, halves, node.input[0], n_best, gives=y)
    rewriter.finish()


def _score(rewriter: Rewriter, halves: "_Halves", x: str, n_best: int, gives: str) -> None:
    """x (1, n_tokens, size) -> logits (1, n_tokens, n_vocab)."""
    coarse = halves.coarse_product(x, gives=f"{gives}.coarse")
    best = f"{gives}.best"
    rewriter.node(
        "TopK", coarse, rewriter.integers(n_best), gives=[f"{gives}.best_coarse", best], sorted=0
    )
    rows = halves.rows(best, n_axes=3, gives=f"{gives}.rows")  # (1, n_tokens, n_best, size)
    last = rewriter.integers(-1)
    column = rewriter.node("Unsqueeze", x, last, gives=f"{gives}.column")
    exact = rewriter.node("MatMul", rows, column, gives=f"{gives}.exact")
    exact = rewriter.node("Squeeze", exact, last, gives=f"{gives}.exact_flat")
    rewriter.node("ScatterElements", coarse, best, exact, gives=gives, axis=-1)


def tied_embedding(rewriter: Rewriter) -> str:
    """The name of the matrix (size, n_vocab) that is a MatMul's and of which columns are gathered.

    Raises:
        ModelFileError: when there is none.
    """
    for name, nodes in rewriter.users.items():
        if name in rewriter.stored and {node.op_type for node in nodes} == {"Gather", "MatMul"}:
            return name
    raise ModelFileError(
        "expected one matrix in a MatMul and a Gather: a head tied to an embedding"
    )


class _Halves:
    """The embedding in two tables of 4 bits a value, and a scale for each row.

    Two values are a byte, 8 added to each, the first in the lower bits; bytes are in blocks, as
    MatMulNBits wants them, (n_vocab, n_blocks, 16).
    """

    def __init__(self, rewriter: Rewriter, embedding: str) -> None:
        matrix = rewriter.stored[embedding].T
        self._rewriter = rewriter
        self._n_vocab, self._size = matrix.shape
        self._n_blocks, rest = divmod(self._size, BLOCK)
        if rest:
            raise ModelFileError(
                f"{embedding}: expected a multiple of {BLOCK} rows, got {self._size}"
            )
        scale = np.abs(matrix).max(axis=1, keepdims=True) / LARGEST
        scale = np.maximum(scale, np.finfo(np.float32).tiny)
        values = np.rint(matrix / scale).astype(np.int8)
        high = (values + 8) >> 4
        low = values - 16 * high
        self._high = rewriter.constant(f"{embedding}.high", self._packed(high))
        self._low = rewriter.constant(f"{embedding}.low", self._packed(low))
        self._scale = rewriter.constant(f"{embedding}.scale", scale)
        byte = np.arange(256)
        pairs = np.stack([byte % 16, byte // 16], axis=1).astype(np.float32) - 8
        self._low_pairs = rewriter.constant("two_stage.low_pairs", pairs)  # (256, 2)
        self._high_pairs = rewriter.constant("two_stage.high_pairs", 16 * pairs)

    def _packed(self, values: npt.NDArray[np.int8]) -> ByteArray:
        nibbles = (values + 8).astype(np.uint8)
        packed: ByteArray = nibbles[:, 0::2] | nibbles[:, 1::2] << np.uint8(4)
        return packed.reshape(self._n_vocab, self._n_blocks, BLOCK // 2)

    def rows(self, indices: str, n_axes: int, gives: str) -> str:
        """The rows of the embedding at indices (.., ), (.., size)."""
        node = self._rewriter.node
        parts = []
        for name, table, pairs in (
            ("high", self._high, self._high_pairs),
            ("low", self._low, self._low_pairs),
        ):
            packed = node("Gather", table, indices, gives=f"{gives}.{name}_bytes")
            packed = node(
                "Cast", packed, gives=f"{gives}.{name}_indices", to=onnx.TensorProto.INT32
            )
            parts.append(node("Gather", pairs, packed, gives=f"{gives}.{name}"))
        values = node("Add", *parts, gives=f"{gives}.pairs")
        shape = self._rewriter.integers(*[0] * n_axes, self._size)
        values = node("Reshape", values, shape, gives=f"{gives}.values")
        scales = node("Gather", self._scale, indices, gives=f"{gives}.scales")
        return node("Mul", values, scales, gives=gives)

    def coarse_product(self, x: str, gives: str) -> str:
        """x (1, n_tokens, size) with the upper halves of all rows, (1, n_tokens, n_vocab)."""
        rewriter = self._rewriter
        # The operator wants a scale for every block; the engine makes them once, when it loads.
        sixteen = rewriter.constant("two_stage.sixteen", np.float32(16))
        step = rewriter.node("Mul", self._scale, sixteen, gives=f"{gives}.step")
        shape = rewriter.integers(self._n_vocab, self._n_blocks)
        scales = rewriter.node("Expand", step, shape, gives=f"{gives}.scales")
        return rewriter.node(
            "MatMulNBits",
            *(x, self._high, scales),
            gives=gives,
            domain=ORT_DOMAIN,
            K=self._size,
            N=self._n_vocab,
            bits=4,
            block_size=BLOCK,
            accuracy_level=INTEGER_ACTIVATIONS,
        )
