"""Inference engines behind one small protocol: arrays by name in, arrays in order out.

`open_session` takes the network as bytes, which `Bundle.read_bytes` has checked against the
manifest; no engine ever opens a file of its own accord.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from earlet.arrays import AnyArray
from earlet.errors import InputError

Backend = Literal["onnxruntime"]
MAX_THREADS = 256  # no small board has so many cores


class TensorSpec(NamedTuple):
    """An input or output of a network; None stands for a size that may vary."""

    name: str
    shape: tuple[int | None, ...]


class Session(Protocol):
    """A network ready to run."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `run` must be fed."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `run` gives, in this order."""

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        """One inference. The arrays that come back are the caller's own."""


def open_session(network: bytes, name: str, backend: Backend, threads: int = 1) -> Session:
    """Load a network; `name` is what messages call it.

    Raises:
        InputError: for an impossible number of threads.
        BackendError: when the engine is not installed, or refuses the network.
    """
    if not (isinstance(threads, int) and 1 <= threads <= MAX_THREADS):
        raise InputError(f"threads: expected 1 to {MAX_THREADS}, got {threads!r}")
    if backend == "onnxruntime":
        from earlet.backends.ort import OrtSession

        return OrtSession(network, name, threads)
    raise AssertionError(backend)  # the manifest's Literal admits nothing else
