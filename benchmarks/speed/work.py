"""What a bundle's networks have to do for an example: counted node by node, and timed.

ONNX Runtime tells of every node that ran which operator it was, and the shapes of what went in and
came out. A bundle is opened as it always is, but with sessions that tell.
"""

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import onnxruntime

from earlet.arrays import AnyArray
from earlet.backends import Session
from earlet.bundle import Bundle

Kind = Literal["int8", "float32"]
Shape = Sequence[int]

# Operators of ONNX and ONNX Runtime that multiply matrices, the first input's last axis with the
# table; where an operator multiplies with a kernel, which input that is.
PRODUCTS: dict[str, Kind] = {
    "DynamicQuantizeMatMul": "int8",
    "FusedGemm": "float32",
    "FusedMatMul": "float32",
    "Gemm": "float32",
    "MatMul": "float32",
    "MatMulInteger": "int8",
    "MatMulIntegerToFloat": "int8",
    "MatMulNBits": "int8",
    "QGemm": "int8",
    "QLinearMatMul": "int8",
}
CONVOLUTIONS: dict[str, tuple[Kind, int]] = {
    "Conv": ("float32", 1),
    "FusedConv": ("float32", 1),
    "QLinearConv": ("int8", 3),
}
ITEM_BYTES = {"float": 4, "int32": 4, "int64": 8, "int8": 1, "uint8": 1}


class Product(NamedTuple):
    """One node's multiplying."""

    kind: Kind
    n_macs: int  # multiply-adds
    n_bytes: int  # of what it multiplies with: weights, or keys and values


class Counted(NamedTuple):
    """A network on an example."""

    products: tuple[Product, ...]  # of all runs
    n_runs: int

    @property
    def bytes_of_run(self) -> int:
        """That a run reads."""
        return sum(product.n_bytes for product in self.products) // max(1, self.n_runs)

    def macs(self, kind: Kind) -> int:
        """Of all runs."""
        return sum(product.n_macs for product in self.products if product.kind == kind)


def product(op_type: str, inputs: Sequence[Shape], output: Shape, n_bytes: int) -> Product | None:
    """What a node multiplies; None for what counts for nothing here.

    GroupQueryAttention is left out: how many of its cache's positions are filled, no shape tells.
    It is less than a hundredth of Moonshine's decoder.
    """
    if op_type in PRODUCTS:
        return Product(PRODUCTS[op_type], math.prod(output) * inputs[0][-1], n_bytes)
    if op_type in CONVOLUTIONS:
        kind, kernel = CONVOLUTIONS[op_type]
        return Product(kind, math.prod(output) * math.prod(inputs[kernel][1:]), n_bytes)
    if op_type == "MultiHeadAttention":  # queries with keys, and weights with values
        return Product("float32", 2 * math.prod(inputs[0]) * inputs[1][1], n_bytes)
    if op_type == "LSTM":  # (n_steps, batch, n_in) with (1, 4 * size, n_in) and (1, 4 * size, size)
        n_macs = math.prod(inputs[0][:2]) * sum(map(math.prod, inputs[1:3]))
        return Product("float32", n_macs, n_bytes)
    return None


def count(bundle: Path, use: Callable[[Bundle], object]) -> dict[str, Counted]:
    """What each of a bundle's networks does, by its role, while `use` uses it."""
    with TemporaryDirectory() as folder:
        opened = _ProfiledBundle(bundle, Path(folder))
        use(opened)
        return {role: _read(path) for role, path in opened.end()}


class TimedBundle(Bundle):
    """A bundle whose networks' CPU seconds add up in `used_s`, by their role."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.used_s: dict[str, float] = defaultdict(float)

    def open_session(self, role: str, *arguments: Any, **options: Any) -> Session:
        """As `Bundle.open_session`."""
        return _Timed(super().open_session(role, *arguments, **options), role, self.used_s)


class _Timed:
    """A `Session` that looks at the clock."""

    def __init__(self, session: Session, role: str, used_s: dict[str, float]) -> None:
        self._session, self._role, self._used_s = session, role, used_s
        self.inputs, self.outputs = session.inputs, session.outputs

    def run(self, feeds: Mapping[str, AnyArray]) -> list[AnyArray]:
        start = time.process_time()
        results = self._session.run(feeds)
        self._used_s[self._role] += time.process_time() - start
        return results

    def bind(
        self, inputs: Mapping[str, AnyArray], outputs: Mapping[str, AnyArray]
    ) -> Callable[[], None]:
        run = self._session.bind(inputs, outputs)

        def timed() -> None:
            start = time.process_time()
            run()
            self._used_s[self._role] += time.process_time() - start

        return timed


class _ProfiledBundle(Bundle):
    """A bundle whose networks write down what they do."""

    def __init__(self, path: Path, folder: Path) -> None:
        super().__init__(path)
        self._folder = folder
        self._engines: dict[str, onnxruntime.InferenceSession] = {}

    def open_session(self, role: str, *arguments: Any, **options: Any) -> Session:
        session: Any = super().open_session(role, *arguments, **options)
        # The engine inside of it is put in the place of one that keeps its matrices as they are:
        # what was packed anew when it was loaded is not told of.
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        settings.enable_profiling = True
        settings.profile_file_prefix = str(self._folder / role)
        settings.add_session_config_entry("session.disable_prepacking", "1")
        engine = onnxruntime.InferenceSession(
            self.read_bytes(self.manifest.model.networks[role]),
            settings,
            providers=["CPUExecutionProvider"],
        )
        session._session = self._engines[role] = engine
        opened: Session = session
        return opened

    def end(self) -> Iterator[tuple[str, Path]]:
        """Of each network its role, and the file that tells what it did."""
        for role, engine in self._engines.items():
            yield role, Path(engine.end_profiling())


def _read(path: Path) -> Counted:
    events = json.loads(path.read_text(encoding="utf-8"))
    products = []
    for event in events:
        told = event.get("args", {})
        if event.get("cat") != "Node" or "input_type_shape" not in told:
            continue
        inputs = [shape for entry in told["input_type_shape"] for shape in entry.values()]
        (output,) = told["output_type_shape"][0].values()
        n_bytes = sum(
            ITEM_BYTES.get(kind, 0) * math.prod(shape)
            for entry in told["input_type_shape"][1:]
            for kind, shape in entry.items()
        )
        if (found := product(told["op_name"], inputs, output, n_bytes)) is not None:
            products.append(found)
    return Counted(tuple(products), sum(event["name"] == "model_run" for event in events))
