"""ONNX Runtime: the only module that imports onnxruntime, and only when a network is opened."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from earlet.arrays import AnyArray
from earlet.backends import TensorSpec, onnx_file
from earlet.errors import BackendError

MAX_REASON = 300  # characters of an engine's message
FATAL = 4  # log severity: what goes wrong is raised, and stderr stays the program's own


class OrtSession:
    """A network on ONNX Runtime's CPU provider.

    One thread by default: networks this small lose more by waking a second one than they gain.
    With more, idle threads sleep instead of spinning (58 % of a core at a 30 ms hop otherwise).

    All other settings are onnxruntime's own. Tried with each bundle in models/: without prepacked
    weights a network takes up to 9 MB less, and 1.1 (sentiment-en) to 60 times as long (Moonshine's
    decoder); without the arena, or with initializers outside it, memory and time stay what they
    are, to 2 MB and 5 %; from a path instead of bytes the peak is lower by the file while it is
    opened, and then nothing.
    """

    def __init__(self, network: bytes, name: str, threads: int, lengths_vary: bool = False) -> None:
        onnx_file.check(network, name)
        try:
            import onnxruntime
            from onnxruntime.capi import onnxruntime_pybind11_state as engine
        except ImportError as problem:
            raise BackendError(
                f"{name}: needs onnxruntime ({problem}): pip install onnxruntime"
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = FATAL
        options.enable_mem_pattern = not lengths_vary
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        # onnxruntime's exceptions have no common base; its Python part has builtins of its own.
        self._refusals: tuple[type[Exception], ...] = (
            engine.EPFail,
            engine.Fail,
            engine.InvalidArgument,
            engine.InvalidGraph,
            engine.InvalidProtobuf,
            engine.NoSuchFile,
            engine.NotImplemented,
            engine.RuntimeException,
            RuntimeError,
            ValueError,
        )
        self._name = name
        try:
            self._session = onnxruntime.InferenceSession(
                network,
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # trying again would be told on stdout
            )
            # The wrapper would keep the whole file, 30 MB of Moonshine tiny, for a fallback unused.
            self._session._model_bytes = None
            self.inputs = tuple(_spec(node) for node in self._session.get_inputs())
            self.outputs = tuple(_spec(node) for node in self._session.get_outputs())
        except self._refusals as problem:
            raise BackendError(f"{name}: onnxruntime refuses it: {_first_line(problem)}") from None

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        """One inference: arrays by name in, arrays in the order of `outputs` out.

        Raises:
            BackendError: when an array does not fit the network.
        """
        try:
            results: list[AnyArray] = self._session.run(None, feeds)
        except self._refusals as problem:
            raise BackendError(f"{self._name}: cannot run: {_first_line(problem)}") from None
        return results

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        """Tie arrays to the network; each call of what comes back is one inference.

        Raises:
            BackendError: when an array does not fit the network, also from the calls, or does not
                lie in memory as one piece, row by row.
        """
        binding = self._session.io_binding()
        try:
            for bind, arrays in ((binding.bind_input, inputs), (binding.bind_output, outputs)):
                for name, array in arrays.items():
                    if not array.flags.c_contiguous:
                        raise ValueError(f"{name} is not C-contiguous")
                    bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        except self._refusals as problem:
            raise BackendError(f"{self._name}: cannot bind: {_first_line(problem)}") from None

        return partial(self._run_bound, binding, (*inputs.values(), *outputs.values()))

    def _run_bound(self, binding: Any, _: tuple[AnyArray, ...]) -> None:
        """One inference; the arrays come along because they must live as long as the call."""
        try:
            self._session.run_with_iobinding(binding)
        except self._refusals as problem:
            raise BackendError(f"{self._name}: cannot run: {_first_line(problem)}") from None


def _spec(node: Any) -> TensorSpec:
    return TensorSpec(node.name, tuple(d if isinstance(d, int) else None for d in node.shape))


def _first_line(problem: Exception) -> str:
    line = (str(problem).splitlines() or [type(problem).__name__])[0]
    # Where in the source it was noticed stands in the middle, with all types of all arguments.
    return line if len(line) <= MAX_REASON else f"{line[:50]} ... {line[-MAX_REASON + 50 :]}"
