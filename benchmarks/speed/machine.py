"""What one core of this machine can do: multiply-adds a second, and bytes a second.

    product of integers  uint8 x int8 -> int32, many rows: ONNX Runtime's MatMulInteger
    convolution          of integers, 1 x 1: ONNX Runtime's QLinearConv
    product of floats    many rows: ONNX Runtime's MatMul
    reading              one row times a matrix of any size: NumPy, which is to say its BLAS

Each is the best of several tries: a machine with other work on it is slower than it can be, and
never quicker.
"""

import time
from collections.abc import Callable
from functools import cache

import numpy as np
import onnx
import onnxruntime

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.graph import GraphBuilder

TRIES = 5
ROWS, SIZE = 256, 1_024  # of the products: matrices that fit the second cache
CHANNELS, SIDE = 256, 56  # of the convolution's picture
LEAST_READ = 8 << 20  # bytes in one try, so that the clock's steps do not matter
WIDTH = 1_024  # floats in a row of the matrix that is read


class Machine:
    """Its rates; each call measures anew."""

    def __init__(self) -> None:
        """Make the matrices."""
        numbers = np.random.default_rng(0)
        self._bytes = numbers.integers(0, 255, (ROWS, SIZE), dtype=np.uint8)
        self._floats = numbers.standard_normal((ROWS, SIZE), dtype=np.float32)
        self._picture = numbers.integers(0, 255, (1, CHANNELS, SIDE, SIDE), dtype=np.uint8)
        self._integer_product = _session(_integer_product())
        self._float_product = _session(_float_product())
        self._convolution = _session(_convolution())

    def int8(self, n_rows: int = ROWS) -> float:
        """Multiply-adds a second of a product of `n_rows` rows, at most ROWS."""
        feeds = {"x": self._bytes[:n_rows]}
        run = self._integer_product.run
        return n_rows * SIZE * SIZE / _best_s(lambda: run(None, feeds))

    def int8_convolution(self) -> float:
        """Multiply-adds a second."""
        run, feeds = self._convolution.run, {"x": self._picture}
        return CHANNELS * CHANNELS * SIDE * SIDE / _best_s(lambda: run(None, feeds))

    def float32(self) -> float:
        """Multiply-adds a second."""
        run, feeds = self._float_product.run, {"x": self._floats}
        return ROWS * SIZE * SIZE / _best_s(lambda: run(None, feeds))

    def reading(self, n_bytes: int) -> float:
        """Bytes a second of a matrix of so many, read over and over: from the cache it fits in."""
        matrix = _matrix(max(1, n_bytes // (4 * WIDTH)))
        vector = np.ones(WIDTH, dtype=np.float32)
        times = -(-LEAST_READ // matrix.nbytes)
        return times * matrix.nbytes / _best_s(lambda: [matrix @ vector for _ in range(times)])


@cache
def _matrix(n_rows: int) -> FloatArray:
    return np.ones((n_rows, WIDTH), dtype=np.float32)


def _best_s(work: Callable[[], object]) -> float:
    """CPU seconds of the quickest try."""
    work()
    found = []
    for _ in range(TRIES):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def _integer_product() -> onnx.ModelProto:
    graph = GraphBuilder("product of integers")
    x = graph.input("x", np.uint8, ["n_rows", SIZE])
    zero = graph.constant(np.uint8(128))
    y = graph.node("MatMulInteger", x, graph.constant(_weights(SIZE, SIZE)), zero)
    graph.output("y", y, np.int32, ["n_rows", SIZE])
    return graph.model()


def _float_product() -> onnx.ModelProto:
    graph = GraphBuilder("product of floats")
    x = graph.input("x", np.float32, ["n_rows", SIZE])
    weights = graph.constant(_weights(SIZE, SIZE).astype(np.float32))
    graph.output("y", graph.node("MatMul", x, weights), np.float32, ["n_rows", SIZE])
    return graph.model()


def _convolution() -> onnx.ModelProto:
    graph = GraphBuilder("convolution of integers")
    shape = [1, CHANNELS, SIDE, SIDE]
    x = graph.input("x", np.uint8, shape)
    scale, zero = graph.constant(np.float32(0.01)), graph.constant(np.uint8(128))
    weights = graph.constant(_weights(CHANNELS, CHANNELS)[:, :, None, None])
    signed_zero = graph.constant(np.int8(0))
    y = graph.node("QLinearConv", x, scale, zero, weights, scale, signed_zero, scale, zero)
    graph.output("y", y, np.uint8, shape)
    return graph.model()


def _weights(n_rows: int, n_columns: int) -> AnyArray:
    # Half of the range: without VNNI, sums of two products of full ones would saturate.
    return np.random.default_rng(1).integers(-63, 64, (n_rows, n_columns), dtype=np.int8)


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
