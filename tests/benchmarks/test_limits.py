"""What networks have to do, held to what their authors say of them; and the bound, by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed.limits import bound
from benchmarks.speed.machine import Machine
from benchmarks.speed.work import Counted, Product, Shape, TimedBundle, count, product
from earlet.bundle import Bundle
from earlet.tasks.audio_classification import AudioClassification
from earlet.tasks.image_classification import ImageClassification

MODELS = Path(__file__).parents[2] / "models"


def test_yamnet_multiplies_as_often_as_its_authors_say() -> None:
    """https://github.com/tensorflow/models/tree/master/research/audioset/yamnet: "69.2M multiplies
    for each 960ms frame", 3.7 million weights."""
    window = np.zeros(15_600, np.float32)
    found = of_run("yamnet", lambda opened: AudioClassification(opened).trace(window))
    assert found.macs("int8") / found.n_runs == pytest.approx(69.2e6, rel=1e-3)
    assert found.bytes_of_run == pytest.approx(3.7e6, rel=0.05)  # a byte a weight, and its scales


def test_efficientnet_multiplies_about_as_often_as_its_authors_say() -> None:
    """https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: 407 million,
    norms among them, which are part of the kernels here, and 4.7 million weights."""
    pixels = np.zeros((224, 224, 3), np.uint8)
    found = of_run("efficientnet-lite0", lambda opened: ImageClassification(opened).trace(pixels))
    assert found.macs("int8") / found.n_runs == pytest.approx(407e6, rel=0.06)
    assert found.bytes_of_run == pytest.approx(4.7e6, rel=0.05)


def of_run(name: str, use: Callable[[Bundle], object]) -> Counted:
    return count(MODELS / name, use)["network"]


@pytest.mark.parametrize(
    ("op_type", "inputs", "output", "n_macs"),
    [
        ("MatMul", [(2, 3, 5), (5, 7)], (2, 3, 7), 2 * 3 * 5 * 7),
        ("MultiHeadAttention", [(1, 3, 8), (1, 5, 8), (1, 5, 8)], (1, 3, 8), 2 * 3 * 5 * 8),
        ("Conv", [(1, 6, 9), (4, 3, 2)], (1, 4, 8), 4 * 8 * 3 * 2),  # two groups of channels
        ("LSTM", [(9, 1, 6), (1, 16, 6), (1, 16, 4)], (9, 1, 1, 4), 9 * 4 * 4 * (6 + 4)),
    ],
)
def test_operators_multiply_as_their_definition_says(
    op_type: str, inputs: list[Shape], output: Shape, n_macs: int
) -> None:
    found = product(op_type, inputs, output, n_bytes=0)
    assert found is not None
    assert found.n_macs == n_macs


def test_what_multiplies_no_matrices_counts_for_nothing() -> None:
    assert product("Softmax", [(1, 9)], (1, 9), n_bytes=0) is None


class Slow(Machine):
    """1,000 multiply-adds of integers a second, 100 of floats, 10 bytes."""

    def __init__(self) -> None:
        pass

    def int8(self, n_rows: int = 1) -> float:
        return 1_000.0 * n_rows

    def float32(self) -> float:
        return 100.0

    def reading(self, n_bytes: int) -> float:
        return 10.0 if n_bytes == 25 else 0.0


def test_a_node_takes_the_longer_of_multiplying_and_reading() -> None:
    products = (Product("int8", 4_000, 5), Product("float32", 400, 5), Product("int8", 4_000, 65))
    found = bound(Counted(products, n_runs=3), Slow())
    assert found == (4.0, 4.0, 6.5)
    assert found.total == 14.5


def test_the_time_of_each_network_is_added_up_by_its_role() -> None:
    bundle = TimedBundle(MODELS / "yamnet")
    task = AudioClassification(bundle)
    assert not bundle.used_s
    task.trace(np.zeros(15_600, np.float32))
    assert [*bundle.used_s] == ["network"]
    assert bundle.used_s["network"] > 0
