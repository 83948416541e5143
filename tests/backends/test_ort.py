"""ONNX Runtime behind the Session protocol."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from earlet.backends import TensorSpec, open_session
from earlet.errors import BackendError


def doubling(op: str = "Add", times: int = 1) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "n"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, "n"])
    names = ["x", *(f"x{i}" for i in range(1, times)), "y"]
    nodes = [helper.make_node(op, [one, one], [two]) for one, two in pairwise(names)]
    graph = helper.make_graph(nodes, "g", [x], [y])
    opset = helper.make_opsetid("", 17)
    return bytes(helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString())


def test_a_network_runs() -> None:
    session = open_session(doubling(), "double.onnx", "onnxruntime")
    assert session.inputs == (TensorSpec("x", (1, None)),)
    assert session.outputs == (TensorSpec("y", (1, None)),)
    (y,) = session.run({"x": np.array([[1, 2.5]], dtype=np.float32)})
    np.testing.assert_array_equal(y, [[2, 5]])


@pytest.mark.parametrize(
    "feeds",
    [
        {"x": np.zeros((2, 2), dtype=np.float32)},
        {"x": np.zeros((1, 2), dtype=np.float64)},
        {"z": np.zeros((1, 2), dtype=np.float32)},
        {},
    ],
    ids=["shape", "type", "name", "nothing"],
)
def test_arrays_that_do_not_fit_are_one_line(feeds: dict[str, np.ndarray]) -> None:
    session = open_session(doubling(), "double.onnx", "onnxruntime")
    with pytest.raises(BackendError, match=r"double\.onnx: cannot run: ") as caught:
        session.run(feeds)
    assert "\n" not in str(caught.value)


def test_a_network_of_unknown_operators_is_refused_in_one_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(BackendError, match=r"odd\.onnx: onnxruntime refuses it") as caught:
        open_session(doubling("NoSuchOperator"), "odd.onnx", "onnxruntime")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_truncated_network_is_refused() -> None:
    with pytest.raises(BackendError, match=r"cut\.onnx"):
        open_session(doubling()[:-7], "cut.onnx", "onnxruntime")


@pytest.mark.parametrize(
    "program",
    [
        "import earlet; earlet.pipeline('voice-activity-detection')",
        "import earlet_quantize, onnxruntime",
    ],
)
def test_onnxruntime_keeps_no_records_for_its_maker(tmp_path: Path, program: str) -> None:
    """Its reports begin with an identifier of the device and a database in the user's cache."""
    silencing = ("ORT_DISABLE_TELEMETRY", "CI", "XDG_CACHE_HOME")
    env = {name: value for name, value in os.environ.items() if name not in silencing}
    env |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", program], env=env, timeout=60, check=True)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory of a process")
def test_inputs_of_ever_new_sizes_do_not_make_the_process_larger(tmp_path: Path) -> None:
    network = tmp_path / "network.onnx"
    network.write_bytes(doubling(times=100))
    program = f"""
import pathlib, resource, numpy as np
from earlet.backends import open_session
network = pathlib.Path({str(network)!r}).read_bytes()
session = open_session(network, "double.onnx", "onnxruntime", lengths_vary=True)
def resident_mb():
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * resource.getpagesize() / 1e6
session.run({{"x": np.zeros((1, 10_000), np.float32)}})
before = resident_mb()
for n in range(1, 10_000):
    session.run({{"x": np.zeros((1, n), np.float32)}})
print(resident_mb() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    # Of 10,000 sizes onnxruntime's own plans would take 2.9 MB, and more where a network has more
    # nodes; what a process takes anyway varies by some 0.2.
    assert float(done.stdout) < 1


def test_an_array_that_is_input_and_output_changes_where_it_lies() -> None:
    state = np.ones((1, 2), dtype=np.float32)
    step = open_session(doubling(), "double.onnx", "onnxruntime").bind({"x": state}, {"y": state})
    for _ in range(5):
        step()
    assert state.tolist() == [[2.0**5, 2.0**5]]


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (np.ones((1, 3), dtype=np.float64), "cannot run: .*data type"),
        (np.ones((1, 6), dtype=np.float32)[:, ::2], "cannot bind: x is not C-contiguous"),
        (np.ones(3, dtype=np.float32), "cannot run: .*Invalid rank"),
    ],
    ids=["type", "every other", "axes"],
)
def test_arrays_that_cannot_be_bound_are_refused(x: np.ndarray, reason: str) -> None:
    session = open_session(doubling(), "double.onnx", "onnxruntime")
    with pytest.raises(BackendError, match=rf"double\.onnx: {reason}"):
        session.bind({"x": x}, {"y": np.empty((1, 3), dtype=np.float32)})()
