"""Inference engines behind one small protocol: arrays by name in, arrays in order out.

`open_session` takes the network as bytes, which `Bundle.read_bytes` has checked against the
manifest; no engine ever opens a file of its own accord.
"""

import os
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol

from earlet.arrays import AnyArray
from earlet.errors import InputError

# From 1.29 on, onnxruntime reports to its maker what it runs and where, and keeps an identifier of
# the device, unless this is set before it is imported. Nothing leaves the device through earlet.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

Backend = Literal["onnxruntime", "litert"]
MAX_THREADS = 256  # no small board has so many cores


class TensorSpec(NamedTuple):
    """An input or output of a network; None stands for a size that may vary."""

    name: str
    shape: tuple[int | None, ...]


class Session(Protocol):
    """A network ready to run, by one thread at a time."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `run` must be fed."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `run` gives, in this order."""

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        """One inference. The arrays that come back are the caller's own."""

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        """Tie C-contiguous arrays to the network: each call reads and writes them in place.

        An array that is an input and an output at once is a state that grows where it lies.
        """


def open_session(
    network: bytes,
    name: str,
    backend: Backend,
    threads: int = 1,
    *,
    inputs: Mapping[str, int] | None = None,
    outputs: Mapping[str, int] | None = None,
    lengths_vary: bool = False,
) -> Session:
    """Load a network; `name` is what messages call it.

    `inputs` and `outputs` are what the caller knows its tensors as, by name the number of axes: the
    tensors of a .tflite file, which have any names, are presented so. An ONNX graph brings its own.

    `lengths_vary`: inputs come in ever new sizes, as utterances do. onnxruntime keeps a plan of its
    memory for each size that it has seen, which makes a small network 5 % faster, and a process
    that recognises speech larger by 17 MB an hour.

    Raises:
        InputError: for an impossible number of threads.
        BackendError: when the engine is not installed, or refuses the network.
    """
    check_threads(threads)
    if backend == "onnxruntime":
        from earlet.backends.ort import OrtSession

        return OrtSession(network, name, threads, lengths_vary)
    if backend == "litert":
        from earlet.backends.litert import LitertSession

        return LitertSession(network, name, threads, inputs, outputs)
    raise AssertionError(backend)  # the manifest's Literal admits nothing else


def check_threads(threads: int) -> None:
    """Raise InputError for an impossible number of threads."""
    if not (isinstance(threads, int) and 1 <= threads <= MAX_THREADS):
        raise InputError(f"threads: expected 1 to {MAX_THREADS}, got {threads!r}")
