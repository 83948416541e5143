"""The two-stage head, held to products in NumPy with the very embedding that it was made of."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from earlet.arrays import AnyArray, FloatArray
from earlet_quantize.errors import ModelFileError
from earlet_quantize.graph import GraphBuilder, initializers
from earlet_quantize.passes.head import N_BEST, fewer_dimensions, two_stage_head

Runner = Callable[..., list[AnyArray]]

SIZE, N_VOCAB, N_DIMS = 96, 400, 64
STEP = 1 / 127  # of a row's largest value, as it is stored


def tied(embedding: FloatArray) -> onnx.ModelProto:
    """A token's column of the embedding, and what any x scores against all columns."""
    graph = GraphBuilder("tied")
    token = graph.input("token", np.int64, [1, "n_tokens"])
    x = graph.input("x", np.float32, [1, "n_tokens", len(embedding)])
    table = graph.constant(embedding, "embedding")
    column = graph.node("Transpose", graph.node("Gather", table, token, axis=1), perm=[1, 2, 0])
    graph.output("column", column, np.float32, [1, "n_tokens", len(embedding)])
    graph.output("logits", graph.node("MatMul", x, table), np.float32, [1, "n_tokens", N_VOCAB])
    return graph.model()


def with_head(embedding: FloatArray, states: FloatArray, n_best: int = N_BEST) -> onnx.ModelProto:
    model = tied(embedding)
    two_stage_head(model, states, n_dims=N_DIMS, n_best=n_best)
    return model


@pytest.fixture
def embedding(rng: np.random.Generator) -> FloatArray:
    return rng.normal(size=(SIZE, N_VOCAB)).astype(np.float32)


@pytest.fixture
def states(rng: np.random.Generator) -> FloatArray:
    """2,000 of them, some directions ten times as large as others, as in real networks."""
    sizes = np.logspace(0.5, -0.5, SIZE)
    turned = np.linalg.qr(rng.normal(size=(SIZE, SIZE)))[0]
    found: FloatArray = ((rng.normal(size=(2_000, SIZE)) * sizes) @ turned).astype(np.float32)
    return found


def rounded(embedding: FloatArray) -> FloatArray:
    """Each column in whole steps, the largest value of it 127."""
    scale = np.abs(embedding).max(axis=0) * STEP
    values: FloatArray = (np.rint(embedding / scale) * scale).astype(np.float32)
    return values


def test_an_embedding_is_off_by_at_most_half_a_step(
    embedding: FloatArray, states: FloatArray, run: Runner
) -> None:
    token = np.array([[0, 7, N_VOCAB - 1]])
    model = with_head(embedding, states)
    column, _ = run(model, token=token, x=np.zeros((1, 3, SIZE), np.float32))
    step = np.abs(embedding).max(axis=0)[token[0]] * STEP
    assert (np.abs(column[0] - embedding[:, token[0]].T) <= 0.501 * step[:, None]).all()


@pytest.mark.parametrize("n_tokens", [1, 3])
def test_the_best_scores_are_exact_and_in_their_places(
    n_tokens: int, embedding: FloatArray, states: FloatArray, run: Runner
) -> None:
    x = states[None, :n_tokens]
    model = with_head(embedding, states, n_best=50)
    _, logits = run(model, token=np.zeros((1, n_tokens), np.int64), x=x)
    wanted = x @ rounded(embedding)
    for found, want in zip(logits[0], wanted[0], strict=True):
        exact = np.isclose(found, want, rtol=1e-5, atol=1e-4)
        assert 50 <= exact.sum() < N_VOCAB / 2
        assert exact[want.argmax()]
        assert found.argmax() == want.argmax()


def test_the_other_scores_are_close(embedding: FloatArray, states: FloatArray, run: Runner) -> None:
    x = states[None, :100]
    model = with_head(embedding, states, n_best=1)
    _, logits = run(model, token=np.zeros((1, 100), np.int64), x=x)
    # What the smallest third of the directions holds, and 15 steps for the others.
    assert np.std(logits - x @ embedding) < 0.2 * np.std(x @ embedding)


def test_a_score_for_all_is_an_exact_score_for_all(
    embedding: FloatArray, states: FloatArray, run: Runner
) -> None:
    x = states[None, :2]
    model = with_head(embedding, states, n_best=N_VOCAB)
    _, logits = run(model, token=np.zeros((1, 2), np.int64), x=x)
    np.testing.assert_allclose(logits, x @ rounded(embedding), rtol=1e-5, atol=1e-4)


def test_no_other_dimensions_lose_less(embedding: FloatArray, states: FloatArray) -> None:
    """Eckart and Young, 1936: what the best approximation leaves are the singular values beyond."""
    projection, table = fewer_dimensions(embedding.T, states, N_DIMS)
    scores = states.astype(np.float64) @ embedding
    left = np.linalg.norm(scores - states @ projection @ table.T)
    least = np.linalg.norm(np.linalg.svd(scores, compute_uv=False)[N_DIMS:])
    assert least <= left < 1.05 * least  # damping costs the rest


def test_all_dimensions_are_about_as_large(embedding: FloatArray, states: FloatArray) -> None:
    _, table = fewer_dimensions(embedding.T, states, N_DIMS)
    sizes = np.linalg.norm(table, axis=0)
    assert sizes.max() < 1.5 * sizes.min()


def test_of_the_embedding_there_is_a_byte_a_value_and_of_the_dimensions_half_a_byte(
    embedding: FloatArray, states: FloatArray
) -> None:
    arrays = initializers(with_head(embedding, states).graph).values()
    assert [a.nbytes for a in arrays if a.dtype == np.int8] == [SIZE * N_VOCAB]
    assert [a.nbytes for a in arrays if a.dtype == np.uint8] == [N_DIMS * N_VOCAB // 2]


def test_a_column_of_zeros_scores_zero(
    embedding: FloatArray, states: FloatArray, run: Runner
) -> None:
    embedding[:, 5] = 0
    token, x = np.array([[5]]), states[None, :1]
    column, logits = run(with_head(embedding, states), token=token, x=x)
    assert not column.any()
    assert abs(logits[0, 0, 5]) < 1e-30  # whose step is the least there is


def test_a_head_that_is_not_tied_is_refused(embedding: FloatArray, states: FloatArray) -> None:
    graph = GraphBuilder("free")
    x = graph.input("x", np.float32, [1, SIZE])
    y = graph.node("MatMul", x, graph.constant(embedding))
    graph.output("y", y, np.float32, [1, N_VOCAB])
    with pytest.raises(ModelFileError, match="a head tied to an embedding"):
        two_stage_head(graph.model(), states)


def test_states_of_another_network_are_refused(embedding: FloatArray, states: FloatArray) -> None:
    with pytest.raises(ModelFileError, match="expected 95 rows, as states have"):
        two_stage_head(tied(embedding), states[:, 1:], n_dims=N_DIMS)


def test_more_dimensions_than_there_are_are_refused(
    embedding: FloatArray, states: FloatArray
) -> None:
    with pytest.raises(ModelFileError, match="and 128 at least, got 96"):
        two_stage_head(tied(embedding), states, n_dims=128)
