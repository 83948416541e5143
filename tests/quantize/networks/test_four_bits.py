"""Tables in four bits: how far the rows are off, and that a graph reads what NumPy does."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from earlet.arrays import FloatArray
from earlet.backends import open_session
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import GraphBuilder
from earlet_quantize.networks.four_bits import MIDDLE, REACH, FourBitRows, read_rows, round_rows

N, K = 40, 96


@pytest.fixture(scope="module")
def table() -> FloatArray:
    """Rows of very different sizes."""
    rng = np.random.default_rng(0)
    sizes = np.geomspace(1e-3, 1e3, N)[:, None]
    rows: FloatArray = (sizes * rng.normal(size=(N, K))).astype(np.float32)
    return rows


def reader(rows: FourBitRows) -> onnx.ModelProto:
    graph = GraphBuilder("reader")
    ids = graph.input("ids", np.int64, [1, "n"])
    graph.output("rows", read_rows(graph, rows, ids), np.float32, [1, "n", K])
    return graph.model()


def test_values_within_reach_are_off_by_half_a_step_at_most(table: FloatArray) -> None:
    found = round_rows(table).floats()
    largest = np.abs(table).max(axis=1, keepdims=True)
    step = REACH * largest / MIDDLE
    inside = np.abs(table) <= REACH * largest
    assert 0.9 < inside.mean() < 1
    assert (np.abs(found - table) <= 0.5001 * step)[inside].all()
    outermost = np.broadcast_to(REACH * largest, table.shape)
    np.testing.assert_allclose(np.abs(found)[~inside], outermost[~inside], rtol=1e-6)


def test_rows_that_are_nearly_normal_lose_one_part_in_eighty(table: FloatArray) -> None:
    # The noise of the best 16 even levels is 0.01154 of a normal distribution's power (Max,
    # "Quantizing for minimum distortion", 1960, table II). A row's largest value tells roughly
    # where these lie.
    noise = np.square(round_rows(table).floats() - table).sum(axis=1)
    power = np.square(table).sum(axis=1)
    assert np.mean(noise / power) == pytest.approx(0.01154, rel=0.1)


def test_a_graph_reads_the_rows_that_were_rounded(table: FloatArray) -> None:
    rows = round_rows(table)
    session = open_session(reader(rows).SerializeToString(), "reader", "onnxruntime")
    ids = np.array([[3, 0, N - 1, 3]])
    np.testing.assert_array_equal(session.run({"ids": ids})[0], rows.floats()[ids])


def test_a_byte_holds_two_codes_and_half_of_what_int8_takes(table: FloatArray) -> None:
    rows = round_rows(table)
    packed = rows.packed()
    assert packed.shape == (N, K // 2)
    np.testing.assert_array_equal(packed & 15, rows.codes[:, : K // 2])
    np.testing.assert_array_equal(packed >> 4, rows.codes[:, K // 2 :])
    stored = sum(len(tensor.raw_data) for tensor in reader(rows).graph.initializer)
    assert stored < 0.6 * table.size


@given(arrays(np.float32, (3, 4), elements=st.floats(-(2.0**99), 2.0**99, width=32)))
def test_any_finite_table_has_finite_rows(table: FloatArray) -> None:
    rows = round_rows(table)
    assert rows.codes.max() <= 15
    assert np.isfinite(rows.floats()).all()
    largest = np.abs(table).max(axis=1, keepdims=True)
    assert (np.abs(rows.floats()) <= np.maximum(1.001 * largest, 1e-30)).all()


def test_an_odd_number_of_columns_is_refused() -> None:
    rows = round_rows(np.ones((2, 3), np.float32))
    with pytest.raises(ModelFileError, match="even number of columns, got 3"):
        rows.packed()
