"""Inference engines behind one small protocol: arrays by name in, arrays in order out.

`open_session` takes the network as bytes, which `Bundle.read_bytes` has checked against the
manifest; no engine ever opens a file of its own accord.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from earlet.arrays import AnyArray

Backend = Literal["onnxruntime"]


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
        BackendError: when the engine is not installed, or refuses the network.
    """
    if backend == "onnxruntime":
        from earlet.backends.ort import OrtSession

        return OrtSession(network, name, threads)
    raise AssertionError(backend)  # the manifest's Literal admits nothing else
