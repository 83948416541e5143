"""A tied head in two stages: all tokens are scored coarsely, the best of them exactly.

A decoder's last product, x @ embedding.T, reads as much memory as all of its layers, and is asked
only for the best of its results. So it is done with fewer values of x first:

    short  (.., n_dims)  = x @ projection
    coarse (.., n_vocab) = short @ table.T                table in 4 bits, a scale for each row
    best   (.., n_best)  = the places of the largest
    exact  (.., n_best)  = x @ embedding[best].T          embedding in int8, a scale for each row
    logits (.., n_vocab) = coarse, but exact in the places `best`

Two stages: Shim et al., "SVD-Softmax: Fast Softmax Approximation on Large Vocabulary Neural
Networks", NIPS 2017. Which values of x: those that lose least of the scores that real x have, and
not of the embedding, as in Chen et al., "DRONE: Data-aware Low-rank Compression for Large NLP
Models", NeurIPS 2021. With A = mean of x^T x, that is a singular value decomposition:

    A = root @ root.T,   embedding @ root = U S V^T
    projection = root^-T @ V[:, :n_dims],   table = embedding @ root @ V[:, :n_dims]

The first of these dimensions are far larger than the last, which a row's 16 steps would not reach;
so they are mixed, by a matrix of Hadamard's on both sides, until all are about as large.

The embedding of a token is gathered from the rows in int8.
"""

import numpy as np
import numpy.typing as npt
import onnx

from earlet.arrays import Float64Array, FloatArray
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import ORT_DOMAIN
from earlet_quantize.passes.rewriter import Rewriter
from earlet_quantize.schemes.stored import INT8_MAX

# In 1,833 steps of Moonshine tiny, on utterances and single words of speakers that the projection
# was not made with, the best token was once the 146th of the coarse, and else among the first 33.
N_DIMS = 128
N_BEST = 128
# Of the mean size of x's values, added to each: what was never seen in x is not taken for nothing.
DAMPING = 0.02
MIDDLE, LARGEST = 8, 7  # of 4 bits: those that stand for 0, and the most that they stand for
BLOCK = 32  # values that MatMulNBits packs together
INTEGER_ACTIVATIONS = 4  # MatMulNBits' accuracy_level: `short` is rounded to int8 as it comes


def two_stage_head(
    model: onnx.ModelProto, states: FloatArray, *, n_dims: int = N_DIMS, n_best: int = N_BEST
) -> None:
    """Rewrite the product with a matrix (size, n_vocab) of which columns are gathered, too.

    In place. Tokens, the indices of the Gather, are (1, n_tokens).

    Args:
        model: a decoder whose head is float.
        states: what the head was given along real texts, (n, size).
        n_dims: values of x that score all tokens, a power of two, 32 at least.
        n_best: tokens that are scored exactly.

    Raises:
        ModelFileError: when there is no such product, or it has another size than `states`, or
            less than n_dims.
    """
    rewriter = Rewriter(model)
    embedding = tied_embedding(rewriter)
    head = _Head(rewriter, embedding, states, n_dims)
    for node in rewriter.source:
        (y,) = node.output[:1]
        if embedding not in node.input:
            rewriter.keep(node)
        elif node.op_type == "Gather":
            token = node.input[1]
            rows, scales = head.rows(token, f"{y}.rows"), head.scales(token, f"{y}.scales")
            embedded = rewriter.node("Mul", rows, scales, gives=f"{y}.scaled")
            rewriter.node("Transpose", embedded, gives=y, perm=[2, 0, 1])
        else:
            head.score(node.input[0], n_best, gives=y)
    rewriter.finish()


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


class _Head:
    """The stored arrays of both stages, and the nodes that use them."""

    def __init__(self, rewriter: Rewriter, embedding: str, states: FloatArray, n_dims: int) -> None:
        rows = rewriter.stored[embedding].T  # (n_vocab, size)
        size = rows.shape[1]
        if states.shape[-1] != size or n_dims > size:
            raise ModelFileError(
                f"{embedding}: expected {states.shape[-1]} rows, as states have, and {n_dims} at "
                f"least, got {size}"
            )
        self._rewriter = rewriter
        self._name = embedding
        self._n_vocab, self._n_dims = len(rows), n_dims
        values, scale = _rounded(rows, INT8_MAX)
        self._values = rewriter.constant(f"{embedding}.int8", values)
        self._scale = rewriter.constant(f"{embedding}.scale", scale)
        projection, table = fewer_dimensions(rows, states, n_dims)
        self._projection = rewriter.constant(f"{embedding}.projection", projection)
        steps, self._step_size = _rounded(table, LARGEST)
        codes = (steps + MIDDLE).astype(np.uint8)
        packed = codes[:, 0::2] | codes[:, 1::2] << np.uint8(4)
        blocks = packed.reshape(self._n_vocab, n_dims // BLOCK, BLOCK // 2)
        self._codes = rewriter.constant(f"{embedding}.codes", blocks)

    def rows(self, indices: str, gives: str) -> str:
        """The rows at indices (.., ) as they are stored, (.., size) float32; not scaled."""
        values = self._rewriter.node("Gather", self._values, indices, gives=f"{gives}.int8")
        return self._rewriter.node("Cast", values, gives=gives, to=onnx.TensorProto.FLOAT)

    def scales(self, indices: str, gives: str) -> str:
        """What the rows at indices are to be multiplied with, (.., 1)."""
        return self._rewriter.node("Gather", self._scale, indices, gives=gives)

    def score(self, x: str, n_best: int, gives: str) -> None:
        """x (1, n_tokens, size) -> logits (1, n_tokens, n_vocab)."""
        node, integers = self._rewriter.node, self._rewriter.integers
        coarse = self._coarse(x, gives=f"{gives}.coarse")
        best = f"{gives}.best"
        node("TopK", coarse, integers(n_best), gives=[f"{gives}.best_coarse", best], sorted=0)
        rows = self.rows(best, gives=f"{gives}.rows")  # (1, n_tokens, n_best, size)
        column = node("Unsqueeze", x, integers(-1), gives=f"{gives}.column")
        exact = node("MatMul", rows, column, gives=f"{gives}.exact")
        exact = node("Mul", exact, self.scales(best, f"{gives}.scales"), gives=f"{gives}.scaled")
        exact = node("Squeeze", exact, integers(-1), gives=f"{gives}.exact_flat")
        node("ScatterElements", coarse, best, exact, gives=gives, axis=-1)

    def _coarse(self, x: str, gives: str) -> str:
        """The scores of all tokens by fewer dimensions, (1, n_tokens, n_vocab)."""
        rewriter = self._rewriter
        step = rewriter.constant(f"{self._name}.step", self._step_size)
        # The operator wants a scale for every block; the engine makes them once, when it loads.
        shape = rewriter.integers(self._n_vocab, self._n_dims // BLOCK)
        scales = rewriter.node("Expand", step, shape, gives=f"{gives}.scales")
        short = rewriter.node("MatMul", x, self._projection, gives=f"{gives}.short")
        return rewriter.node(
            "MatMulNBits",
            *(short, self._codes, scales),
            gives=gives,
            domain=ORT_DOMAIN,
            K=self._n_dims,
            N=self._n_vocab,
            bits=4,
            block_size=BLOCK,
            accuracy_level=INTEGER_ACTIVATIONS,
        )


def fewer_dimensions(
    rows: FloatArray, states: FloatArray, n_dims: int
) -> tuple[FloatArray, FloatArray]:
    """What scores states with rows best, of all that takes `n_dims` values of them.

    Args:
        rows: an embedding, (n_vocab, size).
        states: (n, size).
        n_dims: a power of two.

    Returns:
        projection (size, n_dims) and table (n_vocab, n_dims): states @ projection @ table.T is
        about states @ rows.T.
    """
    wide = states.astype(np.float64)
    moments = wide.T @ wide / len(wide)
    moments += DAMPING * np.trace(moments) / len(moments) * np.eye(len(moments))
    root = np.linalg.cholesky(moments)
    scored = rows.astype(np.float64) @ root
    _, axes = np.linalg.eigh(scored.T @ scored)  # the largest come last
    mixed = axes[:, -n_dims:] @ _hadamard(n_dims)
    projection = np.linalg.solve(root.T, mixed)
    return projection.astype(np.float32), (scored @ mixed).astype(np.float32)


def _hadamard(size: int) -> Float64Array:
    """Sylvester's matrix of a power of two: orthonormal, and all its values equally large."""
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]]) / np.sqrt(2)
    return matrix


def _rounded(rows: FloatArray, largest: int) -> tuple[npt.NDArray[np.int8], FloatArray]:
    """Rows (n, k) in whole steps up to `largest`, and the size of each row's steps, (n, 1)."""
    steps = np.abs(rows).max(axis=1, keepdims=True) / largest
    steps = np.maximum(steps, np.finfo(np.float32).tiny).astype(np.float32)  # of zeros, too
    return np.rint(rows / steps).astype(np.int8), steps
