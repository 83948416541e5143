"""onnxruntime on the workbench: graphs optimised as far as asked, and whatever fails as one error.

What a bundle's pipeline runs goes through `earlet.backends` instead, as on the device.
"""

import onnx
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from earlet.backends.ort import FATAL
from earlet_quantize.errors import ModelFileError

AS_WRITTEN = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # every value exists
MERGED = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # constants folded, still all ONNX

# The engine's exceptions have no common base, and its tools in Python raise builtins.
FAILURES: tuple[type[Exception], ...] = (
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    onnx.shape_inference.InferenceError,
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.NotImplemented,
    state.RuntimeException,
)


def session(
    model: onnx.ModelProto, level: onnxruntime.GraphOptimizationLevel, *, optimized: str = ""
) -> onnxruntime.InferenceSession:
    """A session of one thread; `optimized` is where to write the graph that it made.

    Raises:
        one of FAILURES: when the engine refuses the network.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = optimized
    options.intra_op_num_threads = 1
    options.log_severity_level = FATAL
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def shown(model: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    """The same network with inner values among its outputs."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    known = {output.name for output in copied.graph.output}
    copied.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in known)
    return copied


def failure(what: str, problem: Exception) -> ModelFileError:
    """One of FAILURES as one line that begins with `what`."""
    reason = (str(problem).splitlines() or [type(problem).__name__])[0]
    return ModelFileError(f"{what}: {reason}")
