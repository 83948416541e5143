"""LiteRT (TensorFlow Lite): the only module that imports it, and only when a network is opened.

Two packages hold the engine. ai-edge-litert runs with any NumPy. tflite-runtime is smaller and runs
on 32-bit boards, and its last release, 2.14, was built for NumPy 1: with NumPy 2 it imports, and
fails when the first interpreter is built. So the network itself is the probe, and the first package
that gives an interpreter is taken.

Outside a session all tensors are float32; an int8, uint8 or int16 tensor of the network holds
x / scale + zero_point (https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec).
"""

import contextlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from earlet.arrays import AnyArray, FloatArray
from earlet.backends import TensorSpec, tflite_file
from earlet.errors import BackendError

INTEGERS = (np.int8, np.uint8, np.int16)  # as which a tensor may be quantized
REFUSALS = (MemoryError, RuntimeError, ValueError)  # what both packages raise for a bad network
STDERR = 2  # file descriptor


class LitertSession:
    """A network with one input and one output on LiteRT.

    A .tflite file names its tensors as it likes and often has an axis of size 1 more or less than
    `models/README.md` says: input and output are presented as `inputs` and `outputs` name them.
    """

    def __init__(
        self,
        network: bytes,
        name: str,
        threads: int,
        inputs: Mapping[str, int] | None,
        outputs: Mapping[str, int] | None,
    ) -> None:
        tflite_file.check(network, name)
        self._name = name
        self._interpreter = _interpreter(network, name, threads)
        try:
            takes = self._interpreter.get_input_details()
            gives = self._interpreter.get_output_details()
        except REFUSALS as problem:
            raise BackendError(f"{name}: cannot be used: {_one_line(problem)}") from None
        self._input = _only(takes, inputs, name, "input")
        self._output = _only(gives, outputs, name, "output")
        self.inputs = (TensorSpec(self._input.name, self._input.shape),)
        self.outputs = (TensorSpec(self._output.name, self._output.shape),)

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        """One inference: float32 of the presented shape in, float32 of the presented shape out.

        Raises:
            BackendError: when the array does not fit the network.
        """
        expected = self._input
        shapes = {name: array.shape for name, array in feeds.items()}
        if shapes != {expected.name: expected.shape}:
            found = ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "nothing"
            raise BackendError(
                f"{self._name}: cannot run: expected {expected.name} {expected.shape}, got {found}"
            )
        try:
            self._interpreter.set_tensor(expected.index, expected.encode(feeds[expected.name]))
            self._interpreter.invoke()
            result = self._interpreter.get_tensor(self._output.index)
        except REFUSALS as problem:
            raise BackendError(f"{self._name}: cannot run: {_one_line(problem)}") from None
        return [self._output.decode(result)]

    def bind(
        self,
        inputs: Mapping[str, AnyArray],  # noqa: ARG002
        outputs: Mapping[str, AnyArray],  # noqa: ARG002
    ) -> Callable[[], None]:
        """LiteRT runs classifiers, which have no state that could be kept in place.

        Raises:
            BackendError: always.
        """
        raise BackendError(f"{self._name}: a .tflite has no arrays to bind; use onnxruntime")


@dataclass(frozen=True, kw_only=True)
class _Tensor:
    """An input or output: as it is presented, and as the network itself has it."""

    name: str
    shape: tuple[int, ...]
    index: int  # the engine's number for it
    own_shape: tuple[int, ...]
    dtype: Any  # the class of a NumPy scalar
    scale: np.float32
    zero_point: np.float32
    range: tuple[np.float32, np.float32]  # of an integer type

    def encode(self, x: AnyArray) -> AnyArray:
        """float32 -> what the network takes, clipped before it is cast."""
        x = np.asarray(x, dtype=np.float32).reshape(self.own_shape)
        if self.dtype == np.float32:
            return x
        steps = x / self.scale
        np.rint(steps, out=steps)
        steps += self.zero_point
        np.clip(steps, *self.range, out=steps)
        return steps.astype(self.dtype)

    def decode(self, x: AnyArray) -> FloatArray:
        """What the network gives -> float32."""
        values: FloatArray = x.astype(np.float32, copy=False).reshape(self.shape)
        if self.dtype == np.float32:
            return values
        return (values - self.zero_point) * self.scale


def _only(
    details: list[dict[str, Any]], wanted: Mapping[str, int] | None, network: str, role: str
) -> _Tensor:
    """The one input or output of a network.

    Raises:
        BackendError: when there are more, or it is of a type or shape that earlet does not feed.
    """
    if len(details) != 1:
        names = ", ".join(str(tensor["name"]) for tensor in details) or "none"
        raise BackendError(f"{network}: expected one {role}, got {names}")
    tensor = details[0]
    dtype, (scale, zero_point) = tensor["dtype"], tensor["quantization"]
    if dtype != np.float32 and not (dtype in INTEGERS and np.isfinite(scale) and scale > 0):
        raise BackendError(
            f"{network}: expected an {role} of float32, or of int8, uint8 or int16 with a scale, "
            f"got {tensor['name']} of {dtype.__name__} with the scale {scale:g}; convert it again"
        )
    # The first axis counts the items of a batch: the engine keeps one until told otherwise.
    if (tensor["shape_signature"][1:] < 0).any():
        raise BackendError(
            f"{network}: expected an {role} of a fixed shape, got {tensor['name']} "
            f"{tuple(tensor['shape_signature'].tolist())}; convert it with fixed sizes"
        )
    shape = tuple(int(size) for size in tensor["shape"])
    name, n_axes = tensor["name"], len(shape)
    if wanted is not None and len(wanted) == 1:
        ((name, n_axes),) = wanted.items()
    # Not np.finfo, which warns on 32-bit ARM: tflite-runtime turns subnormal numbers off there.
    low, high = (-np.inf, np.inf)
    if dtype != np.float32:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return _Tensor(
        name=name,
        shape=_with_axes(shape, n_axes),
        index=tensor["index"],
        own_shape=shape,
        dtype=dtype,
        scale=np.float32(scale),
        zero_point=np.float32(zero_point),
        range=(np.float32(low), np.float32(high)),
    )


def _with_axes(shape: tuple[int, ...], n_axes: int) -> tuple[int, ...]:
    """`shape` with so many axes, where those too many have the size 1: (1, 49, 10, 1) as 3 axes.

    The last go first, and the batch's own stays; new ones come in front.
    """
    sizes = [1] * (n_axes - len(shape)) + list(shape)
    for axis in reversed(range(1, len(sizes))):
        if len(sizes) > n_axes and sizes[axis] == 1:
            del sizes[axis]
    return tuple(sizes)


def _interpreter(network: bytes, name: str, threads: int) -> Any:
    """The network in the first engine that works, ready to run.

    Raises:
        BackendError: when none works, with the reason of each; or the one that does refuses it.
    """
    reasons = []
    for package, interpreter_class in (
        ("ai-edge-litert", _ai_edge_litert),
        ("tflite-runtime", _tflite_runtime),
    ):
        try:
            with _quiet():
                interpreter = interpreter_class()(model_content=network, num_threads=threads)
                interpreter.allocate_tensors()
        except ImportError as problem:
            reasons.append(f"{package}: {_one_line(problem)}")
        except SystemError:  # what it hides, NumPy has printed: the module was built for NumPy 1
            reasons.append(f"{package}: does not start with numpy {np.__version__}")
        except REFUSALS as problem:
            raise BackendError(f"{name}: {package} refuses it: {_one_line(problem)}") from None
        else:
            return interpreter
    raise BackendError(
        f"{name}: needs LiteRT ({'; '.join(reasons)}): pip install 'earlet[litert]', "
        "or 'earlet[tflite]' for Python 3.11 and numpy 1"
    )


def _ai_edge_litert() -> Any:
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter


def _tflite_runtime() -> Any:
    from tflite_runtime.interpreter import Interpreter

    return Interpreter


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what engine and NumPy print while a network is opened from the program's stderr."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.ExitStack() as stack:
        try:
            kept = os.dup(STDERR)
        except OSError:  # the program has none
            yield
            return
        stack.callback(os.close, kept)
        null = os.open(os.devnull, os.O_WRONLY)
        stack.callback(os.close, null)
        stack.callback(os.dup2, kept, STDERR)
        os.dup2(null, STDERR)
        yield


def _one_line(problem: Exception) -> str:
    return " ".join(str(problem).split()) or type(problem).__name__
